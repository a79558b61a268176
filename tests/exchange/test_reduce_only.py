"""Reduce-only orders never open, increase or reverse a position, and shrink with it."""

from marl_market.exchange.codes import CommandKind, EventKind, Reason
from marl_market.exchange.records import ASKS, SELL_STOPS
from marl_market.market.credit import Credit
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Venue

BUY, SELL = 1, -1
LIMIT, STOP = CommandKind.LIMIT, CommandKind.STOP


def holder(lots: int = 10, **changes: object) -> Venue:
    """Return a venue in which seat 0 is long."""
    venue = Venue(4, market_spec(**changes))
    venue.limit(1, SELL, 1000, lots)
    venue.take(0, BUY, lots)
    return venue


def left(venue: Venue, ladder: int) -> list[int]:
    return [order.leaves_quantity + order.hidden_quantity for order in venue.resting(ladder)]


def test_without_a_position_to_reduce_it_is_rejected() -> None:
    venue = holder()
    for seat, side in ((0, BUY), (2, BUY), (2, SELL)):
        assert venue.send(seat, LIMIT, side, 1000, 1, reduce_only=1)[0].reason == Reason.REDUCE_ONLY


def test_it_is_accepted_for_at_most_the_position() -> None:
    venue = holder()
    accepted, rested = venue.send(0, LIMIT, SELL, 1005, 25, reduce_only=1)
    assert (accepted.quantity_lots, rested.quantity_lots) == (10, 10)
    venue.limit(2, BUY, 1001, 30)
    assert venue.send(0, CommandKind.MARKET, SELL, 0, 25, reduce_only=1)[0].quantity_lots == 10
    assert int(venue.account(0)["position"]) == 0
    assert left(venue, ASKS) == []


def test_it_shrinks_with_the_position_and_ends_with_it() -> None:
    venue = holder()
    venue.send(0, LIMIT, SELL, 1005, 10, reduce_only=1, display_lots=3)
    venue.send(0, STOP, SELL, 0, 8, trigger_ticks=990, reduce_only=1)
    venue.limit(2, BUY, 1001, 4)
    events = venue.take(0, SELL, 4)
    assert left(venue, ASKS) == [6]
    assert left(venue, SELL_STOPS) == [6]
    cut = [(event.quantity_lots, event.leaves_quantity) for event in events if event.reason == Reason.REDUCE_ONLY]
    assert cut == [(4, 6), (2, 6)], "the hidden part first: nothing displayed has left"
    venue.take(3, BUY, 6)
    assert int(venue.account(0)["position"]) == 0
    assert left(venue, SELL_STOPS) == []


def test_one_order_that_sweeps_several_of_them_does_not_reverse_the_position() -> None:
    venue = holder()
    for price in (1005, 1006, 1007):
        venue.send(0, LIMIT, SELL, price, 10, reduce_only=1)
    venue.take(2, BUY, 25)
    assert int(venue.account(0)["position"]) == 0
    assert left(venue, ASKS) == []


def test_a_position_that_reverses_cancels_it() -> None:
    venue = holder()
    venue.send(0, LIMIT, SELL, 1005, 10, reduce_only=1)
    venue.limit(2, BUY, 1001, 15)
    assert venue.take(0, SELL, 15)[-1].reason == Reason.REDUCE_ONLY
    assert left(venue, ASKS) == []


def test_a_replacement_cannot_exceed_the_position() -> None:
    venue = holder()
    order = venue.send(0, LIMIT, SELL, 1005, 4, reduce_only=1)[0].order_id
    assert venue.send(0, CommandKind.REPLACE, SELL, 1006, 50, order)[1].quantity_lots == 10


def test_all_of_a_seat_that_executes_in_a_call_auction_does_not_reverse_it() -> None:
    venue = holder(rules=Rules(closing_auction_steps=1), session_steps=2)
    venue.step()
    for price in (1001, 1002):
        venue.send(0, LIMIT, SELL, price, 10, reduce_only=1)
    venue.limit(0, SELL, 1001, 3)
    venue.limit(2, BUY, 1004, 40)
    events = venue.step()
    assert sum(event.quantity_lots for event in events if event.kind == EventKind.FILLED and event.seat == 0) == 10
    assert int(venue.account(0)["position"]) == 0
    assert left(venue, ASKS) == []


def test_several_of_them_need_no_margin_and_no_short_limit() -> None:
    venue = holder(credit=Credit(initial_cash=150, initial_units=1, initial_margin=1.0, short_limit=0))
    for price in (1005, 1006):
        assert venue.send(0, LIMIT, SELL, price, 11, reduce_only=1)[0].kind == EventKind.ACCEPTED
    assert venue.send(0, LIMIT, SELL, 1007, 1)[0].reason == Reason.SHORT_LIMIT, "they may sell all before it does"
