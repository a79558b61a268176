"""The calibrated market beside the data, data that were held out, and the market before its calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.calibration.search.description import Description
from marl_market.calibration.search.moments import Target
from marl_market.evaluation.realism.catalogue import AMOUNTS
from marl_market.evaluation.realism.distances import both


@dataclass(frozen=True)
class NumberRow:
    """One number of the sessions.

    Attributes:
        name: of the number.
        data: in the data.
        low: lower end of the data's 95 % bootstrap interval.
        high: upper end of it.
        calibrated: mean over fresh sessions of the calibrated market.
        uncalibrated: the same before the search.
        held_out: in the data that were held out; None without them.
    """

    name: str
    data: float
    low: float
    high: float
    calibrated: float
    uncalibrated: float
    held_out: float | None


@dataclass(frozen=True)
class Distances:
    """Distances of the distributions of one sample, by one measure.

    Attributes:
        calibrated: of the calibrated market from the data it was fitted to.
        uncalibrated: of the market before the search from them.
        floor: of the data from those held out; None without them.
        held_out: of the calibrated market from those held out.
        uncalibrated_held_out: of the market before the search from them.
    """

    calibrated: float
    uncalibrated: float
    floor: float | None
    held_out: float | None
    uncalibrated_held_out: float | None


@dataclass(frozen=True)
class DistanceRow:
    """L1 and Kolmogorov-Smirnov distances of one sample, see `marl_market.evaluation.realism.distances`."""

    name: str
    l1: Distances
    ks: Distances


def number_rows(target: Target, described: Mapping[str, Description]) -> list[NumberRow]:
    """Return one row a number of what "data", "calibrated", "uncalibrated" and perhaps "held out" show."""
    low, high = np.quantile(target.bootstrap, [0.025, 0.975], axis=0).tolist()
    held_out = described.get("held out")
    return [
        NumberRow(
            name,
            value,
            low[index],
            high[index],
            described["calibrated"].numbers[name],
            described["uncalibrated"].numbers[name],
            None if held_out is None else held_out.numbers[name],
        )
        for index, (name, value) in enumerate(described["data"].numbers.items())
    ]


def distance_rows(described: Mapping[str, Description]) -> list[DistanceRow]:
    """Return one row a sample, likewise, and their mean as the last one."""

    def between(one: str, other: str) -> list[Sequence[float] | None]:
        """Return L1 and KS of each sample, and their means."""
        names = list(described["data"].samples)
        if one not in described or other not in described:
            return [None] * (len(names) + 1)
        found = [both(described[one].samples[name], described[other].samples[name], name in AMOUNTS) for name in names]
        return [*found, np.mean(found, axis=0).tolist()]

    columns = [
        between("calibrated", "data"),
        between("uncalibrated", "data"),
        between("data", "held out"),
        between("calibrated", "held out"),
        between("uncalibrated", "held out"),
    ]
    rows = zip([*described["data"].samples, "mean"], zip(*columns, strict=True), strict=True)
    return [DistanceRow(name, *(_distances(pairs, measure) for measure in (0, 1))) for name, pairs in rows]


def _distances(pairs: Sequence[Sequence[float] | None], measure: int) -> Distances:
    return Distances(*(None if pair is None else pair[measure] for pair in pairs))  # type: ignore[arg-type]
