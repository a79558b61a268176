"""Set up markets: allocate records, write the constants of a spec, open an empty book."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.book import LOWEST_KEY
from marl_market.exchange.capacity import capacity_for
from marl_market.exchange.codes import Phase
from marl_market.exchange.compiled import compiled
from marl_market.exchange.market_history import begin_candle
from marl_market.exchange.pointers import clear_record
from marl_market.exchange.records import CACHE_LINE_BYTES, NEVER, NIL, NO_AGENT, market_dtype
from marl_market.market.credit import in_millionths
from marl_market.market.fees import BILLION
from marl_market.market.limits import limits_of
from marl_market.market.rules import SELF_TRADE
from marl_market.market.spec import MarketSpec
from marl_market.market.units import NANOSECONDS_PER_SECOND, decimal

CONTINUOUS = int(Phase.CONTINUOUS)
NANOSECONDS_PER_YEAR = 365 * 24 * 60 * 60 * NANOSECONDS_PER_SECOND


def allocate_markets(spec: MarketSpec, markets: int, seats: int) -> NDArray[np.void]:
    """Return `markets` records of the spec's own instrument, the first; for the rest see `allocate_instruments`."""
    records: NDArray[np.void] = allocate_instruments(spec, markets, seats)[0]
    return records


def allocate_instruments(
    spec: MarketSpec, markets: int, seats: int, agent: np.dtype[np.void] = NO_AGENT
) -> NDArray[np.void]:
    """Return market records of the spec's size class, for `seats` seats each, of shape (instruments, `markets`).

    `agent` is the type of the agent record in each seat. Raises ValueError when the size class has too few seats.
    """
    dtype = market_dtype(capacity_for(spec.capacity, seats), agent)
    instruments = zeros_in_cache_lines((len(spec.instruments), markets), dtype)
    instruments["book"]["ladder"] = LOWEST_KEY
    for number, records in enumerate(instruments):
        records["public"]["instrument"] = number
        records["instrument_count"] = len(instruments)
        # A market of one instrument is the same record in a batch of any size.
        records["instrument_bytes"] = instruments.strides[0] if len(instruments) > 1 else 0
        records["seat_count"] = seats
        records["substeps"] = 1
        records["seat"]["departure_step"][:, :seats] = NEVER
        write_constants(records, spec, number)
        open_markets(records, spec.instruments[number].initial_price_ticks)
    return instruments


def zeros_in_cache_lines(shape: tuple[int, int], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return an array of zeros that begins at a cache line."""
    return at_cache_line(np.zeros(math.prod(shape) * dtype.itemsize + CACHE_LINE_BYTES, np.uint8), shape, dtype)


def unwritten_in_cache_lines(shape: tuple[int, ...], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return an array that begins at a cache line and holds whatever was in its memory."""
    return at_cache_line(np.empty(math.prod(shape) * dtype.itemsize + CACHE_LINE_BYTES, np.uint8), shape, dtype)


def at_cache_line(memory: NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return an array in `memory`, which has room for one cache line more."""
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % CACHE_LINE_BYTES)


def write_constants(records: NDArray[np.void], market_spec: MarketSpec, number: int) -> None:
    """Write the constants of instrument `number` of a market into its records `(markets,)`."""
    instruments = market_spec.instruments
    spec = instruments[number]
    limits = limits_of(spec, len(instruments))
    records["maximum_quantity"] = limits.quantity
    records["maximum_notional"] = limits.notional / spec.cash_per_tick_lot
    records["plain_quantity"] = min(limits.quantity, limits.notional // (spec.cash_per_tick_lot * 2**31))
    records["largest_amount"] = limits.amount
    records["largest_move"] = limits.notional
    records["moved_per_lot"] = limits.per_lot
    records["fee_tiers"] = 1 + len(spec.fee_tiers)
    rules = spec.rules
    records["self_trade"] = SELF_TRADE.index(rules.self_trade)
    records["price_band"] = rules.price_band_ticks
    records["opening_steps"] = rules.opening_auction_steps
    records["closing_steps"] = rules.closing_auction_steps
    records["halt_move"] = rules.halt_move_ticks
    records["halt_window"] = rules.halt_window_steps
    records["halt_steps"] = rules.halt_steps
    records["limits_orders"] = spec.credit.limits_orders
    records["watches_accounts"] = any(each.credit.watches_accounts for each in instruments)
    records["liquidates"] = any(each.credit.maintenance_margin > 0 for each in instruments)
    public = records["public"]
    _write_credit(public["credit"], spec)
    # Cash belongs to the whole account: the first instrument of the highest lending rate charges it.
    rates = [each.credit.lending_rate for each in instruments]
    public["credit"]["cash_rate"] = public["credit"]["lending_rate"] if number == rates.index(max(rates)) else 0.0
    _write_fees(public["fees"], spec)
    public["candle"]["steps"] = spec.candle_steps
    public["forming"]["steps"] = spec.candle_steps
    public["session_steps"] = spec.session_steps
    public["step_seconds"] = spec.step_seconds
    public["price_scale_ticks"] = spec.price_scale_ticks
    public["size_scale_lots"] = spec.size_scale_lots
    public["depth_scale_lots"] = max(1, round(spec.flow.depth_lots))
    public["cash_per_tick_lot"] = spec.cash_per_tick_lot
    price_scale, size_scale = 1.0 / spec.price_scale_ticks, 1.0 / spec.size_scale_lots
    public["per_price_scale"], public["per_size_scale"] = price_scale, size_scale
    public["per_wealth_scale"] = 0.01 * size_scale * price_scale / spec.cash_per_tick_lot


def _write_fees(fees: NDArray[np.void], spec: MarketSpec) -> None:
    """Write the spec's fees (markets, tiers) in cash units and lots."""
    for tier, charged in enumerate((spec.fees, *spec.fee_tiers)):
        row = fees[:, tier]
        row["maker_parts_per_billion"] = round(decimal(charged.maker_rate) * BILLION)
        row["taker_parts_per_billion"] = round(decimal(charged.taker_rate) * BILLION)
        maker, taker = charged.in_billionths(spec.cash_unit, spec.lot_size)
        row["maker_per_lot"], row["maker_per_lot_billionths"] = divmod(maker, BILLION)
        row["taker_per_lot"], row["taker_per_lot_billionths"] = divmod(taker, BILLION)
        row["from_lots"] = math.ceil(decimal(charged.from_quantity) / decimal(spec.lot_size))


def _write_credit(credit: NDArray[np.void], spec: MarketSpec) -> None:
    """Write the spec's credit (markets) in cash units, lots and steps."""
    given = spec.credit
    credit["initial_cash"], credit["initial_lots"], credit["short_limit"] = given.in_steps(
        spec.cash_unit, spec.lot_size
    )
    credit["initial_parts_per_million"] = in_millionths(given.initial_margin)
    credit["maintenance_parts_per_million"] = in_millionths(given.maintenance_margin)
    credit["lending_rate"] = given.lending_rate * spec.step_ns / NANOSECONDS_PER_YEAR


@compiled
def clear_accounts(market):  # type: ignore[no-untyped-def]
    """Reset all accounts to their endowment: positions and cash sum to zero; open orders stay open."""
    market.fees_collected = 0
    market.unchecked_move = market.largest_move
    public = market.public
    public.session_lots = 0
    public.twice_low_ticks = public.twice_mark_ticks
    public.twice_high_ticks = public.twice_mark_ticks
    for i in range(market.seat_count):
        account = market.seat[i].account
        bid_lots, ask_lots = account.open_lots[0], account.open_lots[1]
        clear_record(account)
        account.open_lots[0], account.open_lots[1] = bid_lots, ask_lots
        account.ordered_lots = bid_lots + ask_lots
        market.seat[i].rejections[:] = 0


@compiled
def clear_book(book):  # type: ignore[no-untyped-def]
    """Remove all levels of a book, whose orders are then gone."""
    for i in range(book.count.size):
        for j in range(book.count[i]):
            book.ladder[i, j] = LOWEST_KEY
        book.count[i] = 0
        book.best[i] = LOWEST_KEY
    book.free_level = NIL
    book.used_levels = 0


@compiled
def open_public(public, initial_price_ticks):  # type: ignore[no-untyped-def]
    """Reset the public record to an empty book at the initial price; constants stay."""
    public.time_ns = 0
    public.step = 0
    public.best_bid = initial_price_ticks
    public.best_ask = initial_price_ticks
    public.depth[:] = 0
    public.previous_depth[:] = 0
    for i in range(public.previous_depth.size):
        public.previous_level[i, 0].quantity_lots = 0
    public.reference_ticks = initial_price_ticks
    public.previous_reference_ticks = initial_price_ticks
    public.twice_mark_ticks = 2 * np.int64(initial_price_ticks)
    public.twice_low_ticks = public.twice_mark_ticks
    public.twice_high_ticks = public.twice_mark_ticks
    public.phase = CONTINUOUS
    public.indicative_lots = 0
    public.imbalance_lots = 0
    public.indicative_ticks = initial_price_ticks
    public.last_trade_ticks = initial_price_ticks
    public.last_aggressor_side = 0
    public.step_trades = 0
    public.step_largest_lots = 0
    public.step_lots[:] = 0
    public.step_limit_orders[:] = 0
    public.step_cancels[:] = 0
    public.step_market_orders[:] = 0
    public.session_lots = 0
    public.event_count = 0
    for i in range(public.candle.size):
        begin_candle(public.candle[i], initial_price_ticks)
        begin_candle(public.forming[i], initial_price_ticks)


@compiled
def open_seat(seat):  # type: ignore[no-untyped-def]
    """Reset a seat to an empty account without orders, commands or fills; constants stay."""
    clear_record(seat.account)
    seat.rejections[:] = 0
    seat.live = np.uint64(0)
    seat.present = np.int16(seat.arrival_step <= 0)
    seat.present_before = 0
    seat.order_sequence = 0
    seat.refreshes = 0
    seat.refresh_period = NEVER
    seat.time_of_last_fill_ns = 0
    seat.fill_count = 0
    seat.command_count = 0


@compiled
def open_market(market, initial_price_ticks):  # type: ignore[no-untyped-def]
    """Reset the book, the accounts and the market history of one market; constants stay."""
    market.fees_collected = 0
    market.reducing = 0
    market.refresh_period = 0
    market.unchecked_move = market.largest_move
    market.excess_seat = NIL
    market.trade_sequence = 0
    market.time_ns = 0
    market.event_count = 0
    market.tick = 0
    market.phase = CONTINUOUS
    market.expiring = 0
    market.halt_reference = initial_price_ticks
    market.halt_ends = 0
    clear_book(market.book)
    open_public(market.public, initial_price_ticks)
    for i in range(market.seat_count):
        open_seat(market.seat[i])


@compiled
def open_markets(markets, initial_price_ticks):  # type: ignore[no-untyped-def]
    """Open every market of a batch."""
    for i in range(markets.size):
        open_market(markets[i], initial_price_ticks)
