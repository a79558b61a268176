"""Buying power, margin in use and distance from liquidation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import Value, lot_share
from marl_market.exchange.compiled import compiled
from marl_market.exchange.credit import MILLION, exposure, holding, margin, twice_equity, twice_required, value

VALUES = (
    lot_share("buying_power"),
    lot_share("selling_power"),
    Value("reserved", "equity", 0.0, 1.0),
    Value("margin_level", "equity", 0.0, 1.0),
)


@compiled
def room(public, seat, side):  # type: ignore[no-untyped-def]
    """Return the largest quantity in lots of one more order at the mark that is accepted; infinity without a limit."""
    credit, account = public.credit, seat.account
    lots, needed, lost = exposure(public, seat, side, 0, public.twice_mark_ticks, -1, False)
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
def used(required, equity):  # type: ignore[no-untyped-def]
    """Return the required share of the equity, 1 at most."""
    if required <= 0 and equity >= 0:
        return 0.0
    return min(required / equity, 1.0) if equity > 0 else 1.0


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write buying power, selling power, reserved share and margin level.

    Powers are the largest quantity of one more order at the mark that is accepted, as lots / (lots + size scale), 1
    without a limit. The reserved share is the share of equity that the holding and all open orders of a side require,
    every order at the mark or worse, the larger of both sides; the margin level is the share that the maintenance
    margin requires, and at 1 the seat is liquidated.
    """
    account = seat.account
    equity = twice_equity(public, account)
    reserved = 0.0
    for index in range(2):
        side = 1 - 2 * index
        lots = room(public, seat, side)
        power = lots / (lots + public.size_scale_lots) if lots < np.inf else 1.0
        observation[index] = np.float32(power)
        opened, needed, lost = exposure(public, seat, side, 0, public.twice_mark_ticks, -1, False)
        if public.credit.initial_parts_per_million > 0:
            required = twice_required(public, account, side, max(opened, 0), needed, lost)
            required += account.twice_margin_elsewhere
            reserved = max(reserved, used(required, equity))
    held = value(public, abs(holding(public, account)), public.twice_mark_ticks)
    kept = margin(held, public.credit.maintenance_parts_per_million) + account.twice_maintenance_elsewhere
    level = used(kept, equity)
    observation[2] = np.float32(reserved)
    watched = public.credit.maintenance_parts_per_million > 0 or account.twice_maintenance_elsewhere > 0
    observation[3] = np.float32(level if watched else 0.0)


@dataclass(frozen=True)
class CreditLine:
    """The seat's buying and selling power, the margin that its orders reserve and its maintenance margin level."""

    encoder = encode
    tracks_history = False
    shared = False
    values = VALUES
    size = len(VALUES)
