"""Settlement: cash, positions and fees of one fill between two seats and the venue."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.fees import fee


@inlined
def book_position(account, signed_quantity, price_in_cash):  # type: ignore[no-untyped-def]
    """Update a position and its cost at average cost.

    The rounding error of a part that is closed stays in the cost of the open position. The realized profit of a close
    needs no booking, see `realized`. All three cases are computed and one is chosen, since a branch could not be
    predicted.
    """
    position = account.position
    after = position + signed_quantity
    added = account.cost + signed_quantity * price_in_cash
    begun = after * price_in_cash
    kept = np.int64(account.cost * (np.float64(after) / np.float64(position + (position == 0))))
    closes, turns = (position ^ signed_quantity) < 0, (position ^ after) < 0
    account.position = after
    account.cost = (begun if turns else kept) if closes else added


@inlined
def clear_cross_instrument(account):  # type: ignore[no-untyped-def]
    """Reset the equity and margins of an account in other instruments, see `marl_market.exchange.portfolio`."""
    account.twice_equity_elsewhere = 0
    account.twice_margin_elsewhere = 0
    account.twice_maintenance_elsewhere = 0
    account.cash_elsewhere = 0
    account.held_lots_elsewhere = 0


@register_jitable
def realized(account):  # type: ignore[no-untyped-def]
    """Return the realized profit before fees, in cash units: cash before fees plus the cost of the open position."""
    return account["cash"] + account["fees"] + account["cost"]


@inlined
def settle(market, taker, maker, side, price_ticks, quantity_lots, called, own):  # type: ignore[no-untyped-def]
    """Move a fill's quantity and cash between the accounts `taker` and `maker`, and both fees to the venue.

    `side` is the taker's. In a call auction (`called`) both pay as makers. A fee below zero, a rebate, is neither paid
    there nor in a trade of a seat with itself (`own`), whose quantity does not count as traded either. The sums of
    positions and of cash plus fees are conserved exactly.
    """
    price_in_cash = np.int64(price_ticks) * market.public.cash_per_tick_lot
    notional = price_in_cash * quantity_lots
    size = abs(notional)
    rebates = not (called or own)
    maker_rates = market.public.fees[np.uint64(maker.fee_tier)]
    taker_rates = market.public.fees[np.uint64(taker.fee_tier)]
    rate = taker_rates.maker_parts_per_billion if called else taker_rates.taker_parts_per_billion
    per_lot = taker_rates.maker_per_lot if called else taker_rates.taker_per_lot
    billionths = taker_rates.maker_per_lot_billionths if called else taker_rates.taker_per_lot_billionths
    taker_fee = fee(taker, size, quantity_lots, rate, per_lot, billionths, rebates)
    maker_fee = fee(
        maker, size, quantity_lots, maker_rates.maker_parts_per_billion, maker_rates.maker_per_lot,
        maker_rates.maker_per_lot_billionths, rebates,
    )  # fmt: skip
    signed_notional = side * notional
    book_position(taker, side * quantity_lots, price_in_cash)
    book_position(maker, -side * quantity_lots, price_in_cash)
    taker.cash -= signed_notional + taker_fee
    maker.cash += signed_notional - maker_fee
    taker.fees += taker_fee
    maker.fees += maker_fee
    counted = np.int64(0) if own else quantity_lots
    taker.traded_lots += counted
    maker.traded_lots += counted
    taker.trades += 1
    maker.trades += 1
    market.fees_collected += taker_fee + maker_fee
    market.unchecked_move -= size + quantity_lots * market.moved_per_lot


@compiled
def settle_with_itself(market, account, side, price_ticks, quantity_lots):  # type: ignore[no-untyped-def]
    """Settle a trade of a seat with itself, which is rare."""
    settle(market, account, account, side, price_ticks, quantity_lots, False, True)
