"""Results of seats, and what a market may neither create nor lose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.closing import closing_profits

HALF = 32
LOW_BITS = (1 << HALF) - 1
LARGEST = 2**63 - 1


class Balances(NamedTuple):
    """Results of seats, each of shape (markets, seats).

    Attributes:
        profit: cash plus positions at the mark, in cash units, after fees and without the initial endowment.
        closing_profit: the same with positions at their closing values, see `marl_market.exchange.closing`.
        fees: paid less rebates, in cash units.
        trades: number of fills.
    """

    profit: NDArray[np.float64]
    closing_profit: NDArray[np.float64]
    fees: NDArray[np.int64]
    trades: NDArray[np.int64]


def balances_of(instruments: NDArray[np.void], seats: int) -> Balances:
    """Return the results of the first `seats` seats of market records (instruments, markets)."""
    account, public = instruments["seat"]["account"][..., :seats], instruments["public"]
    twice_lot = public["twice_mark_ticks"] * public["cash_per_tick_lot"].astype(np.float64)
    twice_value = account["position"] * twice_lot[..., None]
    return Balances(
        profit=(account["cash"] + 0.5 * twice_value).sum(0),
        closing_profit=closing_profits(instruments, seats),
        fees=account["fees"].sum(0),
        trades=account["trades"].sum(0),
    )


def conservation_errors_of(instruments: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sums over seats that must be zero in each market: of positions, and of cash plus the venue's fees.

    Positions are in lots, as absolute value of the instrument with the largest error; money is in cash units. The sums
    are exact, so that a number that has wrapped is an error too; one beyond 64 bits is returned as the largest.
    """
    account = instruments["seat"]["account"]
    money = np.concatenate([account["cash"], instruments["fees_collected"][..., None]], axis=-1)
    positions = np.abs(exact_sum(account["position"])).max(0)
    return positions, exact_sum(np.moveaxis(money, 0, -2).reshape(*money.shape[1:-1], -1))


def exact_sum(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum over the last axis, at most `LARGEST` from zero; for up to 2^31 numbers it never wraps."""
    low = (numbers & LOW_BITS).sum(-1)
    high = (numbers >> HALF).sum(-1) + (low >> HALF)
    inside = np.clip(high, -(1 << HALF - 1), (1 << HALF - 1) - 1)
    total = (inside << HALF) | (low & LOW_BITS)
    return np.where(high == inside, np.maximum(total, -LARGEST), np.sign(high) * LARGEST)
