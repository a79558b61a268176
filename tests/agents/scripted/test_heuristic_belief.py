"""The beliefs of Gjerstad and Dickhaut, counted by hand."""

from typing import Any

import pytest

from marl_market.agents.scripted.assignment import Assignments
from marl_market.agents.scripted.heuristic_belief import HeuristicBelief, belief
from marl_market.exchange.codes import PublicKind
from tests.agents.scripted.trader_seat import TraderSeat
from tests.builders import public_record, show_levels

REST, TRADE, CANCEL = int(PublicKind.REST), int(PublicKind.TRADE), int(PublicKind.CANCEL)
HISTORY = [(TRADE, -1, 998), (TRADE, 1, 1001), (REST, -1, 1003), (REST, -1, 999), (REST, 1, 1000), (REST, 1, 997)]
"""A bid was taken at 998 and an ask at 1001; two asks and two bids came to rest."""


def after(history: list[tuple[int, int, int]], sign: int = 1) -> Any:
    """Return a record with that history; a `sign` of -1 mirrors it about 1000."""
    public = public_record(event_count=len(history))
    for place, (kind, side, price) in enumerate(history):
        public["event"][place] = (0, 5, 1000 + sign * (price - 1000), kind, sign * side)
    return public


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("price", "chance"),
    [
        (1000, 2 / 3),  # taken 998, asked 999; rejected 1000
        (999, 2 / 3),
        (998, 1.0),  # taken 998; two were no lower, less the one taken: bids at 1000 rejected, 998 taken
        (997, 0.0),
        (1001, 1.0),
        (996, 0.0),
    ],
)
def test_belief_is_the_share_of_what_was_accepted(price: int, chance: float, sign: int) -> None:
    assert belief(after(HISTORY, sign), sign, 1000.0 + sign * (price - 1000)) == pytest.approx(chance)


def test_what_reaches_the_other_side_is_certain_and_what_is_unknown_is_not_believed() -> None:
    public = after([])
    assert belief(public, 1, 1000.0) == 0.0
    show_levels(public, bids=[], asks=[(1000, 5)])
    assert belief(public, 1, 1000.0) == 1.0
    assert belief(public, 1, 999.0) == 0.0


def test_cancels_say_nothing() -> None:
    assert belief(after([*HISTORY, (CANCEL, 1, 1000), (CANCEL, -1, 990)]), 1, 1000.0) == pytest.approx(2 / 3)


def test_only_the_events_that_there_are_count() -> None:
    public = after(HISTORY)
    public["event_count"] = 1
    assert belief(public, 1, 1000.0) == 1.0


@pytest.mark.parametrize("sign", [1, -1])
def test_it_quotes_the_price_of_the_highest_expected_gain(sign: int) -> None:
    # limit 1010: 998 gains 12 for sure, 1000 and 999 two thirds of 10 and 11
    customers = Assignments(side="buy" if sign > 0 else "sell", limits=((10.0 + sign * 0.1,),))
    trader = TraderSeat(HeuristicBelief(customers))
    assert trader.orders(after(HISTORY, sign))[0][1:3] == (sign, 1000 - sign * 2)
    bare = [event for event in HISTORY if event[2] != 998]  # without it: 999 is .5 of 11, 1001 all of 9
    assert TraderSeat(HeuristicBelief(customers)).orders(after(bare, sign))[0][2] == 1000 + sign


def test_it_outbids_by_a_tick_what_was_not_accepted() -> None:
    # 995 and 1000 gain half of 15 and 10, 1001 all of 9
    trader = TraderSeat(HeuristicBelief(Assignments(side="buy", limits=((10.1,),))))
    assert trader.orders(after([(REST, 1, 1000), (REST, -1, 995)]))[0][2] == 1001


def test_it_takes_the_other_side_where_that_is_best_and_waits_where_nothing_gains() -> None:
    trader = TraderSeat(HeuristicBelief(Assignments(side="buy", limits=((10.1,),))))
    assert trader.orders(after([])) == []
    public = after([])
    show_levels(public, bids=[], asks=[(1005, 5)])
    assert trader.orders(public)[0][2] == 1005
    show_levels(public, bids=[], asks=[(1010, 5)])
    assert trader.orders(public) == []
