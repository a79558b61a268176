"""How far a seat's account still goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.exchange.compiled import compiled
from marl_market.exchange.credit import MILLION, exposure, holding, margin, twice_equity, twice_required, value


@compiled
def room(public, seat, side):  # type: ignore[no-untyped-def]
    """Return the lots that one more order at the mark could have and be accepted, infinity for any number."""
    credit, account = public.credit, seat.account
    lots, needed, lost = exposure(public, seat, side, 0, public.twice_mark_ticks, -1)
    most = np.inf
    if credit.initial_parts_per_million > 0:
        held = value(public, max(side * holding(public, account), 0), public.twice_mark_ticks)
        bound = margin(held, credit.initial_parts_per_million) + account.twice_margin_elsewhere
        free = twice_equity(public, account) - bound
        each = (credit.initial_parts_per_million * needed / MILLION + lost) * public.cash_per_tick_lot
        if each > 0.0:
            most = np.floor(free / each)
    if side < 0 and credit.short_limit >= 0:
        most = min(most, np.float64(credit.short_limit - max(-holding(public, account), 0)))
    return max(-lots, 0) + max(most - max(lots, 0), 0.0)


@compiled
def used(required, worth):  # type: ignore[no-untyped-def]
    """Return which share of what a seat is worth is required, 1 where it is all of it or more."""
    if required <= 0 and worth >= 0:
        return 0.0
    return min(required / worth, 1.0) if worth > 0 else 1.0


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write buying power, selling power, reserved share and margin level.

    Powers are the lots of one more order at the mark that would be accepted, as lots / (lots + size scale), 1 where
    any would. The reserved share is the part of equity that the holding and all open orders of a side require, of the
    side that requires more, every order at the mark or worse; the margin level is the part that the maintenance margin
    requires, and at 1 the seat is liquidated.
    """
    account = seat.account
    worth = twice_equity(public, account)
    reserved = 0.0
    for index in range(2):
        side = 1 - 2 * index
        lots = room(public, seat, side)
        power = lots / (lots + public.size_scale_lots) if lots < np.inf else 1.0
        observation[index] = np.float32(power)
        opened, needed, lost = exposure(public, seat, side, 0, public.twice_mark_ticks, -1)
        if public.credit.initial_parts_per_million > 0:
            required = twice_required(public, account, side, max(opened, 0), needed, lost)
            required += account.twice_margin_elsewhere
            reserved = max(reserved, used(required, worth))
    held = value(public, abs(holding(public, account)), public.twice_mark_ticks)
    kept = margin(held, public.credit.maintenance_parts_per_million) + account.twice_maintenance_elsewhere
    level = used(kept, worth)
    observation[2] = np.float32(reserved)
    observation[3] = np.float32(level if public.credit.maintenance_parts_per_million > 0 else 0.0)


@dataclass(frozen=True)
class CreditLine:
    """How much the seat can still buy and sell, what its orders reserve and how near it is to its liquidation."""

    encoder = encode
    tracks_history = False
    shared = False
    size = 4
