"""When a seat decides: in every step in which it is in the market and awake.

A trader, or the pace of an action, may put its seat to sleep. A sleeping seat decides nothing and observes nothing, its
orders stay, and it is scored in each step. It is woken at the end of a step, by what has happened in the market itself.
"""

from __future__ import annotations

from marl_market.exchange.codes import EventKind
from marl_market.exchange.compiled import compiled, inlined

FILLED = int(EventKind.FILLED)


@inlined
def is_active(seat):  # type: ignore[no-untyped-def]
    """Return whether a seat decides in the next step."""
    return seat.present == 1 and seat.agent.asleep == 0


@inlined
def gets_observation(public, seat):  # type: ignore[no-untyped-def]
    """Return whether a seat gets an observation: it decides next, has just left, or the session is over."""
    if is_active(seat):
        return True
    return seat.present_before == 1 and (seat.present == 0 or public.step == public.session_steps)


@inlined
def sleep_until(public, seat, steps, on_fill, trade_lots, quote_ticks):  # type: ignore[no-untyped-def]
    """Let a seat that is deciding decide again in `steps` steps, or in the one after any of these has happened first.

    Args:
        public: the market's public record.
        seat: the seat's record.
        steps: one for the next step, which is no sleep.
        on_fill: 1 for a fill of its own, else 0.
        trade_lots: size of a trade of whomever; 0 for none.
        quote_ticks: distance of the best bid or ask from where it is now, a side that nobody quotes staying where it
            was last; 0 for none.
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
    """Let a seat that is deciding decide again in `steps` steps, one for the next."""
    sleep_until(public, seat, steps, 0, 0, 0)


@compiled
def largest_trade(market):  # type: ignore[no-untyped-def]
    """Return the lots of the largest trade of the last step."""
    largest = 0
    for i in range(market.event_count):
        event = market.event[i]
        if event.kind == FILLED:
            largest = max(largest, event.quantity_lots)
    return largest


@compiled
def wake_seats(market):  # type: ignore[no-untyped-def]
    """Wake the seats that have slept long enough or whose trigger the last step has pulled."""
    public = market.public
    largest = -1
    for i in range(market.seat_count):
        seat = market.seat[i]
        if seat.agent.asleep == 0:
            continue
        wake = seat.agent.wake
        woken = public.step >= wake.step or (wake.on_fill == 1 and seat.account.trades != wake.trades)
        if wake.trade_lots > 0 and not woken:
            if largest < 0:
                largest = largest_trade(market)
            woken = largest >= wake.trade_lots
        if wake.quote_ticks > 0 and not woken:
            bid_move, ask_move = abs(public.best_bid - wake.best_bid), abs(public.best_ask - wake.best_ask)
            woken = max(bid_move, ask_move) >= wake.quote_ticks
        if woken:
            seat.agent.asleep = 0
