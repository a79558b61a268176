"""The memory of a market: one NumPy record that every compiled function shares.

Why one record: a compiled call then passes a single pointer; passing the same state as many arrays costs two to four
times the engine's speed. Why an order lies inside its seat's record: a trader reads its own orders without a copy,
an order is found by its number without a search, and a seat cannot use up a pool shared with other seats.

Assumptions: prices are int32 ticks of any sign; quantities, cash and times are int64. A seat has at most
`SEAT_ORDERS` open orders and sends at most `SEAT_COMMANDS` commands a decision; both limits reject with a reason, the
second without an event, since the command is never sent. Its icebergs refresh, and its reduce-only orders shrink, at
most `SEAT_REFRESHES` times a step (or a command of a stream); after that icebergs hide nothing, and reduce-only orders
are canceled instead.
An order reference is `seat * SEAT_ORDERS + slot`; an order id is `sequence << REFERENCE_BITS | reference`.

Orders, events, seats and markets are whole cache lines of `CACHE_LINE_BYTES` and begin at a cache line, and the fields
of a seat that every step reads lie close together: a step of very many markets is bound by memory.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.codes import Reason

SLOT_BITS = 5
SEAT_ORDERS = 1 << SLOT_BITS
SLOT_OF_REFERENCE = SEAT_ORDERS - 1
SEAT_COMMANDS = 16
SEAT_IN_FLIGHT = 32
SEAT_REFRESHES = 16
SEAT_FILLS = 8
PUBLIC_LEVELS = 10
PUBLIC_EVENTS = 32
PUBLIC_CANDLES = 3
REFERENCE_BITS = 20
NIL = -1
NEVER = 2**62
NO_LAST_STEP = 2**31 - 1
CACHE_LINE_BYTES = 64
FEE_TIERS = 4
REASONS = len(Reason)
LADDERS = 4
BIDS, ASKS, BUY_STOPS, SELL_STOPS = range(LADDERS)


def in_cache_lines(fields: list[tuple[Any, ...]]) -> np.dtype[np.void]:
    """Return the aligned record type of these fields; it and each field of whole cache lines begin at a cache line.

    It is an odd number of cache lines: one field of many records in a row then lies in all sets of a cache. Of seats of
    4096 bytes, it would lie in one set.
    """
    formats = [np.dtype([field])[0] for field in fields]
    offsets, end = [], 0
    for kind in formats:
        in_line = kind.base.names is not None and kind.base.itemsize % CACHE_LINE_BYTES == 0
        end = rounded_up(end, CACHE_LINE_BYTES if in_line else kind.alignment)
        offsets.append(end)
        end += kind.itemsize
    names = [name for name, *_ in fields]
    lines = rounded_up(end, CACHE_LINE_BYTES) // CACHE_LINE_BYTES | 1
    size = lines * CACHE_LINE_BYTES
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size}, align=True)


def rounded_up(size: int, unit: int) -> int:
    """Return the smallest multiple of `unit` that is not below `size`."""
    return -(-size // unit) * unit


COMMAND = np.dtype(
    [
        ("quantity_lots", np.int64),
        ("display_lots", np.int64),  # displayed part of an iceberg; 0 displays all
        ("order_id", np.int64),  # of the order to cancel or replace
        ("kind", np.int32),
        ("side", np.int32),
        ("price_ticks", np.int32),
        ("trigger_ticks", np.int32),  # last price that triggers a stop
        ("client_order_id", np.int32),
        ("lifetime_steps", np.int32),  # steps after which it expires; 0 never
        ("time_in_force", np.int32),
        ("after_ns", np.int32),  # since the decision, when the seat sends it: see `marl_market.exchange.latency`
        ("reduce_only", np.int8),  # whether it may only reduce the holding of its seat
        ("sets_trigger", np.int8),  # of a replacement: whether `trigger_ticks` replaces the trigger of a waiting stop
        ("counts_filled", np.int8),  # of a replacement: whether `quantity_lots` counts what is filled already
    ],
    align=True,
)
EVENT = np.dtype(
    [
        ("time_ns", np.int64),
        ("order_id", np.int64),
        ("trade_id", np.int64),
        ("quantity_lots", np.int64),
        ("leaves_quantity", np.int64),
        ("seat", np.int32),
        ("price_ticks", np.int32),
        ("client_order_id", np.int32),
        ("kind", np.int16),
        ("reason", np.int16),
        ("side", np.int16),
        ("liquidity", np.int16),
    ],
    align=True,
)
ORDER = np.dtype(
    [
        ("order_id", np.int64),
        ("leaves_quantity", np.int64),  # displayed
        ("reserve_quantity", np.int64),  # hidden part of an iceberg
        ("total_lots", np.int64),  # what is open and what is filled
        ("time_ns", np.int64),  # since when it rests at its queue position
        ("price_ticks", np.int32),
        ("trigger_ticks", np.int32),
        ("client_order_id", np.int32),
        ("last_step", np.int32),  # step at whose beginning it expires; NO_LAST_STEP where it does not
        ("kind", np.int8),
        ("side", np.int8),
        ("ladder", np.int8),  # BIDS or ASKS; BUY_STOPS or SELL_STOPS while it waits for its trigger
        ("time_in_force", np.int8),
        ("level", np.uint16),
        ("is_iceberg", np.int8),  # whether `display_lots` of its slot is its displayed part
        ("reduce_only", np.int8),
    ],
    align=True,
)
FILL = np.dtype(
    [
        ("time_ns", np.int64),
        ("quantity_lots", np.int64),
        ("price_ticks", np.int32),
        ("side", np.int16),
        ("liquidity", np.int16),
    ],
    align=True,
)
ACCOUNT = np.dtype(
    [
        ("cash", np.int64),
        ("position", np.int64),
        ("fees", np.int64),
        ("fee_remainder", np.int64),  # billionths of a cash unit that it owes besides: charged once they make a unit
        ("traded_lots", np.int64),
        ("trades", np.int64),
        ("cost", np.int64),  # of the open position at average cost, before fees; negative: of a short one
        ("fee_tier", np.int32),
        ("rejected", np.int32),  # commands
        ("open_lots", np.int64, (2,)),
        ("accepted", np.int64),  # orders and replacements
        ("ordered_lots", np.int64),  # of these, of orders from before the open, and of the venue's own that close
        ("twice_equity_elsewhere", np.int64),  # of the seat's other instruments, see `marl_market.exchange.portfolio`
        ("twice_margin_elsewhere", np.int64),
        ("twice_maintenance_elsewhere", np.int64),
        ("cash_elsewhere", np.int64),
        ("held_lots_elsewhere", np.int64),  # long and short ones, of all instruments
    ],
    align=True,
)


NO_AGENT = np.dtype([("none", np.int8)])
"""The agent record of a seat without an agent.

Why not no field: numba takes a record for a subtype of any record whose fields are its first ones, and then calls a
function compiled for the other.
"""


@cache
def seat_dtype(agent: np.dtype[np.void] = NO_AGENT) -> np.dtype[np.void]:
    """Return the record type of one seat; `agent` is the type of the nested record of its agent."""
    fields: list[tuple[Any, ...]] = [
        ("live", np.uint64),  # bit i is set while order[i] is open
        ("time_of_last_fill_ns", np.int64),
        ("order_sequence", np.int64),  # of its orders; one of the market would tell the number of others' orders
        ("present", np.int16),  # whether it participates in the market
        ("present_before", np.int16),  # `present` as the last step began
        ("tracks_queue", np.int16),  # whether `ahead_lots` is kept up to date
        ("closes_position", np.int16),  # whether its position is closed at market when it departs
        ("account", ACCOUNT),
        ("command_count", np.int64),
        ("random", np.uint64),
        ("random_key", np.uint64),
        ("entry_delay", np.float32),  # order of magnitude, see `marl_market.exchange.latency`
        ("data_delay", np.float32),
        ("command", COMMAND, (SEAT_COMMANDS,)),
        ("order", ORDER, (SEAT_ORDERS,)),
        ("ahead_lots", np.int64, (SEAT_ORDERS,)),  # displayed quantity before each order, as late as market data
        ("display_lots", np.int64, (SEAT_ORDERS,)),  # of each iceberg
        ("refreshes", np.int64),  # of its icebergs and reduce-only orders in `refresh_period`
        ("refresh_period", np.int64),
        ("arrival_step", np.int64),  # first step in which it may decide; 0 or less: from the open
        ("departure_step", np.int64),  # first step in which it is absent again
        ("fill_count", np.int64),  # fills so far; the last SEAT_FILLS of them are in `fill`, fill i at i % SEAT_FILLS
        ("fill", FILL, (SEAT_FILLS,)),
        ("rejections", np.int32, (REASONS,)),  # rejected orders and replacements in the session, by Reason
        ("agent", agent),
    ]
    return in_cache_lines(fields)


LINK = np.dtype([("next", np.int32), ("previous", np.int32)])
"""The neighbors of an order, or of a level's end, in the ring of a queue, see `marl_market.exchange.book`."""

LEVEL = np.dtype(
    [
        ("quantity_lots", np.int64),
        ("hidden_lots", np.int64),
        ("count", np.int32),
        ("price_ticks", np.int32),
    ],
    align=True,
)
PUBLIC_LEVEL = np.dtype([("quantity_lots", np.int64), ("price_ticks", np.int32), ("orders", np.int32)], align=True)
PUBLIC_EVENT = np.dtype(
    [
        ("time_ns", np.int64),
        ("quantity_lots", np.int64),
        ("price_ticks", np.int32),
        ("kind", np.int16),  # PublicKind
        ("side", np.int16),  # of the order, or of the aggressor: 0 in a call auction
    ],
    align=True,
)
CANDLE = np.dtype(
    [
        ("steps", np.int64),  # length of the window
        ("volume_lots", np.int64),
        ("open_ticks", np.int32),
        ("high_ticks", np.int32),
        ("low_ticks", np.int32),
        ("close_ticks", np.int32),
    ],
    align=True,
)
FEES = np.dtype(
    [
        ("maker_parts_per_billion", np.int64),
        ("taker_parts_per_billion", np.int64),
        ("maker_per_lot", np.int64),
        ("taker_per_lot", np.int64),
        ("maker_per_lot_billionths", np.int64),  # of a cash unit, besides
        ("taker_per_lot_billionths", np.int64),
        ("from_lots", np.int64),  # quantity traded in the session from which the tier applies
    ],
    align=True,
)
CREDIT = np.dtype(
    [
        ("initial_cash", np.int64),  # of each seat at the open; its account counts from there
        ("initial_lots", np.int64),
        ("initial_parts_per_million", np.int64),  # margins
        ("maintenance_parts_per_million", np.int64),
        ("short_limit", np.int64),  # largest short position in lots; -1 where there is no limit
        ("lending_rate", np.float64),  # a step, on short positions
        ("cash_rate", np.float64),  # a step, on cash below zero: of one instrument of a market only
    ],
    align=True,
)
PUBLIC = np.dtype(
    [
        ("time_ns", np.int64),
        ("step", np.int64),  # negative while the market warms up
        ("session_steps", np.int64),
        ("instrument", np.int64),  # number of the instrument in its market
        ("step_seconds", np.float64),
        ("best_bid", np.int32),  # valid while depth[0] > 0
        ("best_ask", np.int32),  # valid while depth[1] > 0
        ("depth", np.int32, (2,)),  # number of valid levels, bids then asks
        ("level", PUBLIC_LEVEL, (2, PUBLIC_LEVELS)),
        ("reference_ticks", np.float64),  # mid price, or the best estimate of it
        ("previous_depth", np.int32, (2,)),  # number of levels a step ago; 0 if these were of a call auction
        ("previous_level", PUBLIC_LEVEL, (2, PUBLIC_LEVELS)),  # the first has quantity 0 where there was none
        ("previous_reference_ticks", np.float64),
        ("twice_mark_ticks", np.int64),  # twice the price that positions are valued at
        ("twice_low_ticks", np.int64),  # twice the lowest and the highest mark of the session
        ("twice_high_ticks", np.int64),
        ("phase", np.int64),  # Phase at the end of the last step
        ("indicative_lots", np.int64),  # that a call auction would trade now; 0 while it would not
        ("imbalance_lots", np.int64),  # bought less sold at the indicative price, executable or not
        ("indicative_ticks", np.int32),  # its uncrossing price, valid while `indicative_lots` > 0
        ("last_trade_ticks", np.int32),
        ("last_aggressor_side", np.int32),
        ("step_trades", np.int64),
        ("step_lots", np.int64, (2,)),  # bought and sold by aggressors in the last step
        ("step_largest_lots", np.int64),  # largest trade of the last step
        ("step_limit_orders", np.int64, (2,)),  # orders of each side that began to rest, where there is a history
        ("step_cancels", np.int64, (2,)),
        ("step_market_orders", np.int64, (2,)),  # orders that took: buys, sells
        ("session_lots", np.int64),
        ("price_scale_ticks", np.float64),  # units of the spec by which observations are scaled
        ("size_scale_lots", np.float64),
        ("depth_scale_lots", np.int64),  # mean quantity at the best price, one lot at least
        ("per_price_scale", np.float64),  # their inverses: divisions take long
        ("per_size_scale", np.float64),
        ("per_wealth_scale", np.float64),  # of a cash unit; a wealth scale is a hundred price scales on a size scale
        ("cash_per_tick_lot", np.int64),
        ("fees", FEES, (FEE_TIERS,)),  # as the venue publishes them
        ("credit", CREDIT),
        ("event_count", np.int64),  # public events so far; event i is at i % PUBLIC_EVENTS
        ("event", PUBLIC_EVENT, (PUBLIC_EVENTS,)),
        ("candle", CANDLE, (PUBLIC_CANDLES,)),  # of the last closed windows; volume 0 and flat where nothing traded
        ("forming", CANDLE, (PUBLIC_CANDLES,)),
        ("tracks_history", np.int64),  # whether events, candles, fills and queue places are kept up to date
    ],
    align=True,
)
"""The public data of a market, observed by every trader."""


@cache
def market_dtype(capacity: str, agent: np.dtype[np.void] = NO_AGENT) -> np.dtype[np.void]:
    """Return the record type of one market of the size class `capacity`, whose seats hold an `agent` record each.

    Raises ValueError for an unknown class.
    """
    if capacity not in CAPACITY_SEATS:
        raise ValueError(f"capacity {capacity!r} is no size class; choose one of {', '.join(CAPACITY_SEATS)}")
    seats = CAPACITY_SEATS[capacity]
    orders = seats * SEAT_ORDERS
    # A pair of fill events uses up a displayed quantity, or else is the last of the incoming order. So in a step a
    # resting order makes at most two events, a waiting stop four (it is triggered, rests and ends), a command five (it
    # is accepted and may be such a stop), and each refresh three more: `SEAT_REFRESHES` for each seat and, when these
    # are used up, one more for each order, which then hides nothing. Where an iceberg ends untraded, its hidden part
    # makes the second event; where a reduce-only order shrinks, it makes two and counts as a refresh. A position is
    # closed, once by a liquidation and once at the departure, by an order that is accepted and then canceled or the
    # last of a pair: three each. A command in flight that is rejected makes one. A step cannot exceed this buffer.
    events = 7 * orders + seats * (8 * SEAT_COMMANDS + 3 * SEAT_REFRESHES + SEAT_IN_FLIGHT + 6)
    book = np.dtype(
        [
            ("best", np.int64, (LADDERS,)),  # the last key of each ladder, LOWEST_KEY where it is empty
            ("count", np.int32, (LADDERS,)),
            ("free_level", np.int32),
            ("used_levels", np.int32),
            ("ladder", np.int64, (LADDERS, orders)),  # keys; LOWEST_KEY beyond the count
            ("level", LEVEL, (orders,)),
            ("link", LINK, (2 * orders,)),  # of every order by its reference, then of every level's end
        ],
        align=True,
    )
    return in_cache_lines(
        [
            ("public", PUBLIC),
            ("fee_tiers", np.int64),
            ("fees_collected", np.int64),
            ("maximum_quantity", np.int64),
            ("plain_quantity", np.int64),  # largest that no price makes too large a notional
            ("maximum_notional", np.float64),  # of an order, in ticks times lots
            ("largest_amount", np.int64),  # limits of `marl_market.market.limits`, in cash units
            ("largest_move", np.int64),
            ("unchecked_move", np.int64),  # money (and lots) that may still move until all accounts are checked
            ("moved_per_lot", np.int64),  # that a fill moves at most besides its notional
            ("excess_seat", np.int64),  # first seat with an amount beyond the limits, NIL while there is none
            ("price_band", np.int64),  # ticks around the reference price; 0 has none
            ("self_trade", np.int64),
            ("phase", np.int64),
            ("limits_orders", np.int64),  # whether an order may be rejected for its seat's account
            ("watches_accounts", np.int64),  # whether accounts are checked as a step begins, for any instrument
            ("liquidates", np.int64),  # whether any instrument has a maintenance margin
            ("has_arrivals", np.int64),  # whether seats arrive or depart within the session
            ("expiring", np.int64),  # whether an order with a last step may be open
            ("opening_steps", np.int64),  # length of the opening call auction
            ("closing_steps", np.int64),
            ("halt_move", np.int64),  # ticks of the last price within a halt window that halt trading; 0 never does
            ("halt_window", np.int64),
            ("halt_steps", np.int64),
            ("halt_reference", np.int64),
            ("halt_ends", np.int64),
            ("reducing", np.int64),  # whether a reduce-only order may be open
            ("refresh_period", np.int64),  # steps so far, and commands of a stream
            ("trade_sequence", np.int64),
            ("time_ns", np.int64),
            ("step_ends_ns", np.int64),
            ("random", np.uint64),
            ("random_key", np.uint64),
            ("path", np.int64),  # address of the fundamental value at step 0; 0 where no agent needs one
            ("path_shift", np.float64),  # ticks by which seats of `moves_fundamental` have moved it
            ("path_published", np.int64),  # whether it is the public reference price and mark
            ("event_count", np.int64),
            ("substeps", np.int64),  # ticks in a step of seats that observe, see `marl_market.env.step.observed`
            ("tick", np.int64),  # of them, the one that is played
            ("seat_count", np.int64),
            ("instrument_count", np.int64),  # of its market
            ("instrument_bytes", np.int64),  # from its record to that of the next instrument
            ("connection", np.int64),  # addresses of `marl_market.exchange.latency.Connections`, 0 without delays
            ("delivery", np.int64),
            ("delivery_count", np.int64),
            ("history", np.int64),
            ("queue_history", np.int64),
            ("history_steps", np.int64),
            ("arrival", np.int32, (seats,)),
            ("book", book),
            ("event", EVENT, (events,)),
            ("seat", seat_dtype(agent), (seats,)),
            ("observed", PUBLIC, (2,)),
        ]
    )
