from typing import Any

from marl_market.exchange.codes import EventKind, Reason
from marl_market.exchange.records import ASKS, BIDS
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Venue


def leaving(closes: bool, **rules: Any) -> Venue:
    """Return a venue in which seat 1 leaves after the first step."""
    venue = Venue(spec=market_spec(rules=Rules(**rules)))
    venue.market["has_arrivals"] = 1
    venue.market["seat"]["departure_step"][1] = 1
    venue.market["seat"]["closes_position"] = closes
    return venue


def test_every_seat_is_present_by_default() -> None:
    venue = Venue()
    for _ in range(3):
        venue.step()
    assert venue.market["seat"]["present"][:4].tolist() == [1, 1, 1, 1]


def test_the_orders_of_a_departing_seat_are_canceled_with_events() -> None:
    venue = leaving(closes=False)
    kept = venue.limit(0, 1, 999, 5)
    own = [venue.limit(1, 1, 998, 3), venue.limit(1, -1, 1002, 2)]
    events = venue.step()
    assert [(event.kind, event.reason, event.order_id) for event in events] == [
        (EventKind.CANCELED, Reason.SEAT_ABSENT, order) for order in own
    ]
    assert venue.market["seat"]["present"][:4].tolist() == [1, 0, 1, 1]
    assert [order.order_id for order in venue.resting(BIDS)] == [kept]
    assert venue.resting(ASKS) == []
    assert venue.step() == []


def test_what_a_leaving_seat_holds_is_kept_or_closed_as_far_as_the_book_goes() -> None:
    for closes, position in ((False, 7), (True, 3)):
        venue = leaving(closes)
        venue.limit(0, -1, 1001, 7)
        venue.take(1, 1, 7)
        venue.limit(1, 1, 1000, 9)  # its own: not what it closes with
        venue.limit(2, 1, 999, 4)
        events = venue.step()
        assert venue.account(1)["position"] == position
        assert not venue.market["seat"][1]["live"]
        filled = [event for event in events if event.kind == EventKind.FILLED]
        assert [(event.seat, event.price_ticks, event.quantity_lots) for event in filled] == (
            [(2, 999, 4), (1, 999, 4)] if closes else []
        )
        account = venue.market["seat"]["account"]
        assert account["position"].sum() == 0
        assert account["cash"].sum() + venue.market["fees_collected"] == 0


def test_a_short_position_is_bought_back() -> None:
    venue = leaving(closes=True)
    venue.limit(0, 1, 1000, 2)
    venue.take(1, -1, 2)
    venue.limit(3, -1, 1004, 5)
    venue.step()
    assert venue.account(1)["position"] == 0
    assert venue.account(3)["position"] == -2


def test_a_call_auction_closes_nothing() -> None:
    venue = leaving(closes=True, opening_auction_steps=3)
    venue.limit(0, 1, 1000, 5)
    venue.market["seat"]["account"]["position"][1] = 2
    venue.step()
    assert venue.account(1)["position"] == 2
    assert venue.market["seat"]["present"][1] == 0


def test_a_seat_that_has_left_early_does_not_come_back() -> None:
    venue = leaving(closes=False)
    venue.market["seat"]["arrival_step"][2] = 2
    venue.reopen()
    assert venue.market["seat"]["present"][:4].tolist() == [1, 1, 0, 1]
    present = []
    for _ in range(4):
        venue.step()
        present.append(venue.market["seat"]["present"][:4].tolist())
    assert present == [[1, 0, 0, 1], [1, 0, 1, 1], [1, 0, 1, 1], [1, 0, 1, 1]]
