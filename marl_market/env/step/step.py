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

from marl_market.env.timing.wakeups import acts, sees, wake_sleepers
from marl_market.env.step.fundamental import begin_path, reveal
from marl_market.env.step.context import call_stage, flag_row, mind_of, number_row, parts_of, prices_of, random_row, rewards_of
from marl_market.env.interface.signatures import call_encoder, call_privileged_encoder, call_reward, call_trader, decide
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.market_history import digest
from marl_market.exchange.latency import (
    admit,
    begin_history,
    collect_landings,
    history_of,
    keep_public,
    landings_of,
    open_lines,
    seen_row,
)
from marl_market.exchange.setup import clear_accounts, open_market
from marl_market.exchange.liquidation import withdraw_uncovered
from marl_market.exchange.pointers import copy_floats, floats_at
from marl_market.exchange.order_entry import process
from marl_market.exchange.portfolio import instrument, leave_everywhere, tell_elsewhere
from marl_market.exchange.random_streams import UPPER_BITS, begin_stream, following, upper_bits
from marl_market.exchange.session import begin_step, end_step

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


def open_venue(market, number, plan):  # type: ignore[no-untyped-def]
    """Stage: let the venue do what comes before the commands of a step."""
    begin_step(market)
    return 0


def close_venue(market, number, plan):  # type: ignore[no-untyped-def]
    """Stage: let the venue do what comes after the commands of a step that ends at `market.step_ends_ns`."""
    end_step(market, market.step_ends_ns - market.time_ns)
    return 0


@inlined
def external_row(seat, number, plan):  # type: ignore[no-untyped-def]
    """Return which row of the batch's actions, observations and masks is that of an external seat of a market."""
    return number * plan.external + seat.row


@inlined
def take_action(seat, number, plan):  # type: ignore[no-untyped-def]
    """Give an external seat of market `number` its row of the batch's action."""
    action = floats_at(plan.action + 4 * plan.action_size * external_row(seat, number, plan))
    for j in range(plan.action_size):
        seat.action[np.uint64(j)] = action[j]


def trade_once(market, number, plan):  # type: ignore[no-untyped-def]
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
        if acts(seat) and (not opening or seat.warms_up == 1):
            if seat.row >= 0 and public.instrument == 0:
                take_action(seat, number, plan)
            seen = public
            if market.history_steps > 0:
                seen = history_of(market)[seen_row(market, i)]
            mind = mind_of(plan, seat)
            decide(seat.trader, seat.decoder, seen, seat, mind)
            if seat.pace != 0:
                call_trader(seat.pace, seen, seat, mind)
        sleepers += seat.asleep
    public.step_trades = 0
    public.step_lots[0] = 0
    public.step_lots[1] = 0
    begin_ns = market.time_ns
    market.step_ends_ns = begin_ns + plan.step_ns
    call_stage(plan.open_venue, market, number, plan)
    shuffle_arrivals(market)
    late = market.line != 0
    turns = collect_landings(market, plan.step_ns) if late else market.seat_count
    for i in range(turns):
        if late:
            index, count = admit(market, i, begin_ns)
        else:
            index = np.int64(market.arrival[i])
            count = market.seat[index].command_count
        for j in range(count):
            command = market.seat[index].command[j]
            if late:
                command = landings_of(market)[i].command
            process(market, index, command)
    call_stage(plan.close_venue, market, number, plan)
    if market.path != 0:
        reveal(market)
    if public.digests == 1:
        digest(market)
    if sleepers > 0:
        wake_sleepers(market)
    if late:
        keep_public(market, plan.step_ns)
    return 0


@inlined
def shown_at(first, index, number, plan):  # type: ignore[no-untyped-def]
    """Return where a seat of market `number` finds what it sees, instrument after instrument.

    That is its row of the batch's observation if it is external, else its record of the first instrument.
    """
    seat = first.seat[np.uint64(index)]
    if seat.row >= 0:
        return plan.observation + 4 * plan.observation_size * external_row(seat, number, plan)
    return np.int64(seat.observation.ctypes.data)


@compiled
def see(first, told, number, plan):  # type: ignore[no-untyped-def]
    """Encode what observing seats see of instrument `told` of market `number`, and which choices they have in it.

    `first` is the market's first instrument. What all seats see alike is encoded once, for the first that observes.
    """
    market = instrument(first, told)
    public = market.public
    late = market.history_steps > 0
    parts = parts_of(plan)
    size = plan.instrument_size
    earlier = 0
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.observes == 0 or not sees(public, seat):
            continue
        seen = public
        if late:
            seen = history_of(market)[seen_row(market, i)]
        shown = shown_at(first, i, number, plan) + 4 * told * size
        count = parts.size
        if earlier != 0 and not late:  # all of it at once, and then its own over it: short copies cost more
            copy_floats(floats_at(shown), floats_at(earlier), size)
            count = plan.own_parts
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
        if seat.masker != 0:
            choices = call_trader(seat.masker, seen, seat, mind_of(plan, seat))
        if seat.row >= 0 and plan.mask_size > 0:
            allowed = flag_row(plan.mask, plan.mask_size, external_row(seat, number, plan))
            first_choice, count = (0, plan.mask_size) if told == 0 else (told * choices, choices)
            for j in range(count):
                allowed[first_choice + j] = seat.mask[j]


@compiled
def trade(first, number, plan):  # type: ignore[no-untyped-def]
    """Let every instrument of a market go through parts 1 to 3 of a step, one after the other.

    A mind that observes decides once for all of them, in the first.
    """
    call_stage(plan.trade_once, first, number, plan)
    for told in range(1, first.instrument_count):
        market = instrument(first, told)
        for i in range(market.seat_count):
            seat = market.seat[i]
            if seat.observes == 1:
                whole = first.seat[i].action
                for j in range(whole.size - seat.action_offset):
                    seat.action[j] = whole[seat.action_offset + j]
        tell_elsewhere(first, told)
        call_stage(plan.trade_once, market, number, plan)
    if first.instrument_count > 1:
        if first.watches_accounts == 1:
            leave_everywhere(first)
        for told in range(first.instrument_count):
            tell_elsewhere(first, told)


def step_market(first, number, plan):  # type: ignore[no-untyped-def]
    """Stage: step market `number`, whose first instrument is `first` and whose seats hold the actions of this step."""
    trade(first, number, plan)
    rewards = rewards_of(plan)
    reward = number_row(plan.reward, plan.seats, number)
    decides = flag_row(plan.acts, plan.seats, number)
    terminated = flag_row(plan.terminated, plan.seats, number)
    for i in range(first.seat_count):
        total = 0.0
        before = first.seat[i].present_before
        if before == 1:
            for told in range(first.instrument_count):
                market = instrument(first, told)
                seat = market.seat[i]
                mind = mind_of(plan, seat)
                for k in range(rewards.size):
                    part = rewards[k]
                    total += part.weight * call_reward(part.address, market.public, seat, mind, k)
        reward[np.uint64(i)] = total
        decides[np.uint64(i)] = acts(first.seat[i])
        terminated[np.uint64(i)] = first.seat[i].present < before
    for told in range(first.instrument_count):
        see(first, told, number, plan)
    return 0


def open_session(first, number, plan):  # type: ignore[no-untyped-def]
    """Stage: open every instrument of a market, let the background fill the books, and show the first observation."""
    random, price_ticks = random_row(plan, number), prices_of(plan, first.instrument_count)
    for told in range(first.instrument_count):
        market = instrument(first, told)
        open_market(market, price_ticks[told])
        another = np.uint64(told) * INSTRUMENT_KEY
        market.random_key = random[0] + another
        for i in range(market.seat_count):
            market.seat[i].random_key = random[i + 1] + another
        market.time_ns = -plan.warmup_steps * plan.step_ns
        market.public.time_ns = market.time_ns
        market.public.step = -plan.warmup_steps
        if market.line != 0:
            open_lines(market, plan.step_ns)
        if market.path != 0:
            begin_path(market)
        for _ in range(plan.warmup_steps):
            call_stage(plan.trade_once, market, number, plan)
        clear_accounts(market)
    for told in range(first.instrument_count):
        market = instrument(first, told)
        tell_elsewhere(first, told)
        if market.limits_orders == 1:
            withdraw_uncovered(market)
        begin_history(market)
        market.event_count = 0
    decides = flag_row(plan.acts, plan.seats, number)
    for i in range(first.seat_count):
        decides[i] = acts(first.seat[i])
    for told in range(first.instrument_count):
        see(first, told, number, plan)
    return 0
