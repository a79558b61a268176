"""The comparison of variants: one row a group, variant and metric, and one a pair of variants."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marl_market.evaluation.session_scores import SCORES
from marl_market.evaluation.training_seeds import (
    Estimate,
    Scores,
    curve_interval,
    estimate,
    probability_of_improvement,
    scores_of,
)
from marl_market.reporting.comparison.variants import Run, Variant

GAIN = "gain"
METRICS = (*SCORES, GAIN)
"""Scores of the trained policy, and the gain in reward over the untrained one on the same sessions."""
CURVE_POINTS = 100
AREA = "mean_of_curve"
EFFICIENCY = {"env_steps": "sample efficiency", "seconds": "time efficiency"}


@dataclass(frozen=True)
class Row:
    """An estimate of one metric of one group in one variant."""

    group: str
    variant: str
    metric: str
    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return a flat row, None in place of ends that do not exist; `low` and `high` are of the `iqm`."""
        values = asdict(self.estimate)
        values["low"], values["high"] = values.pop("iqm_low"), values.pop("iqm_high")
        head = {"group": self.group, "variant": self.variant, "metric": self.metric}
        order = ("mean", "iqm", "low", "high", "seeds", "sessions", "mean_low", "mean_high")
        return {**head, **{name: _or_none(values[name]) for name in order}}


@dataclass(frozen=True)
class Improvement:
    """Probability that a run of one variant has a higher reward than one of another."""

    group: str
    variant: str
    other: str
    probability: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Return a flat row, None in place of ends that do not exist."""
        return {name: _or_none(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Curve:
    """Rewards of a group in one variant during training, over its training seeds.

    Attributes:
        group: of the rewards.
        variant: of the runs.
        over: "env_steps" or "seconds".
        position: (points,).
        iqm: interquartile mean over training seeds (points,).
        low: lower end of its interval (points,), not a number for a single seed.
        high: upper end of its interval.
    """

    group: str
    variant: str
    over: str
    position: NDArray[np.float64]
    iqm: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def groups_of(variants: Sequence[Variant]) -> list[str]:
    """Return the learning groups of all variants."""
    return list(dict.fromkeys(each for variant in variants for run in variant.runs for each in run.scores["group"]))


def scores_in(variant: Variant, group: str, metric: str) -> Scores | None:
    """Return the scores (training seeds, sessions) of a group; None where the variant has no such group.

    Raises ValueError where its runs have not as many sessions.
    """
    rows = [_session_values(run, group, metric) for run in variant.runs]
    if not any(row.size for row in rows):
        return None
    return scores_of(rows, f"variant {variant.name!r}, group {group}, {metric}")


def _session_values(run: Run, group: str, metric: str) -> NDArray[np.float64]:
    own = run.scores[run.scores["group"] == group]
    trained = own[own["policy"] == "trained"]
    if metric != GAIN:
        return trained[metric].to_numpy(np.float64)
    paired = trained.merge(own[own["policy"] == "untrained"], on="seed", suffixes=("", "_untrained"))
    return (paired["reward"] - paired["reward_untrained"]).to_numpy(np.float64)


def rows_of(variants: Sequence[Variant]) -> list[Row]:
    """Return the estimates of all groups, variants and metrics, and those of the mean of each learning curve."""
    rows = []
    for group in groups_of(variants):
        for metric in METRICS:
            for variant in variants:
                scores = scores_in(variant, group, metric)
                if scores is not None:
                    rows.append(Row(group, variant.name, metric, estimate(scores)))
        for variant in variants:
            means = [_mean_of_curve(run, group) for run in variant.runs]
            if means and all(map(math.isfinite, means)):
                rows.append(Row(group, variant.name, AREA, estimate(np.array(means)[:, None])))
    return rows


def _mean_of_curve(run: Run, group: str) -> float:
    """Return the mean of the training rewards over environment steps: the area under the curve over its length."""
    column = f"group/{group}/reward"
    if column not in run.metrics:
        return math.nan
    return float(run.metrics[column].mean())


def improvements_of(variants: Sequence[Variant]) -> list[Improvement]:
    """Return the probability of improvement of each ordered pair of variants, by mean reward of a run."""
    found = []
    for group in groups_of(variants):
        scores = {variant.name: scores_in(variant, group, "reward") for variant in variants}
        for name, own in scores.items():
            for other, their in scores.items():
                if name != other and own is not None and their is not None:
                    found.append(Improvement(group, name, other, *probability_of_improvement(own, their)))
    return found


def curves_of(variants: Sequence[Variant], over: str) -> list[Curve]:
    """Return the learning curves, interpolated to points that all runs of the variant have reached."""
    return [
        curve
        for group in groups_of(variants)
        for variant in variants
        for curve in _curve(variant, group, over, f"group/{group}/reward")
    ]


def _curve(variant: Variant, group: str, over: str, column: str) -> Iterator[Curve]:
    tables = [run.metrics for run in variant.runs]
    if not all(column in table and over in table and len(table) for table in tables):
        return
    start, end = max(table[over].iloc[0] for table in tables), min(table[over].iloc[-1] for table in tables)
    position = np.linspace(start, end, CURVE_POINTS)
    curves = np.array([np.interp(position, table[over], table[column]) for table in tables])
    yield Curve(group, variant.name, over, position, *curve_interval(curves))


def table_of(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows as a table."""
    return pd.DataFrame([row.to_dict() for row in rows])


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
