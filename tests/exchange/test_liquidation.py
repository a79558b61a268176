"""Account checks as a step begins; a lot at the mark of 1000 ticks has the value 10."""

from typing import Any

from marl_market.exchange.codes import CommandKind, EventKind, Phase, Reason
from marl_market.exchange.liquidation import cancel_uncovered
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Event, Venue

BUY, SELL = 1, -1
DOLLAR = 10**6


def leveraged(rules: Rules | None = None, **credit: Any) -> Venue:
    """Return a venue at which seat 0 holds 100 lots bought at 1000, nine tenths of them borrowed, and quotes."""
    given = Credit(**{"initial_cash": 200, "initial_margin": 0.1, "maintenance_margin": 0.05, **credit})
    venue = Venue(5, market_spec(credit=given, fees=Fees(taker_rate=0.001), rules=rules or Rules()))
    venue.limit(0, BUY, 1000, 100)
    venue.send(1, CommandKind.MARKET, SELL, 0, 50)
    venue.send(2, CommandKind.MARKET, SELL, 0, 50)
    assert int(venue.account(0)["position"]) == 100
    venue.limit(0, SELL, 1100, 30)
    venue.send(0, CommandKind.STOP, SELL, trigger_ticks=500, quantity_lots=20)
    return venue


def quote(venue: Venue, bid: int, ask: int, bought: int, sold: int = 2) -> list[Event]:
    """Let seat 3 quote until the mark is in the middle; return what happened as the last step began."""
    venue.send(3, CommandKind.CANCEL_ALL)
    assert venue.limit(3, BUY, bid, bought) > 0
    assert venue.limit(3, SELL, ask, sold) > 0
    venue.step()
    return venue.step()


def summary(events: list[Event]) -> list[tuple[int, int, int, int]]:
    return [(event.kind, event.reason, event.seat, event.quantity_lots) for event in events]


def test_a_covered_account_is_left_alone() -> None:
    venue = leveraged()
    assert quote(venue, 845, 849, 100) == []  # 847 leave 47 of 42.35 that are asked
    assert len(venue.resting(1)) == 2


def test_an_uncovered_account_is_closed_at_market_by_the_venue() -> None:
    venue = leveraged()
    venue.limit(4, BUY, 835, 40)
    events = quote(venue, 840, 842, 60)  # 841 leave 41 of 42.05
    assert summary(events) == [
        (EventKind.CANCELED, Reason.LIQUIDATION, 0, 30),
        (EventKind.CANCELED, Reason.LIQUIDATION, 0, 20),
        (EventKind.ACCEPTED, Reason.LIQUIDATION, 0, 100),
        (EventKind.FILLED, Reason.NONE, 3, 60),
        (EventKind.FILLED, Reason.NONE, 0, 60),
        (EventKind.FILLED, Reason.NONE, 4, 40),
        (EventKind.FILLED, Reason.NONE, 0, 40),
    ]
    account, seat = venue.account(0), venue.market["seat"][0]
    assert (int(account["position"]), int(seat["live"]), int(seat["present"])) == (0, 0, 1)
    assert int(account["cash"]) == (-1000 + 504 + 334) * DOLLAR - 838_000  # and the taker's fee
    assert venue.step() == [], "38 are left: it may go on"
    assert venue.limit(0, BUY, 830, 4) > 0


def test_what_the_book_cannot_take_is_tried_again() -> None:
    venue = leveraged()
    events = quote(venue, 830, 832, 10)
    assert summary(events)[-1] == (EventKind.CANCELED, Reason.NO_LIQUIDITY, 0, 90)
    assert summary(venue.step()) == [
        (EventKind.ACCEPTED, Reason.LIQUIDATION, 0, 90),
        (EventKind.CANCELED, Reason.NO_LIQUIDITY, 0, 90),
    ]
    venue.limit(4, BUY, 829, 100)
    assert summary(venue.step())[0] == (EventKind.ACCEPTED, Reason.LIQUIDATION, 0, 90)
    assert int(venue.account(0)["position"]) == 0


def test_a_short_position_is_bought_back() -> None:
    venue = Venue(4, market_spec(credit=Credit(200, 0, 0.1, 0.05), fees=Fees()))
    venue.limit(1, BUY, 1000, 100)
    venue.send(0, CommandKind.MARKET, SELL, 0, 100)
    events = quote(venue, 1148, 1150, 2, 100)
    assert summary(events)[0] == (EventKind.ACCEPTED, Reason.LIQUIDATION, 0, 100)
    assert events[0].side == BUY
    assert int(venue.account(0)["cash"]) == -150 * DOLLAR
    assert int(venue.market["seat"][0]["present"]) == 1


def test_a_bankrupt_leaves_its_debt_stays_and_nothing_it_sends_is_accepted() -> None:
    venue = leveraged()
    quote(venue, 700, 702, 100)
    account, seat = venue.account(0), venue.market["seat"][0]
    assert (int(account["position"]), int(seat["present"])) == (0, 0)
    assert int(account["cash"]) == -300 * DOLLAR - 700_000
    assert venue.send(0, CommandKind.LIMIT, SELL, 700, 1)[0].reason == Reason.SEAT_ABSENT
    assert venue.send(0, CommandKind.CANCEL_ALL) == []
    for _ in range(3):
        assert venue.step() == []
    assert int(account["cash"]) == -300 * DOLLAR - 700_000
    accounts = venue.market["seat"]["account"]
    assert int(accounts["position"].sum()) == int(accounts["cash"].sum()) + int(venue.market["fees_collected"]) == 0
    venue.reopen()
    assert venue.limit(0, SELL, 700, 1) > 0


def test_a_stop_that_a_liquidation_triggers_wakes_at_once() -> None:
    venue = leveraged()
    quote(venue, 845, 847, 100)
    venue.limit(4, BUY, 800, 10)
    venue.send(2, CommandKind.STOP, BUY, trigger_ticks=700, quantity_lots=1)
    venue.send(1, CommandKind.STOP, SELL, trigger_ticks=840, quantity_lots=7)
    events = quote(venue, 839, 843, 100)
    assert [event.seat for event in events if event.kind == EventKind.TRIGGERED] == [1]
    assert events[-1].kind == EventKind.FILLED
    assert (events[-1].seat, events[-1].price_ticks) == (1, 800)


def test_while_trading_is_halted_no_account_is_liquidated() -> None:
    venue = leveraged(Rules(halt_move_ticks=50, halt_window_steps=1000, halt_steps=3))
    venue.limit(3, BUY, 840, 100)
    venue.limit(3, SELL, 842, 2)
    venue.send(4, CommandKind.MARKET, BUY, 0, 1)
    assert venue.step() == []
    for _ in range(3):
        assert int(venue.market["phase"]) == Phase.HALTED
        events = venue.step()
    assert int(venue.market["phase"]) == Phase.CONTINUOUS
    assert len(events) == 0  # no seat could trade with what stood in the halt
    assert summary(venue.step())[2] == (EventKind.ACCEPTED, Reason.LIQUIDATION, 0, 100)


def test_a_loan_costs_its_rate_a_step_and_goes_to_the_venue() -> None:
    rate = 31.536  # a millionth of a year's is a second's
    spec = market_spec(credit=Credit(initial_cash=100, initial_units=5, lending_rate=rate), fees=Fees())
    venue = Venue(3, spec)
    venue.limit(0, BUY, 1000, 30)
    venue.send(1, CommandKind.MARKET, SELL, 0, 30)
    assert venue.step() == []
    assert int(venue.account(0)["fees"]) == 200  # for 200 that it has spent beyond its 100
    assert int(venue.account(1)["fees"]) == 250  # for 25 lots that it owes
    assert int(venue.account(2)["fees"]) == 0
    assert int(venue.account(0)["cash"]) == -300 * DOLLAR - 200
    venue.step()
    assert int(venue.account(1)["cash"]) == 300 * DOLLAR - 500
    assert int(venue.market["fees_collected"]) == 900


def test_during_the_warmup_no_account_pays_or_is_closed() -> None:
    venue = leveraged(lending_rate=30.0)
    venue.market["public"]["step"] = -3
    quote(venue, 700, 702, 100)
    assert int(venue.account(0)["position"]) == 100
    assert int(venue.market["fees_collected"]) == int(venue.account(1)["fees"]) + int(venue.account(2)["fees"])
    assert venue.step()[0].reason == Reason.LIQUIDATION


def test_at_the_open_the_last_orders_beyond_the_account_are_canceled() -> None:
    venue = Venue(3, market_spec(credit=Credit(100, 10, 1.0, short_limit=0)))
    orders = [venue.limit(0, side, 1000 - 10 * side, 4) for side in (BUY, SELL, BUY, SELL)]
    orders += [venue.send(0, CommandKind.STOP, SELL, trigger_ticks=900, quantity_lots=2)[0].order_id]
    venue.limit(1, BUY, 980, 10)
    venue.publish()
    earlier = venue.market["public"].copy()
    cancel_uncovered(venue.market)
    assert venue.market["public"] == earlier, "nothing is beyond it"
    venue.account(0)["position"] = -6
    venue.account(1)["cash"] = -50 * DOLLAR
    venue.market["event_count"] = 0
    cancel_uncovered(venue.market)
    events = [Event(*row) for row in venue.market["event"][: int(venue.market["event_count"])].tolist()]
    assert summary(events) == [
        (EventKind.CANCELED, Reason.SHORT_LIMIT, 0, 2),
        (EventKind.CANCELED, Reason.SHORT_LIMIT, 0, 4),
        (EventKind.CANCELED, Reason.INSUFFICIENT_FUNDS, 1, 10),
    ]
    assert [event.order_id for event in events[:2]] == [orders[4], orders[3]]
    assert int(venue.market["public"]["level"][1, 0]["quantity_lots"]) == 4
