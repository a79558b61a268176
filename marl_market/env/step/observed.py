"""The public record that observing seats get at the end of a step of several ticks of the market's clock.

A scripted trader acts in every tick and sees what changed in the last one. A seat that observes decides once a step: it
sees what changed since its last decision, and counts in whole steps. `market.observed` holds what it sees: first the
record without delay, which rewards and the tape are computed from, then the one as late as the market data of the seat
that observes just now. Where a step is one tick, all of them see the public record itself.
"""

from __future__ import annotations

from marl_market.exchange.codes import Phase
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.connections import history_of
from marl_market.exchange.latency import visible_public, visible_row
from marl_market.exchange.pointers import copy_record
from marl_market.exchange.portfolio import instrument

AUCTION = int(Phase.AUCTION)


@inlined
def step_public(market):  # type: ignore[no-untyped-def]
    """Return the public record of the last step, without delay."""
    return market.public if market.substeps == 1 else market.observed[0]


@inlined
def observed_public(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the public record of the last step as a seat observes it."""
    return late_public(market, seat_index) if market.history_steps > 0 else step_public(market)


@inlined
def begin_sums(record):  # type: ignore[no-untyped-def]
    """Set to zero what a record counts in a step."""
    record.step_trades = 0
    record.step_largest_lots = 0
    for i in range(2):
        record.step_lots[i] = 0
        record.step_limit_orders[i] = 0
        record.step_cancels[i] = 0
        record.step_market_orders[i] = 0


@inlined
def add_sums(record, tick):  # type: ignore[no-untyped-def]
    """Add to a record what another counts."""
    record.step_trades += tick.step_trades
    record.step_largest_lots = max(record.step_largest_lots, tick.step_largest_lots)
    for i in range(2):
        record.step_lots[i] += tick.step_lots[i]
        record.step_limit_orders[i] += tick.step_limit_orders[i]
        record.step_cancels[i] += tick.step_cancels[i]
        record.step_market_orders[i] += tick.step_market_orders[i]


@compiled
def complete(record, earlier, market):  # type: ignore[no-untyped-def]
    """Write into a copy of a tick's record what was before the step, from that record, and count in whole steps."""
    could_stand = earlier.phase != AUCTION
    for i in range(2):
        record.previous_depth[i] = earlier.depth[i] if could_stand else 0
        for j in range(record.level.shape[1]):
            record.previous_level[i, j].price_ticks = earlier.level[i, j].price_ticks
            record.previous_level[i, j].quantity_lots = earlier.level[i, j].quantity_lots
        if record.previous_depth[i] == 0:
            record.previous_level[i, 0].quantity_lots = 0
    record.previous_reference_ticks = earlier.reference_ticks
    record.step = market.public.step // market.substeps
    record.session_steps = market.public.session_steps // market.substeps
    record.step_seconds = market.public.step_seconds * market.substeps
    for i in range(record.candle.size):
        record.candle[i].steps = market.public.candle[i].steps // market.substeps
        record.forming[i].steps = market.public.forming[i].steps // market.substeps


@compiled
def late_record(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the record of the step that ends with the tick that a seat with late market data sees."""
    history, newest = history_of(market), visible_row(market, seat_index)
    record = market.observed[1]
    copy_record(record, visible_public(market, seat_index))
    begin_sums(record)
    for i in range(market.substeps):
        add_sums(record, history[(newest - i) % market.history_steps])
    complete(record, history[(newest - market.substeps) % market.history_steps], market)
    return record


@inlined
def late_public(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the public record of the last step as late as the market data of a seat."""
    return visible_public(market, seat_index) if market.substeps == 1 else late_record(market, seat_index)


@compiled
def open_record(market):  # type: ignore[no-untyped-def]
    """Begin with the record of an opened market."""
    record = market.observed[0]
    copy_record(record, market.public)
    begin_sums(record)
    complete(record, market.public, market)


@compiled
def add_tick(market):  # type: ignore[no-untyped-def]
    """Add the last tick to the record of its step, and complete it with the last one."""
    record, earlier = market.observed[0], market.observed[1]
    if market.tick == 0:
        begin_sums(record)
    add_sums(record, market.public)
    if market.tick == market.substeps - 1:
        copy_record(earlier, record)
        copy_record(record, market.public)
        begin_sums(record)
        add_sums(record, earlier)
        complete(record, earlier, market)


@compiled
def begin_tick(first, tick):  # type: ignore[no-untyped-def]
    """Note the tick of a step that all instruments of a market begin."""
    for k in range(first.instrument_count):
        instrument(first, k).tick = tick


@compiled
def end_tick(first):  # type: ignore[no-untyped-def]
    """Add the tick that has ended to the records of all instruments of a market."""
    for k in range(first.instrument_count):
        add_tick(instrument(first, k))
