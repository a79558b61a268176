"""The rows of a Tape from the events of a market: a quote after each event that changed the best bid or offer.

The book is rebuilt event by event from the orders that were open before, so that each message knows the prices just
before it. Only displayed quantity counts: each refresh of an iceberg is a limit order of its own, and a replaced order
that loses its queue position is a cancel and a limit order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.displayed_book import best_lots, best_price, change_level, empty_levels, side_index
from marl_market.exchange.records import ASKS, NIL, REFERENCE_BITS, SEAT_ORDERS
from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, FlowKind, Outcome

ACCEPTED, TRIGGERED, REPLACED = int(EventKind.ACCEPTED), int(EventKind.TRIGGERED), int(EventKind.REPLACED)
RESTED, FILLED = int(EventKind.RESTED), int(EventKind.FILLED)
ENDED, EXPIRED = int(EventKind.CANCELED), int(EventKind.EXPIRED)
MAKER, TAKER, AUCTION = int(Liquidity.MAKER), int(Liquidity.TAKER), int(Liquidity.AUCTION)
LIMIT, CANCEL, MARKET = int(FlowKind.LIMIT), int(FlowKind.CANCEL), int(FlowKind.MARKET)
OUTCOME_OPEN, CANCELED, FILLED_TO_THE_END = int(Outcome.OPEN), int(Outcome.CANCELED), int(Outcome.FILLED)
REFERENCE_MASK = (1 << REFERENCE_BITS) - 1
QUOTES, TRADES, FLOWS, ORDERS = range(4)

DISPLAYED = np.dtype(
    [
        ("lots", np.int64),
        ("price_ticks", np.int64),
        ("side", np.int64),
        ("life", np.int64),  # its row of orders; NIL where it rested before
    ]
)
"""The displayed part of the order in one slot of one seat; of 0 lots where there is none."""


class TapeRows(NamedTuple):
    """The tables of a Tape."""

    quotes: NDArray[np.void]
    trades: NDArray[np.void]
    flow: NDArray[np.void]
    orders: NDArray[np.void]


def displayed_orders(market: np.void) -> NDArray[np.void]:
    """Return the displayed orders of a market record as it stands, DISPLAYED rows by their reference."""
    seat = market["seat"][: market["seat_count"]]
    order = seat["order"]
    live = (seat["live"][:, None] >> np.arange(SEAT_ORDERS, dtype=np.uint64) & np.uint64(1)) == 1
    rows = np.zeros(order.shape, DISPLAYED)
    rows["life"] = NIL
    shown = live & (order["ladder"] <= ASKS)
    rows["lots"][shown] = order["leaves_quantity"][shown]
    rows["price_ticks"][shown] = order["price_ticks"][shown]
    rows["side"][shown] = order["side"][shown]
    return rows.reshape(-1)


def tape_rows(displayed: NDArray[np.void], opening_ns: int, events: NDArray[np.void], closing_ns: int) -> TapeRows:
    """Return the rows of a tape.

    Args:
        displayed: DISPLAYED rows of the market before the first event.
        opening_ns: time of that.
        events: EVENT rows, all there were since.
        closing_ns: time after the last event, the end of orders that are still open.
    """
    size = events.size
    rows = TapeRows(np.empty(size + 1, QUOTE), np.empty(size, TRADE), np.empty(size, FLOW), np.empty(size, ORDER))
    counts = np.zeros(4, np.int64)
    write_rows(displayed.copy(), empty_levels(displayed.size), opening_ns, events, closing_ns, rows, counts)
    return TapeRows(*(table[:count].copy() for table, count in zip(rows, counts, strict=True)))


@inlined
def write_quote(levels, sizes, time_ns, quotes, counts):  # type: ignore[no-untyped-def]
    """Append the best bid and offer where they differ from the last ones."""
    count = counts[QUOTES]
    bid, ask = best_price(levels, sizes, 0), best_price(levels, sizes, 1)
    bid_lots, ask_lots = best_lots(levels, sizes, 0), best_lots(levels, sizes, 1)
    if count > 0:
        last = quotes[count - 1]
        if (
            last.bid_price_ticks == bid
            and last.ask_price_ticks == ask
            and last.bid_quantity_lots == bid_lots
            and last.ask_quantity_lots == ask_lots
        ):
            return
    quote = quotes[count]
    counts[QUOTES] = count + 1
    quote.time_ns = time_ns
    quote.bid_price_ticks = bid
    quote.ask_price_ticks = ask
    quote.bid_quantity_lots = bid_lots
    quote.ask_quantity_lots = ask_lots


@inlined
def write_flow(event, kind, opposite_ticks, opposite_lots, flow, counts):  # type: ignore[no-untyped-def]
    """Append a message of an event; `opposite` are the best price and quantity on the other side just before it."""
    row = flow[counts[FLOWS]]
    counts[FLOWS] += 1
    row.time_ns = event.time_ns
    row.kind = kind
    row.side = event.side
    row.price_ticks = event.price_ticks
    row.offset_ticks = event.side * (opposite_ticks - event.price_ticks) if opposite_lots > 0 else 0
    row.quantity_lots = event.quantity_lots


@inlined
def add_fill(event, aggressor, opposite_ticks, opposite_lots, flow, counts):  # type: ignore[no-untyped-def]
    """Add a fill to its aggressor's row, which is then the last of the flow; return the place of that row.

    `aggressor` is the place of the row before, NIL for the first fill; others may have been written after it, of
    icebergs that are refreshed and orders that self-trade prevention cancels.
    """
    if aggressor == NIL:
        write_flow(event, MARKET, opposite_ticks, opposite_lots, flow, counts)
        return counts[FLOWS] - 1
    lots = flow[aggressor].quantity_lots + event.quantity_lots
    for i in range(aggressor, counts[FLOWS] - 1):
        flow[i] = flow[i + 1]
    counts[FLOWS] -= 1
    write_flow(event, MARKET, opposite_ticks, opposite_lots, flow, counts)
    flow[counts[FLOWS] - 1].quantity_lots = lots
    return counts[FLOWS] - 1


@inlined
def begin_life(event, order, orders, counts):  # type: ignore[no-untyped-def]
    """Append the life of an order that begins to rest."""
    order.life = counts[ORDERS]
    order.lots = event.quantity_lots
    order.price_ticks = event.price_ticks
    order.side = event.side
    life = orders[counts[ORDERS]]
    counts[ORDERS] += 1
    life.time_ns = event.time_ns
    life.end_ns = 0
    life.first_fill_ns = 0
    life.outcome = OUTCOME_OPEN
    life.side = event.side
    life.price_ticks = event.price_ticks
    life.reserved = 0
    life.quantity_lots = event.quantity_lots
    life.filled_lots = 0


@inlined
def shorten(event, order, outcome, orders):  # type: ignore[no-untyped-def]
    """Take the event's quantity from a displayed order, and end its life with `outcome` where nothing is left."""
    order.lots -= event.quantity_lots
    if order.life == NIL:
        return
    life = orders[order.life]
    if outcome == FILLED_TO_THE_END:
        if life.filled_lots == 0:
            life.first_fill_ns = event.time_ns
        life.filled_lots += event.quantity_lots
    if order.lots == 0:
        life.end_ns = event.time_ns
        life.outcome = outcome


@inlined
def write_trade(event, side, trades, counts):  # type: ignore[no-untyped-def]
    """Append a trade."""
    trade = trades[counts[TRADES]]
    counts[TRADES] += 1
    trade.time_ns = event.time_ns
    trade.price_ticks = event.price_ticks
    trade.aggressor_side = side
    trade.quantity_lots = event.quantity_lots


@compiled
def write_rows(displayed, levels, opening_ns, events, closing_ns, rows, counts):  # type: ignore[no-untyped-def]
    """Write the rows of all tables and their numbers, see `tape_rows`."""
    quotes, trades, flow, orders = rows
    sizes = np.zeros(2, np.int64)
    for i in range(displayed.size):
        if displayed[i].lots > 0:
            change_level(levels, sizes, side_index(displayed[i].side), displayed[i].price_ticks, displayed[i].lots)
    write_quote(levels, sizes, opening_ns, quotes, counts)
    aggressor, before_ticks, before_lots = np.int64(NIL), np.int64(0), np.int64(0)
    for i in range(events.size):
        event = events[i]
        kind = event.kind
        if kind == ACCEPTED or kind == TRIGGERED or kind == REPLACED:
            aggressor = np.int64(NIL)
            continue
        own = side_index(np.int64(event.side))
        order = displayed[event.order_id & REFERENCE_MASK]
        if kind == RESTED:
            opposite, lots = best_price(levels, sizes, 1 - own), best_lots(levels, sizes, 1 - own)
            write_flow(event, LIMIT, opposite, lots, flow, counts)
            begin_life(event, order, orders, counts)
            change_level(levels, sizes, own, np.int64(event.price_ticks), event.quantity_lots)
        elif (kind == ENDED or kind == EXPIRED) and event.liquidity == MAKER:
            opposite, lots = best_price(levels, sizes, 1 - own), best_lots(levels, sizes, 1 - own)
            write_flow(event, CANCEL, opposite, lots, flow, counts)
            shorten(event, order, CANCELED, orders)
            change_level(levels, sizes, own, np.int64(event.price_ticks), -event.quantity_lots)
        elif kind == FILLED and event.liquidity == TAKER:
            aggressor = add_fill(event, aggressor, before_ticks, before_lots, flow, counts)
            write_trade(event, event.side, trades, counts)
        elif kind == FILLED:
            if aggressor == NIL:  # the maker's event comes first
                before_ticks, before_lots = best_price(levels, sizes, own), best_lots(levels, sizes, own)
            shorten(event, order, FILLED_TO_THE_END, orders)
            change_level(levels, sizes, own, order.price_ticks, -event.quantity_lots)
            if event.liquidity == AUCTION and event.side > 0:
                write_trade(event, 0, trades, counts)
        write_quote(levels, sizes, event.time_ns, quotes, counts)
    for i in range(counts[ORDERS]):
        if orders[i].outcome == OUTCOME_OPEN:
            orders[i].end_ns = closing_ns
