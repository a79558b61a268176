"""The compiled step: every seat decides, commands arrive, the market moves, seats see and are scored.

A step has four parts, for each market on its own:
1. every seat that is there and awake decides on the same public record (simultaneous decisions);
2. seats arrive at the exchange in an order drawn anew each step, each with its commands in the order it wrote them;
   where there are delays, commands arrive when these are over;
3. the clock moves on and the venue publishes;
4. every seat that was there is scored, and those that observe and decide next get their observation.

A market of several instruments has a record for each of them. Scripted traders trade each on its own; a mind that
observes sees them all and acts in all of them.

The stages, functions of (market, number, plan), are compiled once each and call one another by address: numba would
otherwise optimize all that a function calls once more with it, and the step with each of the kernels that take it.
"""

from __future__ import annotations

import numpy as np

from marl_market.env.interface.records import REWARD_MEMORY, REWARD_PARTS
from marl_market.env.interface.signatures import call_encoder, call_privileged_encoder, call_reward, call_trader, decide
from marl_market.env.step.context import (
    call_stage,
    flag_row,
    number_row,
    params_of,
    parts_of,
    prices_of,
    random_row,
    rewards_of,
)
from marl_market.env.step.fundamental import begin_path, reveal
from marl_market.env.timing.wakeups import gets_observation, is_active, wake_seats
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.latency import (
    append_public,
    begin_history,
    collect_deliveries,
    deliveries_of,
    history_of,
    open_connections,
    receive_delivery,
    visible_row,
)
from marl_market.exchange.liquidation import cancel_uncovered
from marl_market.exchange.market_history import update_history
from marl_market.exchange.order_entry import process
from marl_market.exchange.pointers import copy_floats, floats_at
from marl_market.exchange.portfolio import instrument, remove_from_all_instruments, sync_cross_instrument
from marl_market.exchange.random_streams import UPPER_BITS, begin_stream, following, upper_bits
from marl_market.exchange.session import begin_step, end_step
from marl_market.exchange.setup import clear_accounts, open_market

INSTRUMENT_KEY = np.uint64(0x9E3779B97F4A7C15)
"""What tells the random streams of one instrument from those of the next."""


@inlined
def shuffle_arrivals(market):  # type: ignore[no-untyped-def]
    """Draw the order in which seats arrive (Fisher and Yates)."""
    begin_stream(market, market.public.step)
    arrival, word = market.arrival, market.random
    for i in range(market.seat_count):
        arrival[np.uint64(i)] = i
    for i in range(market.seat_count - 1, 0, -1):
        word = following(word)
        j = np.int64(upper_bits(word) * np.uint64(i + 1) >> np.uint64(UPPER_BITS))
        arrival[np.uint64(i)], arrival[np.uint64(j)] = arrival[np.uint64(j)], arrival[np.uint64(i)]
    market.random = word


def open_venue(market, number, context):  # type: ignore[no-untyped-def]
    """Stage: let the venue do what comes before the commands of a step."""
    begin_step(market)
    return 0


def close_venue(market, number, context):  # type: ignore[no-untyped-def]
    """Stage: let the venue do what comes after the commands of a step that ends at `market.step_ends_ns`."""
    end_step(market, market.step_ends_ns - market.time_ns)
    return 0


@inlined
def external_row(seat, number, context):  # type: ignore[no-untyped-def]
    """Return which row of the batch's actions, observations and masks is that of an external seat of a market."""
    return number * context.external + seat.agent.external_index


@inlined
def take_action(seat, number, context):  # type: ignore[no-untyped-def]
    """Give an external seat of market `number` its row of the batch's action."""
    action = floats_at(context.action + 4 * context.action_size * external_row(seat, number, context))
    for j in range(context.action_size):
        seat.agent.action[np.uint64(j)] = action[j]


def trade_once(market, number, context):  # type: ignore[no-untyped-def]
    """Stage: carry out parts 1 to 3 of a step; before the session, only for the seats that warm up."""
    market.event_count = 0
    public = market.public
    sleepers = 0
    opening = public.step < 0
    for i in range(market.seat_count):
        seat = market.seat[i]
        seat.command_count = 0
        seat.present_before = seat.present
        begin_stream(seat, public.step)
        if is_active(seat) and (not opening or seat.agent.warms_up == 1):
            if seat.agent.external_index >= 0 and public.instrument == 0:
                take_action(seat, number, context)
            seen = public
            if market.history_steps > 0:
                seen = history_of(market)[visible_row(market, i)]
            params = params_of(context, seat)
            decide(seat.agent.trader, seat.agent.decoder, seen, seat, params)
            if seat.agent.timing != 0:
                call_trader(seat.agent.timing, seen, seat, params)
        sleepers += seat.agent.asleep
    public.step_trades = 0
    public.step_lots[0] = 0
    public.step_lots[1] = 0
    begin_ns = market.time_ns
    market.step_ends_ns = begin_ns + context.step_ns
    call_stage(context.open_venue, market, number, context)
    shuffle_arrivals(market)
    late = market.connection != 0
    turns = collect_deliveries(market, context.step_ns) if late else market.seat_count
    for i in range(turns):
        if late:
            index, count = receive_delivery(market, i, begin_ns)
        else:
            index = np.int64(market.arrival[i])
            count = market.seat[index].command_count
        for j in range(count):
            command = market.seat[index].command[j]
            if late:
                command = deliveries_of(market)[i].command
            process(market, index, command)
    call_stage(context.close_venue, market, number, context)
    if market.path != 0:
        reveal(market)
    if public.tracks_history == 1:
        update_history(market)
    if sleepers > 0:
        wake_seats(market)
    if late:
        append_public(market, context.step_ns)
    return 0


@inlined
def observation_address(first, index, number, context):  # type: ignore[no-untyped-def]
    """Return where a seat of market `number` finds what it sees, instrument after instrument.

    That is its row of the batch's observation if it is external, else its record of the first instrument.
    """
    seat = first.seat[np.uint64(index)]
    if seat.agent.external_index >= 0:
        return context.observation + 4 * context.observation_size * external_row(seat, number, context)
    return np.int64(seat.agent.observation.ctypes.data)


@compiled
def encode_observations(first, index, number, context):  # type: ignore[no-untyped-def]
    """Encode what observing seats see of instrument `index` of market `number`, and which choices they have in it.

    `first` is the market's first instrument. What all seats see alike is encoded once, for the first that observes.
    """
    market = instrument(first, index)
    public = market.public
    late = market.history_steps > 0
    parts = parts_of(context)
    size = context.instrument_size
    earlier = 0
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.agent.observes == 0 or not gets_observation(public, seat):
            continue
        seen = public
        if late:
            seen = history_of(market)[visible_row(market, i)]
        shown = observation_address(first, i, number, context) + 4 * index * size
        count = parts.size
        if earlier != 0 and not late:  # all of it at once, and then its own over it: short copies cost more
            copy_floats(floats_at(shown), floats_at(earlier), size)
            count = context.own_parts
        for k in range(count):
            part = parts[np.uint64(k)]
            own = floats_at(shown + 4 * part.offset)
            if part.privileged == 1:
                seats = market.seat[: market.seat_count]
                call_privileged_encoder(part.address, public, seats, i, own, part.size)
            else:
                call_encoder(part.address, seen, seat, own)
        if earlier == 0:
            earlier = shown
        choices = 0
        if seat.agent.mask_function != 0:
            choices = call_trader(seat.agent.mask_function, seen, seat, params_of(context, seat))
        if seat.agent.external_index >= 0 and context.mask_size > 0:
            allowed = flag_row(context.mask, context.mask_size, external_row(seat, number, context))
            first_choice, count = (0, context.mask_size) if index == 0 else (index * choices, choices)
            for j in range(count):
                allowed[first_choice + j] = seat.agent.mask[j]


@compiled
def trade(first, number, context):  # type: ignore[no-untyped-def]
    """Let every instrument of a market go through parts 1 to 3 of a step, one after the other.

    A mind that observes decides once for all of them, in the first.
    """
    call_stage(context.trade_once, first, number, context)
    for index in range(1, first.instrument_count):
        market = instrument(first, index)
        for i in range(market.seat_count):
            seat = market.seat[i]
            if seat.agent.observes == 1:
                whole = first.seat[i].agent.action
                for j in range(whole.size - seat.agent.action_offset):
                    seat.agent.action[j] = whole[seat.agent.action_offset + j]
        sync_cross_instrument(first, index)
        call_stage(context.trade_once, market, number, context)
    if first.instrument_count > 1:
        if first.watches_accounts == 1:
            remove_from_all_instruments(first)
        for index in range(first.instrument_count):
            sync_cross_instrument(first, index)


def step_market(first, number, context):  # type: ignore[no-untyped-def]
    """Stage: step market `number`, whose first instrument is `first` and whose seats hold the actions of this step."""
    trade(first, number, context)
    rewards = rewards_of(context)
    reward = number_row(context.reward, context.seats, number)
    decides = flag_row(context.active, context.seats, number)
    terminated = flag_row(context.terminated, context.seats, number)
    for i in range(first.seat_count):
        total = 0.0
        before = first.seat[i].present_before
        if before == 1:
            for index in range(first.instrument_count):
                market = instrument(first, index)
                seat = market.seat[i]
                params = params_of(context, seat)
                for k in range(rewards.size):
                    part = rewards[k]
                    total += part.weight * call_reward(part.address, market.public, seat, params, k)
        reward[np.uint64(i)] = total
        decides[np.uint64(i)] = is_active(first.seat[i])
        terminated[np.uint64(i)] = first.seat[i].present < before
    for index in range(first.instrument_count):
        encode_observations(first, index, number, context)
    return 0


@compiled
def open_agent(agent):  # type: ignore[no-untyped-def]
    """Clear what an agent remembers of the session before; constants stay."""
    agent.asleep = 0
    for j in range(agent.action.size):
        agent.action[j] = 0.0
    for j in range(agent.memory.size):
        agent.memory[j] = 0.0
    for j in range(REWARD_PARTS):
        for k in range(REWARD_MEMORY):
            agent.reward_memory[j, k] = 0.0
    for j in range(agent.observation.size):
        agent.observation[j] = 0.0


def open_session(first, number, context):  # type: ignore[no-untyped-def]
    """Stage: open every instrument of a market, let the background fill the books, and show the first observation."""
    random, price_ticks = random_row(context, number), prices_of(context, first.instrument_count)
    for index in range(first.instrument_count):
        market = instrument(first, index)
        open_market(market, price_ticks[index])
        for i in range(market.seat_count):
            open_agent(market.seat[i].agent)
        another = np.uint64(index) * INSTRUMENT_KEY
        market.random_key = random[0] + another
        for i in range(market.seat_count):
            market.seat[i].random_key = random[i + 1] + another
        market.time_ns = -context.warmup_steps * context.step_ns
        market.public.time_ns = market.time_ns
        market.public.step = -context.warmup_steps
        if market.connection != 0:
            open_connections(market, context.step_ns)
        if market.path != 0:
            begin_path(market)
        for _ in range(context.warmup_steps):
            call_stage(context.trade_once, market, number, context)
        clear_accounts(market)
    for index in range(first.instrument_count):
        market = instrument(first, index)
        sync_cross_instrument(first, index)
        if market.limits_orders == 1:
            cancel_uncovered(market)
        begin_history(market)
        market.event_count = 0
    decides = flag_row(context.active, context.seats, number)
    for i in range(first.seat_count):
        decides[i] = is_active(first.seat[i])
    for index in range(first.instrument_count):
        encode_observations(first, index, number, context)
    return 0
