"""Streams of messages that keep one market busy: drawn once by playing them, then replayed alone.

A cancel names a live order by its id. Ids are a market's own count, so a stream that is replayed on a market newly
opened meets the same orders, and ends in the same trades.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import CommandKind, EventKind, Liquidity, Reason
from marl_market.exchange.compiled import compiled
from marl_market.exchange.order_entry import process
from marl_market.exchange.random_streams import begin_stream, below, uniform
from marl_market.exchange.records import COMMAND
from marl_market.exchange.setup import allocate_markets, open_markets
from marl_market.market.fees import Fees
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec

MESSAGES_A_STEP = 32
"""Messages after which the events are dropped, as the step of an environment does."""

MESSAGE = np.dtype([("seat", np.int64), ("command", COMMAND)], align=True)
TALLY = np.dtype([(name, np.int64) for name in ("limit", "market", "cancel", "self_trade", "resting")])


class Style(IntEnum):
    """Kind of half of the limit orders of a flow or, for `REPLACE`, of half of its cancels.

    The first ones have the numbers of `marl_market.exchange.codes.TimeInForce`.
    """

    PLAIN = 0
    IMMEDIATE_OR_CANCEL = 1
    FILL_OR_KILL = 2
    POST_ONLY = 3
    GOOD_FOR_STEPS = 4
    ICEBERG = 5
    STOP = 6
    STOP_LIMIT = 7
    REPLACE = 8


LIMIT, MARKET, CANCEL = int(CommandKind.LIMIT), int(CommandKind.MARKET), int(CommandKind.CANCEL)
REPLACE, STOP, STOP_LIMIT = int(CommandKind.REPLACE), int(CommandKind.STOP), int(CommandKind.STOP_LIMIT)
RESTED, FILLED, CANCELED = int(EventKind.RESTED), int(EventKind.FILLED), int(EventKind.CANCELED)
SELF_TRADE, NO_LIQUIDITY, MAKER = int(Reason.SELF_TRADE), int(Reason.NO_LIQUIDITY), int(Liquidity.MAKER)
STYLE_PLAIN, STYLE_POST_ONLY, STYLE_GOOD_FOR_STEPS = int(Style.PLAIN), int(Style.POST_ONLY), int(Style.GOOD_FOR_STEPS)
STYLE_ICEBERG, STYLE_STOP, STYLE_REPLACE = int(Style.ICEBERG), int(Style.STOP), int(Style.REPLACE)
LONG_LIFE = 1_000_000
SEAT_FULL = np.uint64(2**32 - 1)
ONE = np.uint64(1)
LIMIT_FRACTION, MARKET_FRACTION = 0.6, 0.2
WALL_LOTS = 2_000_000
SEATS_OF_WALL = 32


@dataclass(frozen=True)
class Flow:
    """A law of messages: 60 % limit orders, 20 % market orders, 20 % cancels of a live own order.

    A limit order that would be one too many for its side or its seat becomes a cancel; a cancel that finds no order
    becomes a limit order. Limit orders have 1 to 10 lots, market orders 1 to 16.

    Attributes:
        seats: that send messages, evenly.
        offsets: distances of limit prices behind the reference, in ticks, one as likely as the other.
        walk: chance that a message moves the reference by a tick.
        side_orders: most live orders a side.
        wall: levels a side that stand two ticks apart from two ticks behind the reference on, never to be used up.
        capacity: size class of the market.
        style: kind of order that half of the limit orders (of the cancels) are.
    """

    seats: int
    offsets: NDArray[np.int64]
    walk: float = 1 / 32
    side_orders: int = 95
    wall: int = 0
    capacity: str = "small"
    style: Style = Style.PLAIN

    def spec(self) -> MarketSpec:
        """Return a market with fees for both sides with a price above the widest offset."""
        quantiles = (1.0,) * QUANTILES
        unused = OrderFlow(1.0, 1.0, 1.0, quantiles, quantiles, quantiles, 1.0, 1.0, 1.0)
        price = max(10_000, 2 * int(self.offsets.max()))
        fees = Fees(maker_rate=-20e-6, taker_rate=50e-6)
        return MarketSpec("benchmark", 1.0, 1.0, float(price), unused, fees, cash_unit=1e-3, capacity=self.capacity)


class Replay:
    """Markets and the stream of each, ready to be replayed any number of times."""

    def __init__(self, flow: Flow, markets: int, messages: int) -> None:
        """Draw a stream of `messages` for each market by playing it; every market has its own."""
        seats_of_wall = -(-2 * flow.wall // SEATS_OF_WALL)
        self.flow = flow
        self.markets = allocate_markets(flow.spec(), markets, flow.seats + seats_of_wall)
        self.streams = np.zeros((markets, messages), MESSAGE)
        tally = np.zeros(markets, TALLY)
        self.open()
        for index in range(markets):
            price = flow.spec().initial_price_ticks
            draw(
                self.markets[index : index + 1], index, flow.seats, price, flow.offsets, flow.walk, flow.side_orders,
                int(flow.style), self.streams[index], tally[index : index + 1],
            )  # fmt: skip
        self._trades = self.markets["trade_sequence"].copy()
        total = self.streams.size
        self.conditions = {
            "limit_share": round(int(tally["limit"].sum()) / total, 3),
            "market_share": round(int(tally["market"].sum()) / total, 3),
            "cancel_share": round(int(tally["cancel"].sum()) / total, 3),
            "orders_a_side": round(int(tally["resting"].sum()) / total / 2 + flow.wall, 1),
            "trades_a_message": round(int(self._trades.sum()) / total, 3),
            "self_trades_prevented_a_message": round(int(tally["self_trade"].sum()) / total, 3),
            "rejects": int(self.markets["seat"]["account"]["rejected"].sum()),
        }

    def open(self) -> None:
        """Open every market anew and build its wall."""
        price = self.flow.spec().initial_price_ticks
        open_markets(self.markets, price)
        build_walls(self.markets, self.flow.seats, price, self.flow.wall)

    def play(self) -> None:
        """Replay every stream in this thread."""
        replay_serial(self.markets, self.streams)

    def play_in_parallel(self) -> None:
        """Replay every stream, markets shared out over numba's threads."""
        replay_parallel(self.markets, self.streams)

    def check(self) -> None:
        """Raise RuntimeError where trades differ from those drawn, or money or positions were not conserved."""
        account = self.markets["seat"]["account"]
        money = account["cash"].sum(1) + self.markets["fees_collected"]
        if not np.array_equal(self.markets["trade_sequence"], self._trades):
            raise RuntimeError("a replay ended in another number of trades than its stream was drawn with")
        if account["position"].sum(1).any() or money.any():
            raise RuntimeError("a replay made or lost positions or money")


@compiled
def replay(market, stream):  # type: ignore[no-untyped-def]
    """Carry out one stream in one market."""
    for i in range(stream.size):
        if i % MESSAGES_A_STEP == 0:
            market.event_count = 0
        process(market, stream[i].seat, stream[i].command)


@compiled
def replay_serial(markets, streams):  # type: ignore[no-untyped-def]
    """Carry out the stream of each market, one market after the other."""
    for m in range(markets.size):
        replay(markets[m], streams[m])


@njit(cache=True, nogil=True, parallel=True)
def replay_parallel(markets, streams):  # type: ignore[no-untyped-def]
    """Carry out the stream of each market, markets shared out over threads."""
    for m in prange(markets.size):
        replay(markets[m], streams[m])


@compiled
def build_walls(markets, first_seat, price, levels):  # type: ignore[no-untyped-def]
    """Rest `levels` orders a side, each on a level of its own, in the name of the seats from `first_seat` on."""
    message = np.zeros(1, MESSAGE)
    for m in range(markets.size):
        for i in range(2 * levels):
            side = 1 - 2 * (i % 2)
            message[0].seat = first_seat + i // SEATS_OF_WALL
            message[0].command.kind = LIMIT
            message[0].command.side = side
            message[0].command.price_ticks = price - side * 2 * (i // 2 + 1)
            message[0].command.quantity_lots = WALL_LOTS
            replay(markets[m], message)


@compiled
def draw(markets, seed, seats, reference, offsets, walk, side_orders, style, stream, tallies):  # type: ignore[no-untyped-def]
    """Draw the stream of the first of `markets` message by message, playing it meanwhile."""
    market = markets[0]
    tally = tallies[0]
    market.random_key = np.uint64(seed + 1)
    begin_stream(market, 0)
    live = np.zeros(2, np.int64)
    for i in range(stream.size):
        if uniform(market) < walk:
            reference += 1 - 2 * below(market, 2)
        index = below(market, 2)
        side = 1 - 2 * index
        seat = below(market, seats)
        price = np.int32(0)
        kind = CANCEL
        law = uniform(market)
        if law < LIMIT_FRACTION:
            full = live[index] >= side_orders or market.seat[seat].live == SEAT_FULL
            kind = CANCEL if full else LIMIT
        elif law < LIMIT_FRACTION + MARKET_FRACTION:
            kind = MARKET
        elif live[0] + live[1] == 0:
            kind = LIMIT
        command = stream[i].command
        command.kind = kind
        if kind == CANCEL:
            seat, command.order_id, price = some_order(market, seat, seats)
            tally.cancel += 1
        else:
            command.side = side
            command.quantity_lots = 1 + below(market, 10 if kind == LIMIT else 16)
            if kind == LIMIT:
                command.price_ticks = reference - side * offsets[below(market, offsets.size)]
                tally.limit += 1
            else:
                tally.market += 1
        if style != STYLE_PLAIN and below(market, 2) == 0:
            restyle(command, style, price)
        stream[i].seat = seat
        replay(market, stream[i : i + 1])
        for j in range(market.event_count):
            event = market.event[j]
            if event.seat < seats:
                place = (1 - event.side) >> 1
                if event.kind == RESTED:
                    live[place] += 1
                elif event.kind == CANCELED and event.reason != NO_LIQUIDITY:
                    live[place] -= 1
                    tally.self_trade += event.reason == SELF_TRADE
                elif event.kind == FILLED and event.liquidity == MAKER and event.leaves_quantity == 0:
                    live[place] -= 1
        if style != STYLE_PLAIN:
            count_open(market, seats, live)
        tally.resting += live[0] + live[1]


@compiled
def count_open(market, seats, live):  # type: ignore[no-untyped-def]
    """Count the open orders of each side, waiting stops included."""
    live[:] = 0
    for i in range(seats):
        slots = market.seat[i].live
        while slots != 0:
            live[(1 - market.seat[i].order[lowest_bit(slots)].side) >> 1] += 1
            slots &= slots - ONE


@compiled
def restyle(command, style, price_ticks):  # type: ignore[no-untyped-def]
    """Make a limit order one of another kind, or the cancel of an order at `price_ticks` its replacement."""
    if command.kind == CANCEL and style == STYLE_REPLACE:
        command.kind = REPLACE
        command.quantity_lots = 1 + command.order_id % 10
        command.price_ticks = price_ticks
    if command.kind != LIMIT:
        return
    if style <= STYLE_POST_ONLY:
        command.time_in_force = style
    elif style == STYLE_GOOD_FOR_STEPS:
        command.lifetime_steps = LONG_LIFE
    elif style == STYLE_ICEBERG:
        command.display_lots = 2
    elif style != STYLE_REPLACE:
        command.kind = STOP if style == STYLE_STOP else STOP_LIMIT
        command.trigger_ticks = command.price_ticks


@compiled
def some_order(market, seat, seats):  # type: ignore[no-untyped-def]
    """Return the first seat from `seat` on that has a live order, and id and price of one of its orders."""
    while market.seat[seat].live == 0:
        seat = (seat + 1) % seats
    slots = market.seat[seat].live
    count = 0
    while slots != 0:
        slots &= slots - ONE
        count += 1
    slots = market.seat[seat].live
    for _ in range(below(market, count)):
        slots &= slots - ONE
    order = market.seat[seat].order[lowest_bit(slots)]
    return seat, order.order_id, order.price_ticks
