"""Orders, rejections by reason and quantities of every seat, counted by the engine itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.order_counts import order_counts
from marl_market.env.population.group import Group
from marl_market.evaluation.order_warnings import REMEDIES
from marl_market.exchange.codes import CommandKind, EventKind, Reason, TimeInForce
from marl_market.exchange.commands import submit_limit, submit_market
from marl_market.exchange.records import SEAT_COMMANDS, SEAT_ORDERS
from marl_market.market.credit import Credit
from marl_market.market.latency import Delay, Latency
from marl_market.market.rules import Rules
from marl_market.market.spec import MarketSpec
from tests.builders import Rule, actions, environment, market_spec
from tests.env.anything import any_environment
from tests.venue import Venue

LIMIT, MARKET, STOP = CommandKind.LIMIT, CommandKind.MARKET, CommandKind.STOP
FAR = Latency(entry=Delay(uniform_ns=3e9))


@pytest.mark.parametrize(
    "spec",
    [
        market_spec(session_steps=60),
        market_spec(session_steps=60, latency=FAR),
        market_spec(session_steps=60, credit=Credit(initial_cash=2000.0, initial_margin=0.5, short_limit=20.0)),
        market_spec(session_steps=60, rules=Rules(price_band_ticks=3, opening_auction_steps=9, halt_move_ticks=4)),
    ],
)
def test_the_counts_are_those_of_the_events(spec: MarketSpec) -> None:
    batch = BatchMarket(any_environment(spec), 2)
    batch.reset([1, 2])
    seats = batch.environment.seats
    accepted, rejected = np.zeros((2, seats), np.int64), np.zeros((2, seats), np.int64)
    for action in actions(batch, 60):
        batch.step(action)
        for market, record in enumerate(batch.markets):
            events = record["event"][: record["event_count"]]
            taken = np.isin(events["kind"], (EventKind.ACCEPTED, EventKind.REPLACED)) & (events["reason"] == 0)
            np.add.at(accepted[market], events["seat"][taken], 1)
            np.add.at(rejected[market], events["seat"][events["kind"] == EventKind.REJECTED], 1)
    counts, account = order_counts(batch), batch.markets["seat"]["account"][:, :seats]
    np.testing.assert_array_equal(counts.orders - counts.rejections.sum(-1), accepted)
    np.testing.assert_array_equal(account["rejected"], rejected)
    assert (counts.rejections.sum(-1) <= rejected).all(), "rejected cancels are no rejected orders"
    assert rejected.sum() > 0
    np.testing.assert_array_equal(counts.traded_lots, account["traded_lots"])
    assert (counts.traded_lots <= counts.ordered_lots).all()
    assert (counts.traded_lots[:, :10] > 0).any()
    batch.reset([1, 2])
    assert not order_counts(batch).orders.any()


SPECS = {
    "credit": market_spec(credit=Credit(initial_cash=50.0, initial_margin=1.0)),
    "short": market_spec(credit=Credit(short_limit=2.0)),
    "band": market_spec(rules=Rules(price_band_ticks=5)),
    "auction": market_spec(rules=Rules(opening_auction_steps=3)),
}
ORDERS: list[tuple[Reason, str, dict[str, int]]] = [
    (Reason.QUANTITY_NOT_POSITIVE, "", {"kind": LIMIT, "side": 1, "price_ticks": 1000}),
    (Reason.QUANTITY_NOT_POSITIVE, "", {"kind": MARKET, "side": 1, "quantity_lots": -(2**63)}),
    (Reason.QUANTITY_ABOVE_MAXIMUM, "", {"kind": MARKET, "side": 1, "quantity_lots": 2**60}),
    (
        Reason.NOTIONAL_ABOVE_MAXIMUM, "",
        {"kind": STOP, "side": 1, "trigger_ticks": 2**31 - 1, "quantity_lots": 2**30},
    ),
    (Reason.PRICE_OUT_OF_RANGE, "", {"kind": LIMIT, "side": 1, "price_ticks": -(2**31), "quantity_lots": 1}),
    (Reason.PRICE_OUT_OF_RANGE, "", {"kind": STOP, "side": 1, "trigger_ticks": -(2**31), "quantity_lots": 1}),
    (Reason.SIDE_UNKNOWN, "", {"kind": LIMIT, "side": 2, "price_ticks": 1000, "quantity_lots": 1}),
    (Reason.COMMAND_UNKNOWN, "", {"kind": 77, "side": 1, "price_ticks": 1000, "quantity_lots": 1}),
    (Reason.ORDER_UNKNOWN, "", {"kind": CommandKind.REPLACE, "side": 1, "price_ticks": 1000, "quantity_lots": 1}),
    (Reason.TIME_IN_FORCE_NOT_ALLOWED, "", {"kind": LIMIT, "side": 1, "quantity_lots": 1, "time_in_force": 9}),
    (
        Reason.WOULD_TAKE, "",
        {"kind": LIMIT, "side": 1, "price_ticks": 1001, "quantity_lots": 1, "time_in_force": TimeInForce.POST_ONLY},
    ),
    (
        Reason.CANNOT_FILL_ALL, "",
        {"kind": LIMIT, "side": 1, "price_ticks": 1001, "quantity_lots": 9, "time_in_force": TimeInForce.FILL_OR_KILL},
    ),
    (Reason.OUTSIDE_PRICE_BAND, "band", {"kind": LIMIT, "side": 1, "price_ticks": 900, "quantity_lots": 1}),
    (Reason.NOT_IN_AUCTION, "auction", {"kind": MARKET, "side": 1, "quantity_lots": 1}),
    (
        Reason.DISPLAY_NEGATIVE, "",
        {"kind": LIMIT, "side": 1, "price_ticks": 1000, "quantity_lots": 1, "display_lots": -1},
    ),
    (
        Reason.LIFETIME_NEGATIVE, "",
        {"kind": LIMIT, "side": 1, "price_ticks": 1000, "quantity_lots": 1, "lifetime_steps": -1},
    ),
    (Reason.INSUFFICIENT_FUNDS, "credit", {"kind": LIMIT, "side": 1, "price_ticks": 1000, "quantity_lots": 9}),
    (
        Reason.NOTIONAL_ABOVE_MAXIMUM, "",
        {"kind": LIMIT, "side": -1, "price_ticks": 2**31 - 2, "quantity_lots": 2**35},
    ),
    (
        Reason.REDUCE_ONLY, "",
        {"kind": LIMIT, "side": 1, "price_ticks": 1000, "quantity_lots": 1, "reduce_only": 1},
    ),
    (Reason.SHORT_LIMIT, "short", {"kind": LIMIT, "side": -1, "price_ticks": 1000, "quantity_lots": 9}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "spec", "order"), ORDERS)
def test_a_rejected_order_counts_by_its_reason(reason: Reason, spec: str, order: dict[str, int]) -> None:
    venue = Venue(spec=SPECS.get(spec))
    venue.limit(1, -1, 1001, 1)
    events = venue.send(0, **order)
    assert [event.reason for event in events] == [reason]
    seat = venue.market["seat"][0]
    assert np.flatnonzero(seat["rejections"]).tolist() == [reason]
    assert (seat["rejections"][reason], seat["account"]["accepted"], seat["account"]["ordered_lots"]) == (1, 0, 0)


def test_too_many_open_orders_a_halt_and_an_absent_seat_count_too() -> None:
    venue = Venue()
    for place in range(SEAT_ORDERS + 2):
        venue.limit(0, 1, 900 - place, 1)
    seat = venue.market["seat"][0]
    assert (seat["rejections"][Reason.TOO_MANY_ORDERS], seat["account"]["accepted"]) == (2, SEAT_ORDERS)
    venue.market["phase"] = 2
    venue.limit(1, 1, 900, 1)
    venue.market["phase"], venue.market["seat"]["present"][2] = 0, 0
    venue.limit(2, 1, 900, 1)
    rejections = venue.market["seat"]["rejections"]
    assert (rejections[1, Reason.MARKET_HALTED], rejections[2, Reason.SEAT_ABSENT]) == (1, 1)


def test_a_cancel_is_no_order() -> None:
    venue = Venue()
    venue.send(0, CommandKind.CANCEL, order_id=12345)
    venue.send(0, CommandKind.CANCEL_ALL)
    seat = venue.market["seat"][0]
    assert (seat["account"]["rejected"], seat["rejections"].sum(), seat["account"]["accepted"]) == (1, 0, 0)


def test_a_replacement_orders_what_it_adds() -> None:
    venue = Venue()
    order = venue.limit(0, 1, 900, 5)
    account = venue.account(0)
    for price, lots, ordered in ((900, 3, 3), (901, 8, 8)):
        venue.send(0, CommandKind.REPLACE, 1, price, lots, order_id=order)
        assert account["ordered_lots"] == ordered
    assert account["accepted"] == 3


@trader
def send_one_too_many(public, seat, params):  # type: ignore[no-untyped-def]
    for _ in range(SEAT_COMMANDS + 3):
        submit_limit(seat, 1, 10.0, 1)
    return DECIDED


@trader
def send_nan(public, seat, params):  # type: ignore[no-untyped-def]
    submit_limit(seat, 1, public.reference_ticks, np.nan)
    submit_limit(seat, -1, np.nan, 1.0)
    submit_market(seat, 1, -np.inf)
    return DECIDED


def counted(rule: Any, steps: int = 5, **changes: Any) -> np.ndarray:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("own", Rule(rule), 1, **changes)]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=steps)), 1)
    batch.reset([1])
    for action in actions(batch, steps):
        batch.step(action)
    return order_counts(batch).rejections[0, 4]


def test_orders_beyond_the_commands_of_a_decision_count_though_no_event_tells_of_them() -> None:
    assert counted(send_one_too_many)[Reason.TOO_MANY_COMMANDS] == 5 * 3


def test_orders_in_flight_count() -> None:
    rejections = counted(send_one_too_many, latency=Latency(Delay(3.5e9)))
    assert rejections[Reason.TOO_MANY_IN_FLIGHT] > 0
    assert rejections[Reason.SESSION_OVER] > 0


def test_a_nan_is_a_rejected_order() -> None:
    rejections = counted(send_nan)
    assert (rejections[Reason.QUANTITY_NOT_POSITIVE], rejections[Reason.PRICE_OUT_OF_RANGE]) == (10, 5)
    assert rejections.sum() == 15


def test_every_reason_to_reject_has_a_remedy_and_was_met_above() -> None:
    no_rejections = {
        Reason.NONE, Reason.BY_OWNER, Reason.SELF_TRADE, Reason.NO_LIQUIDITY, Reason.LIQUIDATION,
        Reason.REPLACED,
    }  # fmt: skip
    assert set(REMEDIES) == set(Reason) - no_rejections
    met = {reason for reason, *_ in ORDERS} | {
        Reason.TOO_MANY_ORDERS, Reason.MARKET_HALTED, Reason.SEAT_ABSENT, Reason.TOO_MANY_COMMANDS,
        Reason.TOO_MANY_IN_FLIGHT, Reason.SESSION_OVER,
    }  # fmt: skip
    assert met == set(REMEDIES)
