"""Sleeping and waking: a seat is active in each step in which it is present and awake.

A trader, or a timing function, may put its seat to sleep. A sleeping seat gets no observation and sends no command, its
orders stay open, and it gets a reward in each step. It is woken at the end of a step, by its own fills or by what it
would observe then: market data that are late wake it as late.
"""

from __future__ import annotations

import numpy as np

from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.connections import connections_of, history_of
from marl_market.exchange.latency import visible_public, visible_row


@inlined
def is_active(seat):  # type: ignore[no-untyped-def]
    """Return whether a seat is active in the next step."""
    return seat.present == 1 and seat.agent.asleep == 0


@inlined
def gets_observation(public, seat):  # type: ignore[no-untyped-def]
    """Return whether a seat gets an observation: it is active next, has just left, or the session is over."""
    if is_active(seat):
        return True
    return seat.present_before == 1 and (seat.present == 0 or public.step == public.session_steps)


@inlined
def sleep_until(public, seat, steps, on_fill, trade_lots, quote_ticks):  # type: ignore[no-untyped-def]
    """Let an active seat sleep for `steps` steps, or until the first of these triggers.

    Args:
        public: the market's public record.
        seat: the seat's record.
        steps: steps until it acts again; 1 for the next step, without sleep.
        on_fill: 1 to wake at an own fill, else 0.
        trade_lots: size of a trade of any seats; 0 for no such trigger.
        quote_ticks: move of the best bid or ask from now on, a side without quotes keeping its last price; 0 for no
            such trigger.
    """
    if steps > 1:
        seat.agent.asleep = 1
        wake = seat.agent.wake
        wake.step = public.step + steps
        wake.on_fill = on_fill
        wake.trade_lots = trade_lots
        wake.quote_ticks = quote_ticks
        wake.trades = seat.account.trades
        wake.best_bid = public.best_bid
        wake.best_ask = public.best_ask


@inlined
def sleep(public, seat, steps):  # type: ignore[no-untyped-def]
    """Let an active seat sleep for `steps` steps, 1 for none."""
    sleep_until(public, seat, steps, 0, 0, 0)


@compiled
def largest_new_trade(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the lots of the largest trade that a seat observes for the first time."""
    if market.history_steps == 0:
        return market.public.step_largest_lots
    largest = np.int64(0)
    history, newest = history_of(market), visible_row(market, seat_index)
    for i in range(connections_of(market)[seat_index].new_records):
        largest = max(largest, history[(newest - i) % market.history_steps].step_largest_lots)
    return largest


@compiled
def wake_seats(market):  # type: ignore[no-untyped-def]
    """Wake the seats that have slept long enough or whose trigger fired in what they observe now."""
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.agent.asleep == 0:
            continue
        visible = market.public
        if market.history_steps > 0:
            visible = visible_public(market, i)
        wake = seat.agent.wake
        woken = visible.step >= wake.step or (wake.on_fill == 1 and seat.account.trades != wake.trades)
        if wake.trade_lots > 0 and not woken:
            woken = largest_new_trade(market, i) >= wake.trade_lots
        if wake.quote_ticks > 0 and not woken:
            bid_move, ask_move = abs(visible.best_bid - wake.best_bid), abs(visible.best_ask - wake.best_ask)
            woken = max(bid_move, ask_move) >= wake.quote_ticks
        if woken:
            seat.agent.asleep = 0
