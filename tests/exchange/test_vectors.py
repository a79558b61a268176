"""The vector instructions on keys near the best price, beside what lists do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marl_market.exchange.compiled import compiled
from marl_market.exchange.vectors import NEAR_KEYS, count_not_below, move_down, move_up

SIZE = 3 * NEAR_KEYS
FIRST = st.integers(1, SIZE - NEAR_KEYS - 1)
"""Possible beginnings of a window, with a key before and behind it."""

KEYS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=SIZE, max_size=SIZE)


@compiled
def counted(keys, first, key):  # type: ignore[no-untyped-def]
    return count_not_below(keys, first, key)


@compiled
def moved(keys, first, position, up):  # type: ignore[no-untyped-def]
    if up:
        move_up(keys, first, position)
    else:
        move_down(keys, first, position)


@given(KEYS, FIRST, st.data())
def test_keys_that_are_not_below_one_are_counted(keys: list[int], first: int, data: st.DataObject) -> None:
    window = keys[first : first + NEAR_KEYS]
    key = data.draw(st.sampled_from(window) | st.integers(-(2**63), 2**63 - 1))
    assert counted(np.array(keys), first, key) == sum(one >= key for one in window)


@given(KEYS, FIRST, st.integers(0, NEAR_KEYS - 1))
def test_moving_up_makes_room_at_a_position(keys: list[int], first: int, place: int) -> None:
    array, position = np.array(keys), first + place
    moved(array, first, position, True)
    end = first + NEAR_KEYS
    assert array.tolist() == keys[: position + 1] + keys[position : end - 1] + keys[end:]


@given(KEYS, FIRST, st.integers(0, NEAR_KEYS - 1))
def test_moving_down_closes_the_gap_at_a_position(keys: list[int], first: int, place: int) -> None:
    array, position = np.array(keys), first + place
    moved(array, first, position, False)
    end = first + NEAR_KEYS
    assert array.tolist() == keys[:position] + keys[position + 1 : end + 1] + keys[end:]
