import numpy as np
import pytest

from marl_market.exchange.codes import CommandKind
from marl_market.exchange.commands import (
    BEYOND_QUANTITY,
    HIGHEST_PRICE,
    NO_PRICE,
    cancel,
    cancel_all,
    submit_limit,
    submit_market,
)
from marl_market.exchange.records import SEAT_COMMANDS
from tests.builders import commands_of, seat_record


def test_commands_are_written_in_order() -> None:
    seat = seat_record()
    assert submit_limit(seat, 1, 99.0, 3)
    assert submit_market(seat, -1, 4)
    assert cancel(seat, 2**40 + 7)
    assert cancel_all(seat)
    assert commands_of(seat) == [
        (CommandKind.LIMIT, 1, 99, 3),
        (CommandKind.MARKET, -1, 0, 4),
        (CommandKind.CANCEL, 0, 0, 0),
        (CommandKind.CANCEL_ALL, 0, 0, 0),
    ]
    assert seat["command"]["order_id"][:4].tolist() == [0, 0, 2**40 + 7, 0]


@pytest.mark.parametrize(
    ("price", "bid", "ask"),
    [
        (99.49, 99, 99),
        (99.51, 100, 100),
        (99.5, 99, 100),
        (100.5, 100, 101),
        (-0.5, -1, 0),
        (-3.0, -3, -3),
        (3e9, HIGHEST_PRICE, HIGHEST_PRICE),
        (-3e9, -HIGHEST_PRICE, -HIGHEST_PRICE),
        (1e300, HIGHEST_PRICE, HIGHEST_PRICE),
        (-np.inf, -HIGHEST_PRICE, -HIGHEST_PRICE),
        (np.nan, NO_PRICE, NO_PRICE),
    ],
)
def test_prices_are_rounded_alike_on_both_sides_and_kept_in_range(price: float, bid: int, ask: int) -> None:
    seat = seat_record()
    submit_limit(seat, 1, price, 1)
    submit_limit(seat, -1, price, 1)
    assert seat["command"]["price_ticks"][:2].tolist() == [bid, ask]


@pytest.mark.parametrize(
    ("quantity", "lots"),
    [
        (3, 3),
        (2**53 + 1, 2**53 + 1),
        (2.9, 2),
        (-2.9, 0),
        (-3, 0),
        (np.nan, 0),
        (np.inf, BEYOND_QUANTITY),
        (1e300, BEYOND_QUANTITY),
        (-np.inf, 0),
        (2**63 - 1, BEYOND_QUANTITY),
    ],
)
def test_quantities_are_whole_lots_or_ones_that_are_rejected(quantity: float, lots: int) -> None:
    seat = seat_record()
    submit_limit(seat, 1, 99.0, quantity)
    submit_market(seat, -1, quantity)
    assert seat["command"]["quantity_lots"][:2].tolist() == [lots, lots]


def test_a_full_list_takes_no_more() -> None:
    seat = seat_record()
    assert [submit_market(seat, 1, size) for size in range(1, SEAT_COMMANDS + 1)] == [True] * SEAT_COMMANDS
    before = (seat["command"].tolist(), int(seat["command_count"]))
    assert not submit_limit(seat, 1, 99.0, 3)
    assert not submit_market(seat, 1, 3)
    assert not cancel(seat, 3)
    assert not cancel_all(seat)
    assert (seat["command"].tolist(), int(seat["command_count"])) == before
    assert [quantity for *_, quantity in commands_of(seat)] == list(range(1, SEAT_COMMANDS + 1))
