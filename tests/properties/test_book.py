"""What must hold of the book, the accounts and the events after any command whatever."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.exchange.book import RANK_SHIFT, SLOT_MASK
from marl_market.exchange.records import (
    CAPACITY_SEATS,
    NIL,
    SEAT_COMMANDS,
    SEAT_ORDERS,
    SLOT_BITS,
    CommandKind,
    EventKind,
    Liquidity,
    Reason,
    market_dtype,
)
from marl_market.market.spec import Fees
from tests.builders import market_spec
from tests.differential.streams import BYTES, CENTERS, decode, resolve
from tests.venue import Event, Venue

FEES = (
    Fees(maker_rate=-0.0003, taker_rate=0.0007, maker_per_unit=-0.0013, taker_per_unit=0.0031),
    Fees(taker_rate=0.1),
)
CASH_UNITS = (0.01, 0.0025, 1e-6)
BUY, SELL = 1, -1


def assert_book_is_whole(venue: Venue) -> None:
    """Check ladders, queues, level pool and order slots against each other."""
    market, book = venue.market, venue.market["book"]
    used_places: list[int] = []
    open_slots: list[int] = [0] * int(market["seat_count"])
    for index, side in enumerate((BUY, SELL)):
        keys = [int(key) for key in book["ladder"][index, : book["count"][index]]]
        assert keys == sorted(set(keys))
        ranks = [key >> RANK_SHIFT for key in keys]
        assert len(set(ranks)) == len(ranks), "two levels of one price"
        for key in keys:
            place = key & SLOT_MASK
            used_places.append(place)
            level = book["level"][place]
            assert int(level["price_ticks"]) == side * (key >> RANK_SHIFT)
            orders, previous, reference = [], NIL, int(level["head"])
            while reference != NIL:
                seat, slot = reference >> SLOT_BITS, reference % SEAT_ORDERS
                order = market["seat"][seat]["order"][slot]
                assert (int(order["previous"]), int(order["level"])) == (previous, place)
                assert (int(order["price_ticks"]), int(order["side"])) == (int(level["price_ticks"]), side)
                assert int(order["leaves_quantity"]) > 0
                assert int(order["order_id"]) % 2**20 == reference
                orders.append(order)
                open_slots[seat] |= 1 << slot
                previous, reference = reference, int(order["next"])
            assert int(level["tail"]) == previous
            assert int(level["count"]) == len(orders) > 0
            assert int(level["quantity_lots"]) == sum(int(order["leaves_quantity"]) for order in orders)
            ids = [int(order["order_id"]) for order in orders]
            assert ids == sorted(ids), "a queue is in the order of arrival"
    assert [int(seat["live"]) for seat in market["seat"][: market["seat_count"]]] == open_slots
    place = int(book["free_level"])
    while place != NIL:
        used_places.append(place)
        place = int(book["level"][place]["head"])
    assert sorted(used_places) == list(range(int(book["used_levels"]))), "a level is lost or doubly used"


def assert_conserved(venue: Venue) -> None:
    account = venue.market["seat"]["account"]
    assert int(account["position"].sum()) == 0
    assert int(account["cash"].sum()) + int(venue.market["fees_collected"]) == 0
    assert int(account["fees"].sum()) == int(venue.market["fees_collected"])
    assert int(account["traded_lots"].sum()) == 2 * int(venue.market["public"]["session_lots"])
    assert int(account["trades"].sum()) == 2 * int(venue.market["trade_sequence"])


def resting_count(venue: Venue) -> int:
    return sum(int(seat["live"]).bit_count() for seat in venue.market["seat"])


class Audit:
    """Keep, from the events alone, what every order has left."""

    def __init__(self) -> None:
        self.leaves: dict[int, int] = {}
        self.trades = 0
        self.issued: list[int] = []

    def follow(self, events: list[Event]) -> None:
        for event in events:
            if event.kind == EventKind.ACCEPTED:
                assert event.order_id not in self.leaves, "an id is used twice"
                assert event.order_id > max(self.issued, default=0)
                self.leaves[event.order_id] = event.quantity_lots
                self.issued.append(event.order_id)
            elif event.kind == EventKind.FILLED:
                assert event.quantity_lots > 0
                self.leaves[event.order_id] -= event.quantity_lots
                assert self.leaves[event.order_id] == event.leaves_quantity >= 0
                self.trades += event.liquidity == Liquidity.TAKER
                assert event.trade_id == self.trades + (event.liquidity == Liquidity.MAKER)
            elif event.kind == EventKind.RESTED:
                assert self.leaves[event.order_id] == event.leaves_quantity > 0
            elif event.kind == EventKind.CANCELED:
                assert self.leaves[event.order_id] == event.quantity_lots > 0
                self.leaves[event.order_id] = 0
        makers = [event for event in events if event.liquidity == Liquidity.MAKER]
        takers = [event for event in events if event.liquidity == Liquidity.TAKER]
        for maker, taker in zip(makers, takers, strict=True):
            assert (maker.trade_id, maker.price_ticks, maker.quantity_lots, maker.side) == (
                taker.trade_id, taker.price_ticks, taker.quantity_lots, -taker.side,
            )  # fmt: skip
            assert maker.seat != taker.seat


@given(
    stream=st.lists(st.binary(min_size=BYTES, max_size=BYTES), min_size=40, max_size=160).map(b"".join),
    seats=st.integers(2, 6),
    prices=st.sampled_from(sorted(CENTERS)),
    crowded=st.booleans(),
    fees=st.sampled_from(FEES),
    cash_unit=st.sampled_from(CASH_UNITS),
)
@settings(max_examples=40)
def test_after_any_command_the_market_is_whole(
    stream: bytes, seats: int, prices: str, crowded: bool, fees: Fees, cash_unit: float
) -> None:
    venue, audit = Venue(seats, market_spec(fees=fees, cash_unit=cash_unit)), Audit()
    for command in decode(stream, seats, prices, crowded, int(venue.market["maximum_quantity"])):
        own = [order.order_id for index in (0, 1) for order in venue.resting(index) if order.seat == command.seat]
        resting = resting_count(venue)
        events = venue.send(*command[:5], resolve(command, own, audit.issued), command.client_order_id)
        # Summed over a step, this is the length of the event buffer in market_dtype.
        assert len(events) + 2 * (resting_count(venue) - resting) <= 4
        audit.follow(events)
        assert_book_is_whole(venue)
        assert_conserved(venue)
        bids, asks = venue.resting(0), venue.resting(1)
        expected = {order_id: left for order_id, left in audit.leaves.items() if left}
        assert {order.order_id: order.leaves_quantity for order in bids + asks} == expected
        if bids and asks:
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
    assert venue.market["order_sequence"] == 2 * 5000 + 1667
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
    whole = 2**20
    taker, last = seats - 1, seats - 2
    for seat in range(seats - 1):
        for _ in range(SEAT_ORDERS):
            assert venue.limit(seat, SELL, 1000, 1) > 0
    neighbor = venue.market["seat"].copy()
    venue.market["event_count"] = 0
    # All that rests is taken; then every seat but two fills its places anew, and all that is taken too.
    venue.append(taker, CommandKind.MARKET, BUY, 0, SEAT_ORDERS * (seats - 1))
    for seat in range(last):
        for _ in range(SEAT_COMMANDS):
            venue.append(seat, CommandKind.LIMIT, SELL, 1000, 1)
    for _ in range(SEAT_COMMANDS):
        venue.append(last, CommandKind.LIMIT, SELL, 1001, whole)
    venue.append(taker, CommandKind.MARKET, BUY, 0, SEAT_COMMANDS * last + 1)
    for _ in range(SEAT_COMMANDS - 2):
        venue.append(taker, CommandKind.MARKET, BUY, 0, 1)
    count, capacity_of_buffer = int(venue.market["event_count"]), venue.market["event"].size
    assert capacity_of_buffer == 2 * seats * SEAT_ORDERS + 4 * seats * SEAT_COMMANDS
    assert 0.9 * capacity_of_buffer < count <= capacity_of_buffer
    kinds = np.bincount(venue.market["event"]["kind"][:count], minlength=len(EventKind) + 1)
    assert kinds[0] == 0
    assert kinds[EventKind.FILLED] == 2 * int(venue.market["trade_sequence"])
    assert_book_is_whole(venue)
    assert_conserved(venue)
    for name in ("mind", "observation", "memory"):
        assert np.array_equal(venue.market["seat"][name], neighbor[name])


@pytest.mark.parametrize("capacity", CAPACITY_SEATS)
def test_an_order_reference_fits_its_bits(capacity: str) -> None:
    dtype: Any = market_dtype(capacity)
    assert CAPACITY_SEATS[capacity] * SEAT_ORDERS <= 2**20
    assert dtype["book"]["level"].shape == (CAPACITY_SEATS[capacity] * SEAT_ORDERS,)
