"""Trading session: call auctions at the open and the close, trading halts, expiring orders, fee tiers."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.auction import publish_indicative, uncross
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import EventKind, Phase, Reason
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.excess import check_values
from marl_market.exchange.liquidation import watch_accounts
from marl_market.exchange.open_orders import limit_all_reduce_only, terminate_order
from marl_market.exchange.order_entry import trigger_stops
from marl_market.exchange.participation import admit_and_remove
from marl_market.exchange.publication import publish
from marl_market.exchange.records import NO_LAST_STEP

CONTINUOUS, AUCTION, HALTED = int(Phase.CONTINUOUS), int(Phase.AUCTION), int(Phase.HALTED)
EXPIRED, NO_REASON = int(EventKind.EXPIRED), int(Reason.NONE)
ONE = np.uint64(1)


@compiled
def expire_orders(market):  # type: ignore[no-untyped-def]
    """Expire every order whose last step is over."""
    step = market.public.step
    remaining = 0
    for i in range(market.seat_count):
        slots = market.seat[i].live
        while slots != 0:
            slot = lowest_bit(slots)
            slots &= slots - ONE
            last_step = market.seat[i].order[slot].last_step
            if last_step <= step:
                terminate_order(market, i, slot, EXPIRED, NO_REASON)
            elif last_step != NO_LAST_STEP:
                remaining = 1
    market.expiring = remaining


@compiled
def begin_step(market):  # type: ignore[no-untyped-def]
    """Set the phase of this step's commands; uncross where a call auction is over.

    Then the venue checks accounts at the published mark, which the seats have observed, or at the uncrossing price.
    """
    public = market.public
    public.step_trades = 0
    public.step_largest_lots = 0
    public.step_lots[0] = 0
    public.step_lots[1] = 0
    if market.expiring == 1:
        expire_orders(market)
    if market.reducing == 1:
        limit_all_reduce_only(market)
    step = public.step
    session = public.session_steps
    closing = market.closing_steps > 0 and step >= session - market.closing_steps
    calling = 0 <= step < market.opening_steps or closing
    if calling:
        market.phase = AUCTION
    elif market.phase == AUCTION:
        end_auction(market)
    elif market.phase == HALTED and step >= market.halt_ends:
        market.phase = CONTINUOUS
        market.halt_reference = public.last_trade_ticks
    if market.watches_accounts == 1 and step >= 0:
        watch_accounts(market)


@compiled
def end_auction(market):  # type: ignore[no-untyped-def]
    """Uncross and begin continuous trading."""
    uncross(market)
    market.phase = CONTINUOUS
    market.halt_reference = market.public.last_trade_ticks
    trigger_stops(market)


@compiled
def end_step(market, step_ns):  # type: ignore[no-untyped-def]
    """Apply the venue's rules at the end of a step of `step_ns` nanoseconds, advance the clock and publish.

    Seats arrive and depart, the closing auction uncrosses, fee tiers rise and a large move halts trading.
    """
    if market.has_arrivals == 1:
        admit_and_remove(market)
    public = market.public
    if market.phase == AUCTION:
        if public.step + 1 == public.session_steps:
            uncross(market)
        else:
            publish_indicative(market)
    if market.fee_tiers > 1:
        for i in range(market.seat_count):
            account = market.seat[i].account
            while (
                account.fee_tier + 1 < market.fee_tiers
                and account.traded_lots >= market.public.fees[account.fee_tier + 1].from_lots
            ):
                account.fee_tier += 1
    market.time_ns += step_ns
    market.refresh_period += 1
    public.step += 1
    publish(market)
    if market.limits_orders == 1 or market.watches_accounts == 1:
        check_values(market)
    if market.halt_move > 0 and market.phase == CONTINUOUS:
        halt_after_move(market)


@inlined
def halt_after_move(market):  # type: ignore[no-untyped-def]
    """Halt trading from the next step on where the last price has moved too far within the window."""
    public = market.public
    if abs(public.last_trade_ticks - market.halt_reference) >= market.halt_move:
        market.phase = HALTED
        public.phase = HALTED
        market.halt_ends = public.step + market.halt_steps
    elif public.step % market.halt_window == 0:
        market.halt_reference = public.last_trade_ticks
