"""The compiled step: every seat decides, commands arrive, the market moves, seats see and are scored.

A step has four parts, for each market on its own:
1. every seat that is there and awake decides on the same public record (simultaneous decisions);
2. seats arrive at the exchange in an order drawn anew each step, each with its commands in the order it wrote them;
   where there are delays, commands arrive when these are over;
3. the clock moves on and the venue publishes;
4. every seat that was there is scored, and those that observe and decide next get their observation.

A market of several instruments has a record for each of them. Scripted traders trade each on its own; a mind that
observes sees them all and acts in all of them.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from marl_market.env.attention import acts, sees, wake_sleepers
from marl_market.env.fundamental import begin_path, reveal
from marl_market.env.trader import call_encoder, call_privileged_encoder, call_reward, call_trader, decide
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.digest import digest
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
from marl_market.exchange.lifecycle import clear_accounts, open_market
from marl_market.exchange.liquidation import withdraw_uncovered
from marl_market.exchange.order_entry import process
from marl_market.exchange.portfolio import leave_everywhere, tell_elsewhere
from marl_market.exchange.randomness import begin_stream, below
from marl_market.exchange.session import begin_step, end_step

INSTRUMENT_KEY = np.uint64(0x9E3779B97F4A7C15)
"""What tells the random streams of one instrument from those of the next."""


@inlined
def shuffle_arrivals(market):  # type: ignore[no-untyped-def]
    """Draw the order in which seats arrive (Fisher and Yates)."""
    begin_stream(market, market.public.step)
    count = market.seat_count
    for i in range(count):
        market.arrival[i] = i
    for i in range(count - 1, 0, -1):
        j = below(market, i + 1)
        arrival = market.arrival[i]
        market.arrival[i] = market.arrival[j]
        market.arrival[j] = arrival


@compiled
def trade_once(market, minds, step_ns):  # type: ignore[no-untyped-def]
    """Carry out parts 1 to 3 of a step; before the session, only for the seats that warm up."""
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
            seen = public
            if market.history_steps > 0:
                seen = history_of(market)[seen_row(market, i)]
            decide(seat.trader, seat.decoder, seen, seat, minds[seat.mind])
            if seat.pace != 0:
                call_trader(seat.pace, seen, seat, minds[seat.mind])
        sleepers += seat.asleep
    public.step_trades = 0
    public.step_lots[0] = 0
    public.step_lots[1] = 0
    begin_step(market)
    shuffle_arrivals(market)
    late = market.line != 0
    begin_ns = market.time_ns
    turns = collect_landings(market, step_ns) if late else market.seat_count
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
    end_step(market, begin_ns + step_ns - market.time_ns)
    if market.path != 0:
        reveal(market)
    if public.digests == 1:
        digest(market)
    if sleepers > 0:
        wake_sleepers(market)
    if late:
        keep_public(market, step_ns)


@compiled
def see(instruments, number, told, minds, parts, mask_address, external, observation, mask):  # type: ignore[no-untyped-def]
    """Encode what the observing seats see of instrument `told` of a market and which choices they have in it.

    What a seat sees goes, instrument after instrument, to its row of `observation` if it is external, else to its
    record of the first instrument. What all seats see alike is encoded once, in the record of the first that observes.
    A zero in `mask_address` (seats,) says that the actions of that seat have no mask. `external` is in rising order.
    """
    market = instruments[told, number]
    public = market.public
    late = market.history_steps > 0
    base = told * (observation.shape[1] // instruments.shape[0])
    first = -1
    row = 0
    for i in range(market.seat_count):
        seat = market.seat[i]
        is_external = row < external.size and external[row] == i
        if is_external:
            row += 1
        if seat.observes == 0 or not sees(public, seat):
            continue
        seen = public
        if late:
            seen = history_of(market)[seen_row(market, i)]
        offset = 0
        for k in range(parts.size):
            part = parts[k]
            repeated = part.shared == 1 and first >= 0 and not late
            if part.privileged == 1:
                seats = market.seat[: market.seat_count]
                call_privileged_encoder(part.address, public, seats, i, offset, part.size)
            elif not repeated:
                call_encoder(part.address, seen, seat, offset)
            encoded = market.seat[first if repeated else i].observation
            # Unsigned indices let LLVM copy several numbers at once.
            if is_external:
                shown = observation[row - 1]
                for j in range(offset, offset + part.size):
                    shown[np.uint64(base + j)] = encoded[np.uint64(j)]
            elif repeated or told > 0:
                whole = instruments[0, number].seat[i].observation
                for j in range(offset, offset + part.size):
                    whole[np.uint64(base + j)] = encoded[np.uint64(j)]
            offset += part.size
        if first < 0:
            first = i
        choices = 0
        if mask_address[i] != 0:
            choices = call_trader(mask_address[i], seen, seat, minds[seat.mind])
        if is_external and told == 0:
            for j in range(mask.shape[1]):
                mask[row - 1, j] = seat.mask[j]
        elif is_external:
            for j in range(choices):
                mask[row - 1, told * choices + j] = seat.mask[j]


@compiled
def trade(instruments, number, minds, step_ns):  # type: ignore[no-untyped-def]
    """Let every instrument of a market go through parts 1 to 3 of a step, one after the other.

    A mind that observes decides once for all of them, in the first.
    """
    trade_once(instruments[0, number], minds, step_ns)
    for told in range(1, instruments.shape[0]):
        market = instruments[told, number]
        for i in range(market.seat_count):
            seat = market.seat[i]
            if seat.observes == 1:
                whole = instruments[0, number].seat[i].action
                for j in range(whole.size - seat.action_offset):
                    seat.action[j] = whole[seat.action_offset + j]
        tell_elsewhere(instruments, number, told)
        trade_once(market, minds, step_ns)
    if instruments.shape[0] > 1:
        if instruments[0, number].watches_accounts == 1:
            leave_everywhere(instruments, number)
        for told in range(instruments.shape[0]):
            tell_elsewhere(instruments, number, told)


@compiled
def step_market(  # type: ignore[no-untyped-def]
    instruments,
    number,
    minds,
    parts,
    reward_parts,
    mask_address,
    external,
    step_ns,
    action,
    observation,
    mask,
    reward,
    turns,
):
    """Step market `number`; `turns[:, number]` (2, seats) says who acts next and who has left in this step."""
    market = instruments[0, number]
    for k in range(external.size):
        seat = market.seat[external[k]]
        for j in range(action.shape[1]):
            seat.action[j] = action[k, j]
    trade(instruments, number, minds, step_ns)
    for i in range(market.seat_count):
        total = 0.0
        if market.seat[i].present_before == 1:
            for told in range(instruments.shape[0]):
                public, seat = instruments[told, number].public, instruments[told, number].seat[i]
                for k in range(reward_parts.size):
                    part = reward_parts[k]
                    total += part.weight * call_reward(part.address, public, seat, minds[seat.mind], k)
        reward[i] = total
        turns[0, number, i] = acts(market.seat[i])
        turns[1, number, i] = market.seat[i].present < market.seat[i].present_before
    for told in range(instruments.shape[0]):
        see(instruments, number, told, minds, parts, mask_address, external, observation, mask)


@compiled
def step_serial(  # type: ignore[no-untyped-def]
    instruments, minds, parts, reward_parts, mask_address, external, step_ns, action, observation, mask, reward, turns
):
    """Step every market of a batch in the calling thread; `instruments` are records (instruments, markets)."""
    for m in range(instruments.shape[1]):
        step_market(
            instruments, m, minds, parts, reward_parts, mask_address, external, step_ns, action[m], observation[m],
            mask[m], reward[m], turns,
        )  # fmt: skip


@njit(cache=True, nogil=True, parallel=True)
def step_parallel(  # type: ignore[no-untyped-def]
    instruments, minds, parts, reward_parts, mask_address, external, step_ns, action, observation, mask, reward, turns
):
    """Step every market of a batch, markets shared out over numba's threads."""
    for m in prange(instruments.shape[1]):
        step_market(
            instruments, m, minds, parts, reward_parts, mask_address, external, step_ns, action[m], observation[m],
            mask[m], reward[m], turns,
        )  # fmt: skip


@njit(cache=True, nogil=True, parallel=True)
def reset_markets(  # type: ignore[no-untyped-def]
    instruments, minds, parts, mask_address, external, step_ns, random, initial_price_ticks, warmup_steps, observation,
    mask, turns,
):  # fmt: skip
    """Open every market, let the background fill the books, and show the first observation.

    `random` has shape (markets, seats + 1): the key of each market's stream, then of its seats'; every instrument goes
    on from it with streams of its own. `initial_price_ticks` has one price for each instrument.
    """
    for m in prange(instruments.shape[1]):
        for told in range(instruments.shape[0]):
            market = instruments[told, m]
            open_market(market, initial_price_ticks[told])
            another = np.uint64(told) * INSTRUMENT_KEY
            market.random_key = random[m, 0] + another
            for i in range(market.seat_count):
                market.seat[i].random_key = random[m, i + 1] + another
            market.time_ns = -warmup_steps * step_ns
            market.public.time_ns = market.time_ns
            market.public.step = -warmup_steps
            if market.line != 0:
                open_lines(market, step_ns)
            if market.path != 0:
                begin_path(market)
            for _ in range(warmup_steps):
                trade_once(market, minds, step_ns)
            clear_accounts(market)
        for told in range(instruments.shape[0]):
            market = instruments[told, m]
            tell_elsewhere(instruments, m, told)
            if market.limits_orders == 1:
                withdraw_uncovered(market)
            begin_history(market)
            market.event_count = 0
        for i in range(instruments[0, m].seat_count):
            turns[0, m, i] = acts(instruments[0, m].seat[i])
        for told in range(instruments.shape[0]):
            see(instruments, m, told, minds, parts, mask_address, external, observation[m], mask[m])
