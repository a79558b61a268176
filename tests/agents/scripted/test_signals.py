"""Traders that hold a position on a signal of the prices or the book."""

from typing import Any

import pytest

from marl_market.agents.scripted.imbalance import Imbalance
from marl_market.agents.scripted.mean_reversion import MeanReversion
from tests.agents.scripted.trader_seat import TraderSeat
from tests.builders import public_record, show_levels


@pytest.mark.parametrize("side", [1, -1])
def test_mean_reversion_sells_what_is_dear_holds_and_closes_when_the_price_is_back(side: int) -> None:
    # a weight of one half: the average is 1000, 1006, 1007.5, 1005.25
    moves = [0.0, 12.0, 9.0, 3.0]
    trader = TraderSeat(MeanReversion(half_life_seconds=1.0, threshold=1.0))
    positions = trader.play(public_record(reference_ticks=1000.0 + side * move) for move in moves)
    assert positions == [0, -6 * side, -6 * side, 0]


def book(bids: list[int], asks: list[int]) -> Any:
    public = public_record()
    show_levels(
        public, [(999 - i, lots) for i, lots in enumerate(bids)], [(1001 + i, lots) for i, lots in enumerate(asks)]
    )
    return public


def test_imbalance_buys_above_its_threshold_holds_and_closes_when_the_sign_turns() -> None:
    books = [book([80], [20]), book([81], [19]), book([51], [49]), book([49], [51]), book([19], [81])]
    assert TraderSeat(Imbalance(threshold=0.6)).play(books) == [0, 6, 6, 0, -6]


def test_imbalance_adds_up_its_levels_and_stands_aside_in_an_empty_book() -> None:
    books = [book([10, 90], [10, 5]), book([], []), book([], [5])]
    assert TraderSeat(Imbalance(levels=2)).play(books) == [6, 6, -6]
    assert TraderSeat(Imbalance(levels=1)).play(books[:1]) == [0]


@pytest.mark.parametrize(
    ("agent", "name", "value"),
    [(MeanReversion, "threshold", 0.0), (Imbalance, "levels", 11), (Imbalance, "threshold", 1.0)],
)
def test_a_parameter_that_is_none_is_named(agent: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"\w+\.{name} is {value}; it must be"):
        agent(**{name: value})
