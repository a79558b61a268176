"""Prices drawn evenly: what the zero-intelligence traders of Gode and Sunder have in common."""

from __future__ import annotations

import numpy as np

from marl_market.agents.scripted.assignment import ANCHOR, OWN, SIDE, attends, quote_assignment
from marl_market.exchange.commands import cancel_all
from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import uniform
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

LOW, HIGH, ABSOLUTE, WITHDRAWS, IMPROVES = OWN, OWN + 1, OWN + 2, OWN + 3, OWN + 4


@compiled
def lowest_price(seat, params):  # type: ignore[no-untyped-def]
    """Return the lowest price of the range in ticks."""
    return params.value[LOW] + (1.0 - params.value[ABSOLUTE]) * np.floor(seat.agent.memory[ANCHOR])


@compiled
def highest_price(seat, params):  # type: ignore[no-untyped-def]
    """Return the highest price of the range in ticks."""
    return params.value[HIGH] + (1.0 - params.value[ABSOLUTE]) * np.floor(seat.agent.memory[ANCHOR])


@compiled
def is_best(public, side, price):  # type: ignore[no-untyped-def]
    """Return whether a quote at `price` would be better than all on its side."""
    if side > 0:
        return public.depth[0] == 0 or price > public.best_bid
    return public.depth[1] == 0 or price < public.best_ask


@compiled
def shout(public, seat, params, left, low, high):  # type: ignore[no-untyped-def]
    """Replace the quote by one at a whole tick drawn evenly from `low` to `high`, where that may be shouted."""
    if params.value[WITHDRAWS] == 1.0 and public.step_trades > 0:
        cancel_all(seat)
        if seat.live != 0:
            return
    if left > 0 and attends(seat, params):
        price = low + np.floor(uniform(seat) * (max(low, high) - low + 1.0))
        if params.value[IMPROVES] == 1.0 and not is_best(public, seat.agent.memory[SIDE], price):
            return
        quote_assignment(seat, price, left)


def shout_parameters(
    name: str, spec: MarketSpec, price_range: tuple[float, float] | None, reach: float, *rules: bool
) -> tuple[float, ...]:
    """Return lowest and highest price in ticks, whether they are absolute, and the strategy's own `rules`."""
    if price_range is None:
        ticks = round(reach * spec.price_scale_ticks)
        return (-ticks, ticks, 0.0, *rules)
    low, high = (round(price / spec.tick_size) for price in price_range)
    require(low <= high, f"{name}.price_range", price_range, "a lowest and a highest price")
    return (low, high, 1.0, *rules)
