"""The public events alone rebuild the public book, whatever happens to an order, and nothing hidden is in them."""

from collections import Counter
from itertools import chain
from typing import Any

import numpy as np
import pytest

from marl_market.exchange.codes import CommandKind, EventKind, PublicKind, Reason
from marl_market.exchange.command_stream import read_levels
from marl_market.exchange.market_history import update_history
from marl_market.exchange.records import ASKS, BIDS, PUBLIC_EVENTS
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import SELF_TRADE
from tests.builders import market_spec
from tests.differential.streams import BYTES, CREDITS, MIDDLE_PRICES, credit, decode, resolve, rules
from tests.venue import Event, Venue

BUY, SELL = 1, -1


class Follower:
    """A book that knows the public events of a venue and nothing else."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.followed = 0
        self.lots: dict[int, Counter[int]] = {BUY: Counter(), SELL: Counter()}

    def follow(self) -> None:
        """Follow the events of the last command or step; of more than the record keeps, the book is read again."""
        update_history(self.venue.market)
        public = self.venue.market["public"]
        count = int(public["event_count"])
        if count - self.followed > PUBLIC_EVENTS:
            self.lots = {side: Counter(dict(levels)) for side, levels in displayed(self.venue).items()}
        else:
            for number in range(self.followed, count):
                self.add(public["event"][number % PUBLIC_EVENTS])
        self.followed = count

    def add(self, event: Any) -> None:
        kind, side, price, lots = (int(event[name]) for name in ("kind", "side", "price_ticks", "quantity_lots"))
        assert lots > 0
        if kind == PublicKind.REST:
            self.lots[side][price] += lots
        elif kind == PublicKind.CANCEL:
            self.remove(side, price, lots)
        elif side != 0:
            self.remove(-side, price, lots)
        else:
            self.remove(BUY, max(self.lots[BUY]), lots)
            self.remove(SELL, min(self.lots[SELL]), lots)

    def remove(self, side: int, price: int, lots: int) -> None:
        self.lots[side][price] -= lots
        assert self.lots[side][price] >= 0, "more was taken than was ever displayed"
        if self.lots[side][price] == 0:
            del self.lots[side][price]


def displayed(venue: Venue) -> dict[int, dict[int, int]]:
    return {
        side: {price: lots for lots, price, _ in read_levels(venue.markets, 0, ladder).tolist()}
        for side, ladder in ((BUY, BIDS), (SELL, ASKS))
    }


def play(seed: int, commands: int) -> list[Event]:
    """Follow a random stream, command by command; return all events."""
    random = np.random.default_rng(seed)
    prices = tuple(MIDDLE_PRICES)[seed % 2]
    banded, called, halted = random.integers(0, 2, 3).astype(bool).tolist()
    spec = market_spec(
        session_steps=commands // 75,
        rules=rules(prices, SELF_TRADE[seed % len(SELF_TRADE)], banded, called, halted),
        credit=credit(prices, CREDITS[-1] if seed % 4 == 0 else random.choice(CREDITS)),
    )
    seats = (2, 3, 8)[seed % 3]
    venue = Venue(seats, spec)
    follower, history, issued = Follower(venue), [], []
    for seat, command, target in decode(random.bytes(commands * BYTES), seats, prices, False, 2**31):
        if command is None:
            events = venue.step()
        else:
            orders = [order for ladder in range(4) for order in venue.resting(ladder) if order.seat == seat]
            own = [(order.order_id, order.price_ticks, order.price_ticks) for order in orders]
            events = venue.send(seat, *resolve(command, target, own, issued))
        follower.follow()
        assert follower.lots == displayed(venue)
        issued += [event.order_id for event in events if event.kind == EventKind.ACCEPTED]
        history += events
    return history


def test_the_public_events_rebuild_the_book_after_every_command_and_step() -> None:
    history = list(chain.from_iterable(play(seed, 1200) for seed in range(16)))
    reasons = {Reason.REPLACED, Reason.REDUCE_ONLY, Reason.SELF_TRADE, Reason.BY_OWNER}
    assert reasons <= {event.reason for event in history if event.kind == EventKind.CANCELED}
    assert {EventKind.EXPIRED, EventKind.TRIGGERED} <= {event.kind for event in history}
    assert {1, 2, 3} <= {event.liquidity for event in history}


@pytest.mark.slow
def test_long_streams_are_followed_as_well() -> None:
    for seed in range(64):
        play(seed + 100, 4800)


@pytest.mark.parametrize("ended_by", ["cancel", "expiry", "self_trade", "replacement"])
def test_an_iceberg_shows_only_what_it_has_displayed(ended_by: str) -> None:
    venue = Venue()
    follower = Follower(venue)
    order = venue.limit(0, SELL, 1000, 100, display_lots=5, lifetime_steps=1)
    follower.follow()
    if ended_by == "cancel":
        venue.send(0, CommandKind.CANCEL, order_id=order)
    elif ended_by == "expiry":
        venue.step()
    elif ended_by == "self_trade":
        venue.send(0, CommandKind.LIMIT, BUY, 1000, 1)
    else:
        venue.send(0, CommandKind.REPLACE, SELL, 1003, 80, order)
    follower.follow()
    public = venue.market["public"]
    lots = public["event"]["quantity_lots"][: public["event_count"]].tolist()
    assert lots == {"self_trade": [5, 5, 1], "replacement": [5, 5, 5]}.get(ended_by, [5, 5])
    assert follower.lots == displayed(venue)


HOLDER, MAKER, OTHER, LAST = 0, 1, 2, 3
Sent = tuple[int, CommandKind, int, int, int, int]
QUOTES: list[Sent] = [
    (HOLDER, CommandKind.LIMIT, BUY, 1000, 100, 0),
    (MAKER, CommandKind.MARKET, SELL, 0, 100, 0),
    (HOLDER, CommandKind.LIMIT, SELL, 1100, 30, 4),
    (HOLDER, CommandKind.LIMIT, BUY, 800, 10, 2),
    (HOLDER, CommandKind.STOP, SELL, 0, 20, 0),
    (OTHER, CommandKind.LIMIT, BUY, 840, 40, 3),
    (LAST, CommandKind.LIMIT, BUY, 838, 60, 0),
    (LAST, CommandKind.LIMIT, SELL, 842, 2, 0),
]
"""The holder buys 100 lots, and has an offer and a bid, both partly hidden, and a stop when it has to leave."""


@pytest.mark.parametrize("ending", ["departs", "departs and closes", "is liquidated"])
def test_the_orders_of_a_seat_that_has_to_leave_are_removed_from_the_history(ending: str) -> None:
    liquidated = ending == "is liquidated"
    margin = Credit(initial_cash=100, initial_margin=0.05, maintenance_margin=0.02)
    venue = Venue(spec=market_spec(credit=margin if liquidated else Credit(), fees=Fees()))
    if not liquidated:
        venue.market["has_arrivals"] = 1
        venue.market["seat"]["departure_step"][HOLDER] = 1
        venue.market["seat"]["closes_position"] = ending == "departs and closes"
    follower = Follower(venue)
    for seat, kind, side, price, lots, display in QUOTES:
        venue.send(seat, kind, side, price, lots, display_lots=display)
        follower.follow()
        assert follower.lots == displayed(venue)
    for _ in range(3):
        venue.step()
        follower.follow()
        assert follower.lots == displayed(venue)
    assert not venue.market["seat"]["live"][HOLDER]
    assert (venue.account(HOLDER)["position"] == 0) == (ending != "departs")
    assert follower.lots[SELL] == {842: 2}


def test_an_order_that_moves_leaves_its_old_price() -> None:
    venue = Venue()
    follower = Follower(venue)
    order = venue.limit(0, BUY, 990, 10)
    follower.follow()
    venue.send(0, CommandKind.REPLACE, BUY, 985, 10, order)
    follower.follow()
    assert follower.lots[BUY] == {985: 10}
