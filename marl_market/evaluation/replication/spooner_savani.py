"""Spooner and Savani (2020): the rule for a linear utility with a terminal penalty eta, with and without an adversary.

The market of Avellaneda and Stoikov, but the price moves between a quote and its takers, as in the authors' code: here
the maker is slower than the takers, which meet the quote of the step before. The adversary drives the price by 5 a
session against the maker's position. The paper's numbers are in figures only; these are those of an independent
simulation of its rule. Where the penalty is large, it makes a difference that the position behind a quote is a fill
older here than there: the margins at eta .1 allow for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from marl_market.agents.scripted.drift_adversary import DriftAdversary
from marl_market.agents.scripted.inventory_skew import InventorySkew
from marl_market.env.population.group import Group
from marl_market.evaluation.replication.avellaneda_stoikov import DECAY, final_wealth, takers
from marl_market.evaluation.replication.replication import (
    HALF_STEP_LATENCY,
    Replication,
    deviation_replication,
    mean_replication,
)

DRIFT = 5.0
RULES = (
    (0.0, 67.03, 13.65, 38.3, 23.4, 0.3),
    (0.01, 66.74, 8.61, 52.3, 11.2, 0.3),
    (0.1, 63.13, 6.10, 59.1, 6.1, 1.5),
)
"""Eta, mean and standard deviation of the final wealth without and with the adversary, and their margin."""


def measure(quick: bool) -> Iterator[Replication]:
    """Yield the wealth at three penalties; quick, at none."""
    sessions = 500 if quick else 10_000
    for penalty, mean, deviation, attacked_mean, attacked_deviation, margin in RULES[: 1 if quick else None]:
        maker = Group("maker", InventorySkew(penalty, DECAY), latency=HALF_STEP_LATENCY)
        row = f"Spooner-Savani eta {penalty}"
        wealth = final_wealth([maker, takers()], sessions)
        yield mean_replication(f"{row}: profit", mean, margin, wealth)
        yield deviation_replication(f"{row}: std of profit", deviation, 0.1, wealth)
        wealth = final_wealth([maker, takers(), Group("adversary", DriftAdversary(DRIFT))], sessions)
        yield mean_replication(f"{row} under attack: profit", attacked_mean, margin, wealth)
        yield deviation_replication(f"{row} under attack: std of profit", attacked_deviation, 0.2, wealth)
