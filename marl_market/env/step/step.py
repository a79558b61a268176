"""The compiled step: seats decide, commands arrive, the market moves, seats get observations and rewards.

A step has four parts, for each market on its own:
1. every active seat decides on the same public record (simultaneous decisions);
2. seats arrive at the exchange in an order drawn anew each step, each with its commands in the order it wrote them;
   with latencies, each command arrives after its delay, and recorded messages at their own times;
3. the clock advances and the venue publishes;
4. every seat that was present gets a reward, and those that observe and are active next get their observation.

A step may hold several ticks of the market's clock: then parts 1 to 3 are done in each, the seats that observe decide
in the first, and part 4 comes once at the end, see `marl_market.env.step.observed`. A market counts steps in ticks.

A market of several instruments has a record for each of them. A scripted trader trades in each on its own; an agent
that observes has one observation and one action of all of them.

The stages, functions of (market, market_index, context), are compiled once each and call one another by address: numba
would otherwise optimize all callees of a function once more with it, and the step with each of its kernels.
"""

from __future__ import annotations

import numpy as np

from marl_market.env.interface.finite import are_finite, first_not_finite
from marl_market.env.interface.signatures import call_encoder, call_privileged_encoder, call_reward, call_trader, decide
from marl_market.env.step.context import (
    call_stage,
    flag_row,
    float_row,
    params_of,
    parts_of,
    rewards_of,
    tape_row,
)
from marl_market.env.step.event_logs import log_events
from marl_market.env.step.faults import (
    LARGEST_FLOAT,
    OBSERVATION,
    REWARD,
    check_excess,
    write_action_fault,
    write_fault,
)
from marl_market.env.step.fundamental import update_fundamental
from marl_market.env.step.observed import begin_tick, end_tick, late_public, step_public
from marl_market.env.step.replay import note_divergence, send_until
from marl_market.env.timing.wakeups import gets_observation, is_active, wake_seats
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.connections import deliveries_of
from marl_market.exchange.latency import (
    append_public,
    collect_deliveries,
    receive_delivery,
    visible_public,
)
from marl_market.exchange.market_history import update_history
from marl_market.exchange.order_entry import process
from marl_market.exchange.pointers import copy_floats, floats_at
from marl_market.exchange.portfolio import (
    instrument,
    observe_elsewhere,
    remove_from_all_instruments,
    sync_cross_instrument,
)
from marl_market.exchange.random_streams import UPPER_BITS, begin_stream, following, upper_bits
from marl_market.exchange.records import NEVER
from marl_market.exchange.session import begin_step, end_step


@inlined
def shuffle_arrivals(market):  # type: ignore[no-untyped-def]
    """Draw the order of arrival of the seats (Fisher and Yates)."""
    begin_stream(market, market.public.step)
    arrival, word = market.arrival, market.random
    for i in range(market.seat_count):
        arrival[np.uint64(i)] = i
    for i in range(market.seat_count - 1, 0, -1):
        word = following(word)
        j = np.int64(upper_bits(word) * np.uint64(i + 1) >> np.uint64(UPPER_BITS))
        arrival[np.uint64(i)], arrival[np.uint64(j)] = arrival[np.uint64(j)], arrival[np.uint64(i)]
    market.random = word


def open_venue(market, market_index, context):  # type: ignore[no-untyped-def]
    """Stage: do the venue's work before the commands of a step."""
    begin_step(market)
    return 0


def close_venue(market, market_index, context):  # type: ignore[no-untyped-def]
    """Stage: do the venue's work after the commands of a step that ends at `market.step_ends_ns`."""
    end_step(market, market.step_ends_ns - market.time_ns)
    return 0


@inlined
def external_row(seat, market_index, context):  # type: ignore[no-untyped-def]
    """Return the row of an external seat in the batch's actions, observations and masks."""
    return market_index * context.external + seat.agent.external_index


@inlined
def take_action(seat, market_index, context):  # type: ignore[no-untyped-def]
    """Copy the row of the batch's action of an external seat into its record."""
    size = context.action_size
    action = floats_at(context.action + 4 * size * external_row(seat, market_index, context), size)
    for j in range(size):
        seat.agent.action[np.uint64(j)] = action[j]


@compiled
def update_group(market, seat_index, context):  # type: ignore[no-untyped-def]
    """Update the memory of the group whose first seat this is, also while that seat is absent or asleep."""
    seat, visible = market.seat[seat_index], market.public
    if market.history_steps > 0:
        visible = visible_public(market, seat_index)
    call_trader(seat.agent.group_update, visible, seat, params_of(context, seat))
    seat.command_count = 0


def trade_once(market, market_index, context):  # type: ignore[no-untyped-def]
    """Stage: do parts 1 to 3 of a tick; before the session, only for the seats that warm up."""
    market.event_count = 0
    public = market.public
    asleep = 0
    opening = public.step < 0
    begins = market.tick == 0
    for i in range(market.seat_count):
        seat = market.seat[i]
        seat.command_count = 0
        if begins:
            seat.present_before = seat.present
        begin_stream(seat, public.step)
        if seat.agent.group_update != 0 and (not opening or seat.agent.warms_up == 1):
            update_group(market, i, context)
        decides = begins or seat.agent.observes == 0
        if decides and is_active(seat) and (not opening or seat.agent.warms_up == 1):
            if seat.agent.external_index >= 0 and public.instrument == 0:
                take_action(seat, market_index, context)
            visible = public
            if market.history_steps > 0:
                visible = visible_public(market, i)
                observe_elsewhere(market, i, True)
            params = params_of(context, seat)
            if not decide(seat.agent.trader, seat.agent.decoder, visible, seat, params):
                write_action_fault(seat, context)
            if seat.agent.timing != 0:
                call_trader(seat.agent.timing, visible, seat, params)
            if market.history_steps > 0:
                observe_elsewhere(market, i, False)
        asleep += seat.agent.asleep
    start_ns = market.time_ns
    market.step_ends_ns = start_ns + context.step_ns
    call_stage(context.open_venue, market, market_index, context)
    shuffle_arrivals(market)
    late = market.connection != 0
    arrivals = collect_deliveries(market, context.step_ns) if late else market.seat_count
    for i in range(arrivals):
        if late:
            seat_index, count = receive_delivery(market, i, start_ns)
            if context.replays != 0:
                send_until(market, market_index, context, market.time_ns)
        else:
            seat_index = np.int64(market.arrival[i])
            count = market.seat[seat_index].command_count
        for j in range(count):
            command = market.seat[seat_index].command[j]
            if late:
                command = deliveries_of(market)[i].command
            process(market, seat_index, command)
    if context.replays != 0:
        send_until(market, market_index, context, market.step_ends_ns)
    call_stage(context.close_venue, market, market_index, context)
    if context.replays != 0:
        note_divergence(market, market_index, context)
    if market.path != 0:
        update_fundamental(market)
    if public.tracks_history == 1:
        update_history(market)
    if late:
        append_public(market, context.step_ns)
    if asleep > 0:
        wake_seats(market)
    return 0


@inlined
def observation_address(first, seat_index, market_index, context):  # type: ignore[no-untyped-def]
    """Return the address of a seat's observation, instrument after instrument.

    It is its row of the batch's observation if it is external, else the one in its record of the first instrument.
    """
    seat = first.seat[np.uint64(seat_index)]
    if seat.agent.external_index >= 0:
        return context.observation + 4 * context.observation_size * external_row(seat, market_index, context)
    return np.int64(seat.agent.observation.ctypes.data)


@compiled
def encode_observations(first, instrument_index, market_index, context):  # type: ignore[no-untyped-def]
    """Encode the observations of one instrument of a market, and their masks.

    `first` is the market's first instrument. Parts that all seats share are encoded once, for the first that observes.
    """
    market = instrument(first, instrument_index)
    public = step_public(market)
    late = market.history_steps > 0
    parts = parts_of(context)
    size = context.instrument_size
    encoded = 0
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.agent.observes == 0 or not gets_observation(market.public, seat):
            continue
        visible = public
        if late:
            visible = late_public(market, i)
            observe_elsewhere(market, i, True)
        target = observation_address(first, i, market_index, context) + 4 * instrument_index * size
        count = parts.size
        if encoded != 0 and not late:  # all of it at once, and then its own over it: short copies cost more
            copy_floats(floats_at(target, size), floats_at(encoded, size), size)
            count = context.own_parts
        for k in range(count):
            part = parts[np.uint64(k)]
            values = floats_at(target + 4 * part.offset, part.size)
            if part.privileged == 1:
                seats = market.seat[: market.seat_count]
                call_privileged_encoder(part.address, public, seats, i, values, part.size)
            else:
                call_encoder(part.address, visible, seat, values)
        if encoded == 0:
            encoded = target
        num_choices = 0
        if seat.agent.mask_function != 0:
            num_choices = call_trader(seat.agent.mask_function, visible, seat, params_of(context, seat))
        if late:
            observe_elsewhere(market, i, False)
        if seat.agent.external_index >= 0 and context.mask_size > 0:
            mask = flag_row(context.mask, context.mask_size, external_row(seat, market_index, context))
            start, count = (
                (0, context.mask_size) if instrument_index == 0 else (instrument_index * num_choices, num_choices)
            )
            for j in range(count):
                mask[start + j] = seat.agent.mask[j]


@inlined
def check_observations(first, market_index, context):  # type: ignore[no-untyped-def]
    """Write the fault of a market whose observations are not finite."""
    size = context.observation_size
    external = context.external * size
    finite = are_finite(context.observation + 4 * external * market_index, external)
    for i in range(first.seat_count):
        agent = first.seat[np.uint64(i)].agent
        if agent.observes == 1 and agent.external_index < 0:
            finite &= are_finite(agent.observation.ctypes.data, size)
    if not finite:
        write_observation_fault(first, market_index, context)


@compiled
def write_observation_fault(first, market_index, context):  # type: ignore[no-untyped-def]
    """Write the first number of a market's observations that is not finite as its fault."""
    parts = parts_of(context)
    for i in range(first.seat_count):
        if first.seat[i].agent.observes == 0:
            continue
        for k in range(first.instrument_count):
            start = observation_address(first, i, market_index, context) + 4 * k * context.instrument_size
            for j in range(parts.size):
                address = start + 4 * parts[j].offset
                number = first_not_finite(address, parts[j].size)
                if number < parts[j].size:
                    write_fault(instrument(first, k).seat[i], context, OBSERVATION, j, number)
                    return


@compiled
def trade(first, market_index, context):  # type: ignore[no-untyped-def]
    """Do parts 1 to 3 of a step in every instrument of a market, one after the other.

    An agent that observes decides once for all of them, in the first.
    """
    call_stage(context.trade_once, first, market_index, context)
    for k in range(1, first.instrument_count):
        market = instrument(first, k)
        for i in range(market.seat_count):
            seat = market.seat[i]
            if seat.agent.observes == 1:
                action = first.seat[i].agent.action
                for j in range(action.size - seat.agent.action_offset):
                    seat.agent.action[j] = action[seat.agent.action_offset + j]
        sync_cross_instrument(first, k)
        call_stage(context.trade_once, market, market_index, context)
    if first.instrument_count > 1:
        if first.watches_accounts == 1:
            remove_from_all_instruments(first)
        for k in range(first.instrument_count):
            sync_cross_instrument(first, k)


@compiled
def write_tape(public, market_index, context):  # type: ignore[no-untyped-def]
    """Write the tape of the step that has just ended."""
    row = tape_row(context, public.step - 1, market_index)
    bid, ask = public.level[0, 0], public.level[1, 0]
    row.bid_price_ticks = bid.price_ticks if public.depth[0] > 0 else 0
    row.bid_quantity_lots = bid.quantity_lots if public.depth[0] > 0 else 0
    row.ask_price_ticks = ask.price_ticks if public.depth[1] > 0 else 0
    row.ask_quantity_lots = ask.quantity_lots if public.depth[1] > 0 else 0
    row.last_trade_ticks = public.last_trade_ticks
    row.trades = public.step_trades
    row.bought_lots = public.step_lots[0]
    row.sold_lots = public.step_lots[1]
    row.reference_ticks = public.reference_ticks


@compiled
def write_reward_fault(first, context, place):  # type: ignore[no-untyped-def]
    """Write the fault of a market's rewards; `place` counts the parts of all instruments of all seats."""
    parts = context.reward_count
    market = instrument(first, place // parts % first.instrument_count)
    write_fault(market.seat[place // parts // first.instrument_count], context, REWARD, place % parts, 0)


def step_market(first, market_index, context):  # type: ignore[no-untyped-def]
    """Stage: step a market, whose first instrument is `first`."""
    several = first.substeps > 1
    for tick in range(first.substeps):
        if several:
            begin_tick(first, tick)
        trade(first, market_index, context)
        if context.logs != 0:
            log_events(first, market_index, context)
        if several:
            end_tick(first)
    check_excess(first, context)
    if context.tape != 0:
        write_tape(step_public(first), market_index, context)
    rewards = rewards_of(context)
    reward = float_row(context.reward, context.seats, market_index)
    active = flag_row(context.active, context.seats, market_index)
    terminated = flag_row(context.terminated, context.seats, market_index)
    fault = NEVER
    for i in range(first.seat_count):
        total = 0.0
        before = first.seat[i].present_before
        if before == 1:
            for k in range(first.instrument_count):
                market = instrument(first, k)
                public = market.observed[0] if several else market.public
                seat = market.seat[i]
                params = params_of(context, seat)
                for j in range(rewards.size):
                    part = rewards[j]
                    total += part.weight * call_reward(part.address, public, seat, params, j)
                    if not abs(total) <= LARGEST_FLOAT:
                        fault = min(fault, (i * first.instrument_count + k) * rewards.size + j)
        reward[np.uint64(i)] = total
        active[np.uint64(i)] = is_active(first.seat[i])
        terminated[np.uint64(i)] = first.seat[i].present < before
    if fault < NEVER:
        write_reward_fault(first, context, fault)
    for k in range(first.instrument_count):
        encode_observations(first, k, market_index, context)
    check_observations(first, market_index, context)
    return 0
