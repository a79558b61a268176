"""How far a simulated tape is from a real one, fact by fact and on average."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from marl_market.evaluation.realism import distances
from marl_market.evaluation.realism.catalogue import ALL, AMOUNTS, CONDITIONAL, EIGHT, SAMPLES
from marl_market.evaluation.realism.distances import Sample
from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import Tape


@dataclass(frozen=True)
class Score:
    """Distances of one tape from another.

    Attributes:
        l1: L1 distance of each fact by name, 0 to 1.
        ks: Kolmogorov-Smirnov distance of each, 0 to 1.
        missing: each fact that one of the tapes has no value of, such as the lives of orders where the source does not
            tell orders apart; it is part of no mean.
    """

    l1: Mapping[str, float]
    ks: Mapping[str, float]
    missing: tuple[str, ...]

    def mean(self, names: Collection[str] = EIGHT) -> tuple[float, float]:
        """Return the mean L1 and KS distances over those of `names` that there are; NaN without any."""
        present = [name for name in names if name in self.l1]
        if not present:
            return math.nan, math.nan
        means = [float(np.mean([each[name] for name in present])) for each in (self.l1, self.ks)]
        return means[0], means[1]


def score(simulated: Tape, real: Tape, names: Collection[str] = ALL) -> Score:
    """Return the distances of `names` between two tapes; a real tape is measured once, however often it is scored.

    Raises ValueError for a fact that is none.
    """
    found: dict[str, tuple[float, float]] = {}
    missing = []
    for name in names:
        ours, theirs = values(simulated, name), values(real, name)
        if not len(ours[0]) or not len(theirs[0]):
            missing.append(name)
        elif name in CONDITIONAL:
            found[name] = distances.conditional((ours[0], ours[1]), (theirs[0], theirs[1]), name in AMOUNTS)
        else:
            found[name] = distances.both(ours[0], theirs[0], name in AMOUNTS)
    return Score(
        {name: each[0] for name, each in found.items()},
        {name: each[1] for name, each in found.items()},
        tuple(missing),
    )


@remembered
def values(tape: Tape, name: str) -> tuple[Sample, ...]:
    """Return the values of a fact, and of a conditional one their conditions; raises ValueError for another name."""
    if name in SAMPLES:
        return (SAMPLES[name](tape),)
    if name in CONDITIONAL:
        return CONDITIONAL[name](tape)
    raise ValueError(f"fact is {name}; it must be one of {', '.join(ALL)}")
