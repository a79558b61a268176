"""The compiled step: every seat decides, commands arrive, the market moves, seats see and are scored.

A step has four parts, for each market on its own:
1. every seat decides on the same public record (simultaneous decisions);
2. seats arrive at the exchange in an order drawn anew each step, each with its commands in the order it wrote them;
3. the clock moves on and the venue publishes;
4. every seat is scored, and those that observe get their observation.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from marl_market.env.trader import call_encoder, call_reward, call_trader, decide
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.digest import digest
from marl_market.exchange.lifecycle import clear_accounts, open_market
from marl_market.exchange.order_entry import process
from marl_market.exchange.randomness import begin_stream, below
from marl_market.exchange.session import begin_step, end_step


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
def trade_once(market, minds, step_ns, opening):  # type: ignore[no-untyped-def]
    """Carry out parts 1 to 3 of a step; with `opening`, only for the seats that warm up."""
    market.event_count = 0
    public = market.public
    for i in range(market.seat_count):
        seat = market.seat[i]
        seat.command_count = 0
        begin_stream(seat, public.step)
        if not opening or seat.warms_up == 1:
            decide(seat.trader, seat.decoder, public, seat, minds[seat.mind])
    public.step_trades = 0
    public.step_lots[0] = 0
    public.step_lots[1] = 0
    begin_step(market)
    shuffle_arrivals(market)
    for i in range(market.seat_count):
        index = np.int64(market.arrival[i])
        seat = market.seat[index]
        for j in range(seat.command_count):
            process(market, index, seat.command[j])
    end_step(market, step_ns)
    if public.digests == 1:
        digest(market)


@compiled
def see(market, minds, parts, mask_address, external, observation, mask):  # type: ignore[no-untyped-def]
    """Encode what the observing seats see and which choices they have; copy both out for the external ones.

    A zero in `mask_address` (seats,) says that the actions of that seat have no mask.
    """
    public = market.public
    first = -1
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.observes == 0:
            continue
        offset = 0
        for k in range(parts.size):
            part = parts[k]
            if part.shared == 1 and first >= 0:
                seen = market.seat[first].observation
                for j in range(offset, offset + part.size):  # unsigned indices let LLVM copy several at once
                    seat.observation[np.uint64(j)] = seen[np.uint64(j)]
            else:
                call_encoder(part.address, public, seat, offset)
            offset += part.size
        if first < 0:
            first = i
        if mask_address[i] != 0:
            call_trader(mask_address[i], public, seat, minds[seat.mind])
    for k in range(external.size):
        seat = market.seat[external[k]]
        for j in range(observation.shape[1]):
            observation[k, j] = seat.observation[j]
        for j in range(mask.shape[1]):
            mask[k, j] = seat.mask[j]


@compiled
def step_market(  # type: ignore[no-untyped-def]
    market, minds, parts, reward_parts, mask_address, external, step_ns, action, observation, mask, reward
):
    """Step one market."""
    for k in range(external.size):
        seat = market.seat[external[k]]
        for j in range(action.shape[1]):
            seat.action[j] = action[k, j]
    trade_once(market, minds, step_ns, False)
    for i in range(market.seat_count):
        seat = market.seat[i]
        total = 0.0
        for k in range(reward_parts.size):
            total += reward_parts[k].weight * call_reward(
                reward_parts[k].address, market.public, seat, minds[seat.mind], k
            )
        reward[i] = total
    see(market, minds, parts, mask_address, external, observation, mask)


@compiled
def step_serial(  # type: ignore[no-untyped-def]
    markets, minds, parts, reward_parts, mask_address, external, step_ns, action, observation, mask, reward
):
    """Step every market of a batch in the calling thread."""
    for m in range(markets.size):
        step_market(
            markets[m], minds, parts, reward_parts, mask_address, external, step_ns, action[m], observation[m],
            mask[m], reward[m],
        )  # fmt: skip


@njit(cache=True, nogil=True, parallel=True)
def step_parallel(  # type: ignore[no-untyped-def]
    markets, minds, parts, reward_parts, mask_address, external, step_ns, action, observation, mask, reward
):
    """Step every market of a batch, markets shared out over numba's threads."""
    for m in prange(markets.size):
        step_market(
            markets[m], minds, parts, reward_parts, mask_address, external, step_ns, action[m], observation[m],
            mask[m], reward[m],
        )  # fmt: skip


@njit(cache=True, nogil=True, parallel=True)
def reset_markets(  # type: ignore[no-untyped-def]
    markets, minds, parts, mask_address, external, step_ns, random, initial_price_ticks, warmup_steps, observation, mask
):
    """Open every market, let the background fill the book, and show the first observation.

    `random` has shape (markets, seats + 1): the key of each market's stream, then of its seats'.
    """
    for m in prange(markets.size):
        market = markets[m]
        open_market(market, initial_price_ticks)
        market.random_key = random[m, 0]
        for i in range(market.seat_count):
            market.seat[i].random_key = random[m, i + 1]
        market.time_ns = -warmup_steps * step_ns
        market.public.time_ns = market.time_ns
        market.public.step = -warmup_steps
        for _ in range(warmup_steps):
            trade_once(market, minds, step_ns, True)
        clear_accounts(market)
        market.event_count = 0
        see(market, minds, parts, mask_address, external, observation[m], mask[m])
