"""Queue-reactive flow: its rates are those of the queues that the book shows."""

import math
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.queue_reactive import QueueReactive
from tests.agents.scripted.trader_seat import CANCEL, LIMIT, MARKET, SPEC, TraderSeat
from tests.builders import public_record, show_levels

STEPS = 4000
AGENT = QueueReactive(
    limit=((0.1, 0.2, 0.3), (0.05, 0.1, 0.15)),
    cancel=((0.0, 0.2, 0.4), (0.0, 0.1, 0.2)),
    market=((0.0, 0.6, 0.3), (0.0, 0.2, 0.1)),
    unit=(1.0, 0.5),
    width=1.0,
)
"""Queues of four ticks each, counted by 20 and by 10 lots; 4 limit orders, 1 market order, 2 cancels a step."""


def book(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> Any:
    public = public_record()
    show_levels(public, bids, asks)
    return public


def counts(trader: TraderSeat, public: Any) -> dict[tuple[int, int, int], float]:
    """Return the mean number a step of each (kind, side, price), price 0 of a market order; a cancel's is its order."""
    found: dict[tuple[int, int, int], float] = {}
    for _ in range(STEPS):
        trader.commands(public)
        for sent in trader.seat["command"][: trader.seat["command_count"]]:
            kind = int(sent["kind"])
            place = int(sent["order_id"] if kind == CANCEL else sent["price_ticks"] if kind == LIMIT else 0)
            key = (kind, 0 if kind == CANCEL else int(sent["side"]), place)
            found[key] = found.get(key, 0.0) + 1 / STEPS
    return found


def total(found: dict[tuple[int, int, int], float], kind: int, side: int, prices: range) -> float:
    return sum(found.get((kind, side, price), 0.0) for price in prices)


def test_each_queue_has_the_orders_of_its_size_and_distance() -> None:
    # bids: 15 lots in 1000 .. 997 (one unit of 20), 10 + 20 in 996 .. 993 (three of 10, told apart up to two);
    # asks: nothing in 1000 .. 1003, 5 lots in 1004 .. 1007 (one of 10), 7 beyond
    public = book([(998, 15), (995, 10), (994, 20)], [(1005, 5), (1010, 7)])
    public["reference_ticks"] = 1000.0
    found = counts(TraderSeat(AGENT), public)
    expected = {
        (LIMIT, 1, range(997, 1001)): 0.2 * 4,
        (LIMIT, 1, range(993, 997)): 0.15 * 4,
        (LIMIT, -1, range(1000, 1004)): 0.1 * 4,
        (LIMIT, -1, range(1004, 1008)): 0.1 * 4,
        (MARKET, 1, range(1)): 0.2,  # meets the ask of the second range
        (MARKET, -1, range(1)): 0.6,  # meets the bid of the first
    }
    for (kind, side, prices), mean in expected.items():
        assert abs(total(found, kind, side, prices) - mean) < 4 * math.sqrt(mean / STEPS)
    assert sum(found.values()) == pytest.approx(sum(expected.values()), rel=0.05), "and nothing else"
    for price in range(997, 1001):
        assert found[(LIMIT, 1, price)] == pytest.approx(0.2, rel=0.2)


def test_a_mid_price_between_two_ticks_has_as_many_prices_on_each_side() -> None:
    found = counts(TraderSeat(AGENT), book([(998, 15)], [(1001, 5)]))
    prices = {side: sorted(price for kind, other, price in found if (kind, other) == (LIMIT, side)) for side in (1, -1)}
    assert prices == {1: list(range(992, 1000)), -1: list(range(1000, 1008))}


def test_a_seat_cancels_its_share_of_the_cancels_of_a_queue() -> None:
    public = book([(998, 15), (990, 3)], [(1002, 25)])
    public["level"]["orders"] = 5
    trader = TraderSeat(AGENT)
    trader.rest(0, 1, 998, 3, order_id=50)
    trader.rest(1, -1, 1002, 3, order_id=51)
    trader.rest(2, 1, 990, 3, order_id=52)  # beyond the last range, which is empty
    found = counts(trader, public)
    for order_id, hazard in ((50, 0.2 * 2 / 5), (51, 0.4 * 2 / 5), (52, 0.0)):
        chance = 1 - math.exp(-hazard)
        assert abs(found.get((CANCEL, 0, order_id), 0.0) - chance) <= 4 * math.sqrt(chance * (1 - chance) / STEPS)


def test_limit_and_market_orders_are_shared_by_the_seats_and_cancels_are_not() -> None:
    one, two = (np.array(AGENT.parameters(SPEC, seats)) for seats in (1, 2))
    changed = np.flatnonzero(one != two)
    assert two[changed] == pytest.approx(one[changed] / 2)
    assert changed.size == 6 + 4  # intensities of limit and market orders above zero


def test_an_empty_book_fills_and_gets_no_market_order() -> None:
    found = counts(TraderSeat(AGENT), public_record())
    assert {kind for kind, _, _ in found} == {LIMIT}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"unit": ()}, "queue_reactive.unit is"),
        ({"unit": (1.0, 0.0, 1.0)}, "queue_reactive.unit is"),
        ({"limit": ((0.1, 0.2),) * 2}, "queue_reactive.limit is .* 3 rows of 2 intensities"),
        ({"market": ((0.1, 0.2, 0.3),) * 3}, "queue_reactive.market is .* 3 rows of 4 intensities"),
        ({"cancel": ((0.0, 0.2, 0.4, -0.1),) * 3}, "queue_reactive.cancel is"),
        ({"width": 0.0}, "queue_reactive.width is 0.0"),
        (
            dict.fromkeys(("limit", "cancel", "market"), ((0.1,) * 2000,) * 3),
            "queue_reactive.limit is '2000 sizes'; it must be at most",
        ),
    ],
)
def test_a_parameter_that_is_none_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        QueueReactive(**changes)
