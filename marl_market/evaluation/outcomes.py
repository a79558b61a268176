"""How well groups of seats traded, as values: who got better, who earned what, and whether money was conserved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from marl_market.market.seeding import Stream, generator

CONFIDENCE = 0.95
"""Probability with which the intervals of this module cover the true mean."""

BOOTSTRAP_FROM = 20
"""Sample size from which a mean's interval is bootstrapped.

Below it Student's t covers better: measured over 400 samples of 10, 96 % against 92 % of a nominal 95 % for normal
scores and 85 % against 83 % for log-normal ones; from 20 on the two agree within the noise.
"""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Comparison:
    """What training did to one group: the same seeds played by the untrained and by the trained mind.

    Attributes:
        group: name of the group.
        seeds: number of seeds both minds played.
        untrained_mean: mean score before training, in reward per seat and session.
        trained_mean: mean score after training, same unit.
        difference_mean: mean over seeds of trained minus untrained.
        difference_low: lower end of the interval of `difference_mean`.
        difference_high: upper end of that interval.
        confidence: probability that the interval covers the true difference.
    """

    group: str
    seeds: int
    untrained_mean: float
    trained_mean: float
    difference_mean: float
    difference_low: float
    difference_high: float
    confidence: float

    @property
    def verdict(self) -> str:
        """Return "better" or "worse" where the interval excludes zero, otherwise "undecided"."""
        if self.difference_low > 0:
            return "better"
        return "worse" if self.difference_high < 0 else "undecided"


@dataclass(frozen=True)
class GroupOutcome:
    """What the seats of one group earned and did in an average session.

    Attributes:
        group: name of the group.
        seats: seats of the group in one market.
        sessions: number of sessions measured.
        pnl_mean: profit after fees, in currency per seat and session.
        pnl_low: lower end of the `CONFIDENCE` interval of `pnl_mean` over sessions.
        pnl_high: upper end of that interval.
        fees_mean: fees paid (negative: rebates earned), in currency per seat and session.
        traded_lots_mean: quantity traded, in lots per seat and session.
        trades_mean: fills per seat and session.
        final_position_mean_abs: mean size of the position left at the end of a session, in lots.
    """

    group: str
    seats: int
    sessions: int
    pnl_mean: float
    pnl_low: float
    pnl_high: float
    fees_mean: float
    traded_lots_mean: float
    trades_mean: float
    final_position_mean_abs: float


@dataclass(frozen=True)
class Conservation:
    """Whether any session made or lost shares or money.

    Attributes:
        sessions: number of sessions checked.
        position_error_lots: sum over sessions of the absolute sum of all positions, in lots.
        cash_error_units: sum over sessions of the absolute sum of all cash changes and fees, in cash units.
    """

    sessions: int
    position_error_lots: int
    cash_error_units: int

    @property
    def holds(self) -> bool:
        """Return whether positions and cash were conserved exactly in every session."""
        return self.position_error_lots == 0 and self.cash_error_units == 0


@dataclass(frozen=True)
class Evaluation:
    """Everything an evaluation found out.

    Attributes:
        comparisons: one Comparison a learning group.
        outcomes: one GroupOutcome a group.
        conservation: the audit of all sessions.
    """

    comparisons: tuple[Comparison, ...]
    outcomes: tuple[GroupOutcome, ...]
    conservation: Conservation

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, numbers and strings, ready for JSON."""
        return {
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "conservation": asdict(self.conservation),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation that `to_dict` described; raises ValueError naming a field that does not fit."""
        _require_keys(data, cls, "evaluation")
        return cls(
            comparisons=tuple(_read(Comparison, row, "evaluation.comparisons") for row in data["comparisons"]),
            outcomes=tuple(_read(GroupOutcome, row, "evaluation.outcomes") for row in data["outcomes"]),
            conservation=_read(Conservation, data["conservation"], "evaluation.conservation"),
        )


def compare_paired(group: str, untrained: ArrayLike, trained: ArrayLike, confidence: float = CONFIDENCE) -> Comparison:
    """Compare a trained mind with its untrained self on the same seeds.

    Pairing removes the luck that both share, so the interval is that of the mean difference, see `interval_of_mean`.

    Args:
        group: name of the group.
        untrained: one score a seed, shape (seeds,).
        trained: one score a seed, same seeds in the same order, shape (seeds,).
        confidence: probability that the interval should cover the true difference, between 0 and 1.

    Raises ValueError where the lengths differ, there are fewer than two seeds, or a score is not finite.
    """
    before = _finite(untrained, f"{group}: untrained", dimensions=1)
    after = _finite(trained, f"{group}: trained", dimensions=1)
    if before.size != after.size:
        raise ValueError(f"{group}: {before.size} untrained and {after.size} trained scores; both must be one a seed")
    if before.size < 2:
        raise ValueError(f"{group}: {before.size} seeds; an interval needs two or more")
    difference = after - before
    low, high = interval_of_mean(difference, confidence)
    return Comparison(
        group=group,
        seeds=int(before.size),
        untrained_mean=float(before.mean()),
        trained_mean=float(after.mean()),
        difference_mean=float(difference.mean()),
        difference_low=low,
        difference_high=high,
        confidence=confidence,
    )


def summarize_group(
    group: str,
    pnl: ArrayLike,
    fees: ArrayLike,
    traded_lots: ArrayLike,
    trades: ArrayLike,
    final_position: ArrayLike,
) -> GroupOutcome:
    """Summarize what the seats of one group did, every array of shape (sessions, seats).

    Seats of one session share its market and are not independent, so the interval is over the sessions' means.

    Args:
        group: name of the group.
        pnl: profit after fees, in currency.
        fees: fees paid, in currency.
        traded_lots: quantity traded, in lots.
        trades: number of fills.
        final_position: signed position at the end, in lots.

    Raises ValueError where shapes differ, there are fewer than two sessions or no seats, or a value is not finite.
    """
    given = {
        "pnl": pnl, "fees": fees, "traded_lots": traded_lots, "trades": trades, "final_position": final_position,
    }  # fmt: skip
    arrays = {name: _finite(values, f"{group}: {name}", dimensions=2) for name, values in given.items()}
    shape = arrays["pnl"].shape
    for name, values in arrays.items():
        if values.shape != shape:
            raise ValueError(f"{group}: {name} has shape {values.shape}; it must be that of pnl, {shape}")
    sessions, seats = shape
    if sessions < 2 or seats < 1:
        raise ValueError(f"{group}: {sessions} sessions of {seats} seats; an interval needs two sessions and one seat")
    low, high = interval_of_mean(arrays["pnl"].mean(axis=1), CONFIDENCE)
    return GroupOutcome(
        group=group,
        seats=seats,
        sessions=sessions,
        pnl_mean=float(arrays["pnl"].mean()),
        pnl_low=low,
        pnl_high=high,
        fees_mean=float(arrays["fees"].mean()),
        traded_lots_mean=float(arrays["traded_lots"].mean()),
        trades_mean=float(arrays["trades"].mean()),
        final_position_mean_abs=float(np.abs(arrays["final_position"]).mean()),
    )


def interval_of_mean(sample: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the confidence interval of the mean of a finite `sample` of two or more, shape (size,).

    Student's t below `BOOTSTRAP_FROM` values, from there the bias-corrected and accelerated bootstrap (Efron 1987)
    under a fixed seed; where all values are equal the interval is that value.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be between 0 and 1")
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    if sample.size >= BOOTSTRAP_FROM:
        random = generator(0, Stream.BOOTSTRAP)
        interval = stats.bootstrap(
            (sample,), np.mean, confidence_level=confidence, method="BCa", batch=1000, rng=random
        ).confidence_interval
        return float(interval.low), float(interval.high)
    low, high = stats.t.interval(confidence, sample.size - 1, loc=sample.mean(), scale=stats.sem(sample))
    return float(low), float(high)


def _finite(values: ArrayLike, name: str, dimensions: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions:
        raise ValueError(f"{name} has shape {array.shape}; it must have {dimensions} dimension(s)")
    if not np.isfinite(array).all():
        where = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}{list(where)} is {array[where]}; every value must be finite")
    return array


def _require_keys(data: object, kind: type, where: str) -> None:
    names = [field.name for field in fields(kind)]
    if not isinstance(data, Mapping) or set(data) != set(names):
        found = sorted(data) if isinstance(data, Mapping) else data
        raise ValueError(f"{where} has {found}; it must have exactly {names}")


def _read(kind: type[Value], data: Mapping[str, Any], where: str) -> Value:
    _require_keys(data, kind, where)
    for name, value in data.items():
        wanted = str if name == "group" else Real
        if not isinstance(value, wanted):
            raise ValueError(f"{where}.{name} is {value!r}; it must be a {'string' if wanted is str else 'number'}")
    return kind(**data)
