"""A LOBSTER message file as orders of anonymous seats, played through the engine.

The file tells of single orders but not of who sent them: every order gets a seat with a free place, round robin, and
one seat more takes whatever is executed. Orders that the file does not see come are put into the book in the order of
their numbers: those older than the file before it begins, with whatever else the venue's first row shows (last in its
queue, since nobody ever names it), the others, which came outside of the file's range of prices, when their number
was the newest.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marl_market.exchange.book import SLOT_MASK, first_in
from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.codes import CommandKind, EventKind
from marl_market.exchange.command_stream import copy_levels
from marl_market.exchange.compiled import compiled
from marl_market.exchange.order_entry import process
from marl_market.exchange.records import COMMAND, PUBLIC_LEVEL, SEAT_ORDERS, SLOT_BITS, SLOT_OF_REFERENCE
from marl_market.exchange.setup import allocate_markets
from tests.builders import market_spec

SUBMISSION, PARTIAL_CANCEL, DELETION, EXECUTION = 1, 2, 3, 4
VISIBLE = (SUBMISSION, PARTIAL_CANCEL, DELETION, EXECUTION)
TICK = 100  # of ten-thousandths of a dollar
LEVELS = 10
CAPACITY = "medium"
TAKER = CAPACITY_SEATS[CAPACITY] - 1
NO_ROW = -1

LIMIT, MARKET = int(CommandKind.LIMIT), int(CommandKind.MARKET)
CANCEL, REPLACE = int(CommandKind.CANCEL), int(CommandKind.REPLACE)
FILLED, REJECTED = int(EventKind.FILLED), int(EventKind.REJECTED)

ACTION = np.dtype(
    [
        ("type", np.int64),
        ("row", np.int64),  # of the message, NO_ROW for an order that the file does not see come
        ("order", np.int64),
        ("seat", np.int64),
        ("side", np.int64),
        ("price_ticks", np.int64),
        ("quantity", np.int64),
    ]
)


class Tally(NamedTuple):
    """What the replay came upon.

    Attributes:
        executions: visible executions in the file.
        first_in_queue: how many of them name the order that the engine's priority puts first.
        filled_as_named: how many the engine filled at the price and in the quantity that the file names.
        crossed: new orders that the engine matched although in the file they rested.
        rejected: commands that the engine rejected.
    """

    executions: int
    first_in_queue: int
    filled_as_named: int
    crossed: int
    rejected: int


def read_messages(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, header=None, names=["time", "type", "id", "size", "price", "side"])


def hidden_submissions(
    messages: pd.DataFrame, first_row: NDArray[np.int64]
) -> dict[int, list[tuple[int, int, int, int]]]:
    """Return (id, side, price, size) of the orders whose submission the file lacks, by the message they come before."""
    visible = messages[messages["type"].isin(VISIBLE)]
    of_order = visible.groupby("id")
    named = of_order.first().assign(size=of_order["size"].sum())
    named = named[named["type"] != SUBMISSION]
    newest = messages["id"].where(messages["type"] == SUBMISSION, 0).cummax().to_numpy()
    unsubmitted = defaultdict(list)
    rest: dict[tuple[int, int], int] = defaultdict(int)
    for level in range(LEVELS):
        ask, ask_size, bid, bid_size = first_row[4 * level : 4 * level + 4].tolist()
        rest[-1, ask] += ask_size
        rest[1, bid] += bid_size
    opening = messages.iloc[0]
    rest[int(opening["side"]), int(opening["price"])] -= int(opening["size"])
    for number, side, price, size in named[["side", "price", "size"]].itertuples():
        place = int(np.searchsorted(newest, number))
        unsubmitted[place].append((number, side, price, size))
        if place == 0:
            rest[side, price] -= size
    unsubmitted[0] += [(-1 - place, *level, size) for place, (level, size) in enumerate(rest.items()) if size > 0]
    return unsubmitted


def plan(messages: pd.DataFrame, first_row: NDArray[np.int64]) -> NDArray[np.void]:
    """Return what is to be done, in order, with a seat for every order."""
    unsubmitted = hidden_submissions(messages, first_row)
    order_of: dict[int, int] = {}
    seat_of: dict[int, int] = {}
    left: dict[int, int] = {}
    open_orders = [0] * TAKER
    turn = 0
    actions: list[tuple[int, ...]] = []

    def add(kind: int, row: int, number: int, side: int, price: int, size: int) -> None:
        nonlocal turn
        if kind == SUBMISSION:
            turn = next(
                seat % TAKER for seat in range(turn + 1, turn + 1 + TAKER) if open_orders[seat % TAKER] < SEAT_ORDERS
            )
            order_of[number], seat_of[number], left[number] = len(order_of), turn, 0
            open_orders[turn] += 1
        left[number] += size if kind == SUBMISSION else -size
        if left[number] == 0:
            open_orders[seat_of[number]] -= 1
        actions.append((kind, row, order_of[number], seat_of[number], side, price // TICK, size))

    for row, (_, kind, number, size, price, side) in enumerate(messages.itertuples(index=False)):
        for order, its_side, its_price, its_size in unsubmitted.get(row, ()):
            add(SUBMISSION, NO_ROW, order, its_side, its_price, its_size)
        if kind in VISIBLE:
            add(kind, row, number, side, price, size)
    return np.array(actions, ACTION)


@compiled
def send(market, seat_index, command):  # type: ignore[no-untyped-def]
    """Carry out a command, once compiled for all who call it."""
    process(market, seat_index, command)


@compiled
def withdraw(market, seat_index, order_id, quantity, command):  # type: ignore[no-untyped-def]
    """Take `quantity` off an open order, which keeps its place; cancel it where nothing would be left."""
    order = market.seat[seat_index].order[order_id & SLOT_OF_REFERENCE]
    command.order_id = order_id
    command.kind = REPLACE if quantity < order.leaves_quantity else CANCEL
    command.quantity_lots = order.leaves_quantity - quantity
    send(market, seat_index, command)


@compiled
def first_order(market, index):  # type: ignore[no-untyped-def]
    """Return the id of the order that the next fill on a side will take, 0 where there is none."""
    book = market.book
    if book.count[index] == 0:
        return np.int64(0)
    reference = first_in(book, book.best[index] & SLOT_MASK)
    return market.seat[reference >> SLOT_BITS].order[reference & SLOT_OF_REFERENCE].order_id


@compiled
def play(markets, actions, as_named, command, engine_id, levels, rows, tally):  # type: ignore[no-untyped-def]
    """Carry out the actions; after each message write the best levels of both sides into its row of `rows`."""
    market = markets[0]
    order = command[0]
    for i in range(actions.size):
        action = actions[i]
        market.event_count = 0
        order.side = action.side
        order.price_ticks = action.price_ticks
        order.quantity_lots = action.quantity
        number = engine_id[action.order]
        if action.type == SUBMISSION:
            order.kind = LIMIT
            send(market, action.seat, order)
            engine_id[action.order] = market.event[0].order_id
            tally[3] += market.event_count != 2
        elif action.type == PARTIAL_CANCEL:
            withdraw(market, action.seat, number, action.quantity, order)
        elif action.type == DELETION:
            order.kind = CANCEL
            order.order_id = number
            send(market, action.seat, order)
        else:
            in_turn = first_order(market, (1 - action.side) >> 1) == number
            tally[0] += 1
            tally[1] += in_turn
            if in_turn or not as_named:
                order.kind = MARKET
                order.side = -action.side
                send(market, TAKER, order)
                fill = market.event[1]
                tally[2] += (
                    fill.kind == FILLED
                    and fill.price_ticks == action.price_ticks
                    and fill.quantity_lots == action.quantity
                )
            else:
                withdraw(market, action.seat, number, action.quantity, order)
        for j in range(market.event_count):
            tally[4] += market.event[j].kind == REJECTED
        if action.row >= 0 and rows.shape[0] > 0:
            for index in range(2):
                count = min(copy_levels(markets, 0, index, levels), levels.size)
                for level in range(count):
                    rows[action.row, level, 1 - index, 0] = levels[level].price_ticks
                    rows[action.row, level, 1 - index, 1] = levels[level].quantity_lots


def replay(actions: NDArray[np.void], rows: int, as_named: bool) -> tuple[NDArray[np.int64], Tally, Any]:
    """Play the actions in an empty market.

    An execution of an order that is not the first of its side is carried out by the engine's priority, on whichever
    order is; with `as_named` the named order shrinks instead, as though it had been withdrawn.

    Returns the book after each message, (rows, 10 levels, ask and bid, price in ticks and quantity), rows of messages
    that touch no visible order as the row before; the tally; and the market. With `rows` 0 no book is written.
    """
    spec = market_spec(tick_size=0.01, lot_size=1.0, initial_price=585.0, capacity=CAPACITY)
    markets = allocate_markets(spec, 1, TAKER + 1)
    book = np.zeros((rows, LEVELS, 2, 2), np.int64)
    tally = np.zeros(len(Tally._fields), np.int64)
    engine_id = np.zeros(int(actions["order"].max()) + 1, np.int64)
    play(markets, actions, as_named, np.zeros(1, COMMAND), engine_id, np.zeros(LEVELS, PUBLIC_LEVEL), book, tally)
    if rows:
        touched = np.zeros(rows, np.bool_)
        touched[actions["row"][actions["row"] != NO_ROW]] = True
        book = book[np.maximum.accumulate(np.where(touched, np.arange(rows), 0))]
    return book, Tally(*tally.tolist()), markets[0]
