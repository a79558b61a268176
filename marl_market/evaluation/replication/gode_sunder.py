"""Gode and Sunder (1993): the allocative efficiency of an auction of zero-intelligence traders.

Their schedules are only in figures; these are fully specified ones of the same kind. An auction is a session in which
about one trader shouts in five steps; a shout must improve on the best of its side, and a trade cancels all quotes.
The numbers of ZI-C are those of an independent simulation of the paper's protocol; those of ZI-U, which trade all
units, are exact: (values - costs) / best surplus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.assignment import Assignments
from marl_market.agents.scripted.zi_constrained import ZIConstrained
from marl_market.agents.scripted.zi_unconstrained import ZIUnconstrained
from marl_market.env.population.group import Group
from marl_market.evaluation.replication.replication import (
    Replication,
    accounts_of,
    bare_market,
    mean_replication,
    play_sessions,
)

SHOUTS_A_STEP = 0.2
STEPS = 10_000

FIVE = (range(100, 50, -10), range(40, 90, 10), 200)
SMITH = (range(325, 74, -25), range(75, 326, 25), 400)
"""Values, costs, and the highest price of a shout."""


def efficiency(
    agent: Any, values: Sequence[int], costs: Sequence[int], highest: int, sessions: int, steps: int = STEPS
) -> NDArray[np.float64]:
    """Return the surplus of each session in percent of the largest possible, (sessions,)."""
    best = sum(max(0, value - cost) for value, cost in zip(values, costs, strict=True))
    attention = SHOUTS_A_STEP / (len(values) + len(costs))
    sides = (("buy", values), ("sell", costs))
    groups = [
        Group(
            side,
            agent(
                Assignments(side, [[price] for price in prices], patience_seconds=0.0, attention=attention),
                price_range=(1.0, highest),
                withdraws=True,
                improves=True,
            ),
            len(prices),
        )
        for side, prices in sides
    ]
    spec = bare_market(initial_price=highest / 2, session_steps=steps, capacity="medium")
    found = []
    for batch in play_sessions(spec, groups, sessions):
        bought, sold = (accounts_of(batch, side)["position"] for side, _ in sides)
        found.append(100.0 * (bought @ np.array(values) + sold @ np.array(costs)) / best)
    return np.concatenate(found)


def measure(quick: bool) -> Iterator[Replication]:
    """Yield the efficiencies on both schedules."""
    sessions = 100 if quick else 1000
    for name, schedule, published, margin in (("5 x 1", FIVE, 97.60, 0.4), ("11 x 1", SMITH, 96.28, 0.38)):
        found = efficiency(ZIConstrained, *schedule, sessions)
        yield mean_replication(f"Gode-Sunder ZI-C efficiency %, {name}", published, margin, found)
    for name, schedule, published in (("5 x 1", FIVE, 250 / 3), ("11 x 1", SMITH, 0.0)):
        found = efficiency(ZIUnconstrained, *schedule, 20 if quick else 100, 2 * STEPS)
        worst = found[np.abs(found - published).argmax()]
        yield Replication(f"Gode-Sunder ZI-U efficiency % in every session, {name}", published, 1e-9, float(worst), 0.0)
