"""Prices drawn evenly: what the zero-intelligence traders of Gode and Sunder have in common."""

from __future__ import annotations

import numpy as np

from marl_market.agents.scripted.assignment import ANCHOR, OWN, SIDE, attends
from marl_market.env.scheme import require
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.exchange.compiled import compiled
from marl_market.exchange.randomness import uniform
from marl_market.market.spec import MarketSpec

LOW, HIGH, ABSOLUTE, WITHDRAWS = OWN, OWN + 1, OWN + 2, OWN + 3


@compiled
def lowest_price(seat, mind):  # type: ignore[no-untyped-def]
    """Return the lowest price of the range in ticks."""
    return mind.parameter[LOW] + (1.0 - mind.parameter[ABSOLUTE]) * np.floor(seat.memory[ANCHOR])


@compiled
def highest_price(seat, mind):  # type: ignore[no-untyped-def]
    """Return the highest price of the range in ticks."""
    return mind.parameter[HIGH] + (1.0 - mind.parameter[ABSOLUTE]) * np.floor(seat.memory[ANCHOR])


@compiled
def shout(public, seat, mind, left, low, high):  # type: ignore[no-untyped-def]
    """Replace the quote by one at a whole tick drawn evenly from `low` to `high`."""
    if mind.parameter[WITHDRAWS] == 1.0 and public.step_trades > 0:
        cancel_all(seat)
    if left > 0 and attends(seat, mind):
        price = low + np.floor(uniform(seat) * (max(low, high) - low + 1.0))
        cancel_all(seat)
        submit_limit(seat, np.int64(seat.memory[SIDE]), price, left)


def shout_parameters(
    name: str, spec: MarketSpec, price_range: tuple[float, float] | None, reach: float, withdraws: bool
) -> tuple[float, ...]:
    """Return lowest and highest price in ticks, whether they are absolute, and whether quotes go after a trade."""
    if price_range is None:
        ticks = round(reach * spec.price_scale_ticks)
        return (-ticks, ticks, 0.0, withdraws)
    low, high = (round(price / spec.tick_size) for price in price_range)
    require(low <= high, f"{name}.price_range", price_range, "a lowest and a highest price")
    return (low, high, 1.0, withdraws)
