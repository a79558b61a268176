"""The impact of a market's own trades on the recording that it replays, each measure declared once.

`REPLAY_MEASURES` is their only declaration: the metrics `market/replay_<name>` of a training iteration, the fields of
evaluation.json and the table of the report follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.step.replays import ReplayResults
from marl_market.evaluation.statistics import CONFIDENCE, interval_of_mean

POINTS = 60
"""Largest number of times of a session at which the divergence is kept."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ReplayMeasure:
    """One quantity of the replay of an average session.

    Attributes:
        name: of its fields.
        label: its name in the report.
        unit: of a value.
        description: one clause.
        values: function from the results of sessions to the values (sessions,).
    """

    name: str
    label: str
    unit: str
    description: str
    values: Callable[[ReplayResults], Values]


def share_reproduced(results: ReplayResults) -> Values:
    """Return the share of the recorded fills that were filled as recorded (sessions,)."""
    return np.asarray(results.tally["reproduced_fills"] / np.maximum(results.tally["fills"], 1))


def mean_divergence(results: ReplayResults) -> Values:
    """Return the mean size of the divergence over the steps that have one, 0 without (sessions,)."""
    sizes = np.abs(results.divergence_ticks)
    return np.asarray(np.nansum(sizes, 0) / np.maximum((~np.isnan(sizes)).sum(0), 1))


def largest_divergence(results: ReplayResults) -> Values:
    """Return the largest size of the divergence, 0 without (sessions,)."""
    return np.asarray(np.nan_to_num(np.abs(results.divergence_ticks)).max(0, initial=0.0))


def counted(field: str) -> Callable[[ReplayResults], Values]:
    """Return the function to a field of the tally."""
    return lambda results: np.asarray(results.tally[field], np.float64)


REPLAY_MEASURES: tuple[ReplayMeasure, ...] = (
    ReplayMeasure(
        "reproduced", "recorded fills reproduced", "of 1", "of the recorded order, in the recorded quantity",
        share_reproduced,
    ),
    ReplayMeasure("taken_lots", "lots taken in the record", "lots", "by its aggressors", counted("taken_lots")),
    ReplayMeasure(
        "diverted_lots", "lots diverted", "lots", "that a recorded aggressor took from orders that are not recorded",
        counted("diverted_lots"),
    ),
    ReplayMeasure(
        "displaced_lots", "lots displaced", "lots", "of recorded fills before which another order was filled",
        counted("displaced_lots"),
    ),
    ReplayMeasure(
        "unexecuted_lots", "lots not executed", "lots", "that a recorded aggressor no longer found at its price",
        counted("unexecuted_lots"),
    ),
    ReplayMeasure(
        "crossed_lots", "lots crossed", "lots", "of recorded orders that traded as they came, and rested in the record",
        counted("crossed_lots"),
    ),
    ReplayMeasure("rejected", "rejected", "orders", "recorded orders that the venue rejected", counted("rejected")),
    ReplayMeasure(
        "divergence_ticks", "divergence of the mid price", "ticks", "mean size of its distance from the recorded one",
        mean_divergence,
    ),
    ReplayMeasure(
        "largest_divergence_ticks", "largest divergence", "ticks", "in the session", largest_divergence,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ReplayImpact:
    """The replay of an average session.

    Attributes:
        sessions: number of sessions.
        statistics: by the name of each of `REPLAY_MEASURES` its mean, and the ends of its interval over sessions with
            `_low` and `_high`.
        steps: steps of the market's clock, from 1 on, behind which the divergence is kept.
        divergence_ticks: mean over sessions of the mid price less the recorded one behind each of them, in ticks; None
            where no session has both.
    """

    sessions: int
    statistics: Mapping[str, float]
    steps: tuple[int, ...]
    divergence_ticks: tuple[float | None, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReplayImpact:
        """Return the impact of a mapping of its fields; raises ValueError where the statistics are others."""
        if set(data["statistics"]) != set(statistics_fields()):
            raise ValueError(f"replay.statistics has {sorted(data['statistics'])}; it must have {statistics_fields()}")
        return cls(data["sessions"], data["statistics"], tuple(data["steps"]), tuple(data["divergence_ticks"]))


def statistics_fields() -> list[str]:
    """Return the names of all statistics."""
    return [f"{measure.name}{end}" for measure in REPLAY_MEASURES for end in ("", "_low", "_high")]


def impact_of(results: ReplayResults) -> ReplayImpact:
    """Return the impact over two sessions or more."""
    statistics: dict[str, float] = {}
    for measure in REPLAY_MEASURES:
        values = measure.values(results)
        low, high = interval_of_mean(values, CONFIDENCE)
        ends = {measure.name: float(values.mean()), f"{measure.name}_low": low, f"{measure.name}_high": high}
        statistics |= ends
    divergence = results.divergence_ticks
    steps = np.unique(np.linspace(0, len(divergence) - 1, min(POINTS, len(divergence))).round().astype(int))
    quoted = (~np.isnan(divergence[steps])).sum(1)
    mean = np.nansum(divergence[steps], 1) / np.maximum(quoted, 1)
    kept = tuple(float(value) if number else None for value, number in zip(mean, quoted, strict=True))
    return ReplayImpact(results.tally.size, statistics, tuple((steps + 1).tolist()), kept)
