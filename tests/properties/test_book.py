"""Invariants of the book, the accounts and the events after any command."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.exchange.book import LOWEST_KEY, RANK_SHIFT, SLOT_MASK
from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.codes import CommandKind, EventKind, Liquidity, Phase, Reason
from marl_market.exchange.records import (
    ASKS,
    BIDS,
    BUY_STOPS,
    LADDERS,
    NIL,
    SEAT_COMMANDS,
    SEAT_IN_FLIGHT,
    SEAT_ORDERS,
    SEAT_REFRESHES,
    SLOT_BITS,
    market_dtype,
)
from marl_market.market.fees import Fees
from marl_market.market.rules import SELF_TRADE
from tests.builders import market_spec
from tests.differential.streams import BYTES, CREDITS, MIDDLE_PRICES, credit, decode, resolve, rules
from tests.venue import Event, Venue

FEES = (
    Fees(maker_rate=-0.0003, taker_rate=0.0007, maker_per_unit=-0.0013, taker_per_unit=0.0031),
    Fees(taker_rate=0.1),
)
CASH_UNITS = (0.01, 0.0025, 1e-6)
SIDES = (1, -1, 1, -1)
"""Side of the orders of each ladder."""
FALLING = (ASKS, BUY_STOPS)
BUY, SELL = 1, -1


def assert_book_is_whole(venue: Venue) -> None:
    """Check ladders, queues, level pool and order slots against each other."""
    market, book = venue.market, venue.market["book"]
    used_places: list[int] = []
    found: list[tuple[int, int]] = []
    open_lots = np.zeros_like(market["seat"]["account"]["open_lots"])
    for ladder, side in enumerate(SIDES):
        keys = [int(key) for key in book["ladder"][ladder, : book["count"][ladder]]]
        assert keys == sorted(set(keys))
        ranks = [key >> RANK_SHIFT for key in keys]
        assert len(set(ranks)) == len(ranks), "two levels of one price"
        assert (book["ladder"][ladder, len(keys) :] == LOWEST_KEY).all()
        assert int(book["best"][ladder]) == max(keys, default=int(LOWEST_KEY))
        for key in keys:
            place = key & SLOT_MASK
            used_places.append(place)
            level = book["level"][place]
            assert int(level["price_ticks"]) == (key >> RANK_SHIFT) * (-1 if ladder in FALLING else 1)
            orders = []
            for reference in venue.queue(place):
                seat, slot = reference >> SLOT_BITS, reference % SEAT_ORDERS
                order = market["seat"][seat]["order"][slot]
                assert int(order["level"]) == place
                assert (int(order["ladder"]), int(order["side"])) == (ladder, side)
                column = "price_ticks" if ladder <= ASKS else "trigger_ticks"
                assert int(order[column]) == int(level["price_ticks"])
                assert int(order["leaves_quantity"]) > 0
                assert int(order["reserve_quantity"]) >= 0
                assert int(order["order_id"]) % 2**20 == reference
                if ladder <= ASKS:
                    open_lots[seat, ladder] += order["leaves_quantity"] + order["reserve_quantity"]
                orders.append(order)
                found.append((seat, slot))
            assert int(level["count"]) == len(orders) > 0
            assert int(level["quantity_lots"]) == sum(int(order["leaves_quantity"]) for order in orders)
            assert int(level["hidden_lots"]) == sum(int(order["reserve_quantity"]) for order in orders)
    assert len(set(found)) == len(found), "an order rests and waits"
    live = [sum(1 << slot for owner, slot in found if owner == seat) for seat in range(market["seat"].size)]
    assert [int(seat["live"]) for seat in market["seat"]] == live
    assert np.array_equal(market["seat"]["account"]["open_lots"], open_lots)
    place = int(book["free_level"])
    while place != NIL:
        used_places.append(place)
        place = int(book["link"][len(book["level"]) + place]["next"])
    assert sorted(used_places) == list(range(int(book["used_levels"]))), "a level is lost or doubly used"


def assert_conserved(venue: Venue) -> None:
    account = venue.market["seat"]["account"]
    assert int(account["position"].sum()) == 0
    assert int(account["cash"].sum()) + int(venue.market["fees_collected"]) == 0
    assert int(account["fees"].sum()) == int(venue.market["fees_collected"])
    assert not account["cost"][account["position"] == 0].any()
    assert int(account["traded_lots"].sum()) <= 2 * int(venue.market["public"]["session_lots"])  # trades with oneself
    assert int(account["trades"].sum()) == 2 * int(venue.market["trade_sequence"])


def most_events_to_come(venue: Venue) -> int:
    """Return the events that the open orders can still make in a step, without refreshes: see market_dtype."""
    return sum(count * len(venue.resting(ladder)) for ladder, count in enumerate((2, 2, 4, 4)))


class Audit:
    """Keep, from the events alone, what every order has left."""

    def __init__(self, self_trade: str) -> None:
        self.self_trade = self_trade
        self.leaves: dict[int, int] = {}
        self.trades = 0
        self.issued: list[int] = []
        self.latest: dict[int, int] = {}

    def follow(self, events: list[Event]) -> int:
        """Check the events of a command; return the number of refreshes and cuts among them, or more."""
        refreshes, consumed = 0, set()
        for event in events:
            order_id = event.order_id
            if event.kind == EventKind.ACCEPTED:
                assert order_id not in self.leaves, "an id is used twice"
                assert order_id > self.latest.get(event.seat, 0)
                self.latest[event.seat] = order_id
                self.leaves[order_id] = event.quantity_lots
                self.issued.append(order_id)
            elif event.reason == Reason.REPLACED:
                assert 0 < event.quantity_lots <= self.leaves[order_id]
                self.leaves[order_id] = event.leaves_quantity
            elif event.kind == EventKind.REPLACED:
                assert self.leaves[order_id] > 0
                self.leaves[order_id] = event.quantity_lots
            elif event.kind in (EventKind.FILLED, EventKind.CANCELED, EventKind.EXPIRED):
                assert event.quantity_lots > 0
                self.leaves[order_id] -= event.quantity_lots
            if event.kind != EventKind.REJECTED:
                assert self.leaves[order_id] == event.leaves_quantity >= 0
            refreshes += event.reason == Reason.REDUCE_ONLY and event.leaves_quantity > 0
            if event.kind == EventKind.RESTED:
                assert 0 < event.quantity_lots <= event.leaves_quantity
                refreshes += order_id in consumed
            if event.liquidity in (Liquidity.MAKER, Liquidity.AUCTION):
                consumed.add(order_id)
        self.follow_fills([event for event in events if event.kind == EventKind.FILLED])
        return refreshes

    def follow_fills(self, fills: list[Event]) -> None:
        for first, second in zip(fills[::2], fills[1::2], strict=True):
            self.trades += 1
            assert first.trade_id == second.trade_id == self.trades
            assert (first.price_ticks, first.quantity_lots) == (second.price_ticks, second.quantity_lots)
            assert first.side == -second.side
            if first.liquidity == Liquidity.AUCTION:
                assert second.liquidity == Liquidity.AUCTION
            else:
                assert (first.liquidity, second.liquidity) == (Liquidity.MAKER, Liquidity.TAKER)
                assert first.seat != second.seat or self.self_trade == "allow"


@given(
    stream=st.lists(st.binary(min_size=BYTES, max_size=BYTES), min_size=40, max_size=120).map(b"".join),
    seats=st.integers(2, 6),
    prices=st.sampled_from(sorted(MIDDLE_PRICES)),
    crowded=st.booleans(),
    fees=st.sampled_from(FEES),
    cash_unit=st.sampled_from(CASH_UNITS),
    self_trade=st.sampled_from(SELF_TRADE),
    banded=st.booleans(),
    called=st.booleans(),
    given_credit=st.sampled_from(CREDITS),
)
@settings(max_examples=50)
def test_after_any_command_the_market_is_whole(
    stream: bytes,
    seats: int,
    prices: str,
    crowded: bool,
    fees: Fees,
    cash_unit: float,
    self_trade: str,
    banded: bool,
    called: bool,
    given_credit: str,
) -> None:
    spec = market_spec(
        fees=fees,
        cash_unit=cash_unit,
        rules=rules(prices, self_trade, banded, called, False),
        credit=credit(prices, given_credit),
    )
    venue, audit = Venue(seats, spec), Audit(self_trade)
    for seat, command, target in decode(stream, seats, prices, crowded, int(venue.market["maximum_quantity"])):
        before = most_events_to_come(venue)
        if command is None:
            events = venue.step()
            most = 3 * sum(event.reason == Reason.LIQUIDATION for event in events if event.kind == EventKind.ACCEPTED)
        else:
            resting = [order for ladder in range(LADDERS) for order in venue.resting(ladder) if order.seat == seat]
            own = [(order.order_id, order.price_ticks, order.price_ticks) for order in resting]
            events, most = venue.send(seat, *resolve(command, target, own, audit.issued)), 5
        # Summed over a step, this is the length of the event buffer in market_dtype.
        assert len(events) + most_events_to_come(venue) - before <= most + 3 * audit.follow(events)
        assert_book_is_whole(venue)
        assert_conserved(venue)
        orders = [order for ladder in range(LADDERS) for order in venue.resting(ladder)]
        expected = {order_id: left for order_id, left in audit.leaves.items() if left}
        assert {order.order_id: order.leaves_quantity + order.hidden_quantity for order in orders} == expected
        bids, asks = venue.resting(BIDS), venue.resting(ASKS)
        if bids and asks and venue.market["phase"] != Phase.AUCTION:
            assert bids[0].price_ticks < asks[0].price_ticks, "the book is crossed"


def test_places_of_orders_and_levels_are_used_again_for_ever() -> None:
    venue = Venue(2)
    for step in range(5000):
        venue.send(0, CommandKind.LIMIT, BUY, step, 3)
        venue.send(0, CommandKind.LIMIT, SELL, step + 10**6, 3)
        if step % 3 == 0:
            venue.take(1, SELL, 3)
        venue.send(0, CommandKind.CANCEL_ALL)
    assert venue.market["book"]["used_levels"] == 2
    assert venue.market["seat"]["order_sequence"][:2].tolist() == [2 * 5000, 1667]
    assert_book_is_whole(venue)
    assert_conserved(venue)


def test_the_pool_has_a_level_for_every_order_a_market_can_have() -> None:
    seats = CAPACITY_SEATS["small"]
    venue = Venue(seats)
    for turn in range(3):
        for seat in range(seats):
            for slot in range(SEAT_ORDERS):
                side = 1 - 2 * (slot % 2)
                assert venue.limit(seat, side, -side * (1 + turn + seat * SEAT_ORDERS + slot), 1) > 0
        assert_book_is_whole(venue)
        assert venue.market["book"]["used_levels"] == seats * SEAT_ORDERS
        for seat in range(seats):
            assert venue.send(seat, CommandKind.LIMIT, BUY, -9999, 1)[0].reason == Reason.TOO_MANY_ORDERS
            venue.send(seat, CommandKind.CANCEL_ALL)
    assert_book_is_whole(venue)


@pytest.mark.parametrize("capacity", ["small", "medium"])
def test_the_busiest_step_fits_its_event_buffer_with_little_to_spare(capacity: str) -> None:
    seats = CAPACITY_SEATS[capacity]
    venue = Venue(seats, market_spec(capacity=capacity))
    taker, others = seats - 1, range(seats - 1)
    iceberg = {"kind": CommandKind.STOP_LIMIT, "side": SELL, "price_ticks": 1000, "trigger_ticks": 900}
    venue.limit(taker, BUY, 900, 1)
    for seat in others:
        for _ in range(SEAT_ORDERS):
            venue.send(seat, **iceberg, quantity_lots=3, display_lots=1)
    neighbor = venue.market["seat"].copy()
    venue.market["event_count"] = 0
    # All that waits wakes and is taken; then every other seat sends as much again, and all that is taken too.
    venue.append(0, CommandKind.MARKET, SELL, 0, 1)
    venue.append(taker, CommandKind.MARKET, BUY, 0, 3 * SEAT_ORDERS * len(others))
    for seat in others:
        for _ in range(SEAT_COMMANDS - (seat == 0)):
            venue.append(seat, **{**iceberg, "trigger_ticks": 2000}, quantity_lots=2, display_lots=1)
    venue.append(taker, CommandKind.MARKET, BUY, 0, 2 * SEAT_COMMANDS * len(others) - 2)
    count, capacity_of_buffer = int(venue.market["event_count"]), venue.market["event"].size
    most = 7 * SEAT_ORDERS + 8 * SEAT_COMMANDS + 3 * SEAT_REFRESHES
    # The first command makes three events and not eight, the two of the taker one of their own each.
    assert count == most * len(others) - 8 + 3 + 1 + 1, "each seat makes as many events as it can"
    assert capacity_of_buffer == (most + SEAT_IN_FLIGHT + 6) * seats, "commands in flight and two closings too"
    kinds = np.bincount(venue.market["event"]["kind"][:count], minlength=len(EventKind) + 1)
    assert kinds[0] == 0
    assert kinds[EventKind.FILLED] == 2 * int(venue.market["trade_sequence"])
    assert_book_is_whole(venue)
    assert_conserved(venue)
    assert venue.resting(ASKS) == []
    for name in ("ahead_lots", "arrival_step", "departure_step"):
        assert np.array_equal(venue.market["seat"][name], neighbor[name])


@pytest.mark.parametrize("capacity", CAPACITY_SEATS)
def test_an_order_reference_fits_its_bits(capacity: str) -> None:
    dtype: Any = market_dtype(capacity)
    assert CAPACITY_SEATS[capacity] * SEAT_ORDERS <= 2**20
    assert dtype["book"]["level"].shape == (CAPACITY_SEATS[capacity] * SEAT_ORDERS,)
