"""A simulated tape beside a real one, fact by fact: distance, interval and floor."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from marl_market.evaluation.realism import intervals
from marl_market.evaluation.realism.catalogue import AMOUNTS, SAMPLES, SETS, numbers
from marl_market.evaluation.realism.floor import Floor, floor_of
from marl_market.evaluation.realism.intervals import Interval
from marl_market.evaluation.realism.predictive import predictive_error
from marl_market.evaluation.realism.score import Score, score, values
from marl_market.evaluation.realism.shapes import Shape, shape_of
from marl_market.evaluation.realism.signature import expected_signature_score
from marl_market.market.tape import Tape

KINDS = ("l1", "ks")
PREDICTIVE = "predictive_error"


@dataclass(frozen=True)
class Row:
    """One line of an assessment.

    Attributes:
        fact: name of the stylized fact, or of the set that a mean is over.
        distance: l1 or ks of a fact, mean_l1 or mean_ks of a set, difference of a number (simulated - real), mae of
            the predictive error, signature_score of paths.
        value: the distance.
        low: lower end of its interval at `intervals.CONFIDENCE`.
        high: upper end.
        floor: the same of real data against real data.
        simulated: the number itself; None for a distance.
        real: the real one.
    """

    fact: str
    distance: str
    value: float
    low: float
    high: float
    floor: float
    simulated: float | None = None
    real: float | None = None

    def to_json(self) -> str:
        """Return one JSON object, null for what could not be measured."""
        return json.dumps({name: _finite(value) for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class Assessment:
    """All of them.

    Attributes:
        rows: distances, then means, then numbers.
        floor: what the floor is, in words.
        missing: each fact that one of the tapes does not show, part of no mean.
        shapes: distributions of the samples, by name.
    """

    rows: tuple[Row, ...]
    floor: str
    missing: tuple[str, ...]
    shapes: Mapping[str, Shape]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which `from_dict` makes the assessment again."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Assessment:
        """Return the assessment; raises KeyError or TypeError where a value is missing or none of its kind."""
        shapes = {
            name: Shape(*(tuple(each[field]) for field in ("edges", "real", "simulated")))
            for name, each in found["shapes"].items()
        }
        return cls(tuple(Row(**row) for row in found["rows"]), found["floor"], tuple(found["missing"]), shapes)


def assess(simulated: Tape, real: Tape, other: Tape | None = None, signature: bool = False) -> Assessment:
    """Return the assessment of a simulated tape against a real one.

    Args:
        simulated: the one tape.
        real: the other.
        other: real data that make the floor; None for blocks of `real`, see `floor`.
        signature: whether the expected signature score is measured too, which needs pysiglib and some seconds.
    """
    floor = floor_of(real, other)
    ours, theirs = score(simulated, real), score(floor.one, floor.other)
    resamples = {
        name: intervals.resampled(values(simulated, name), values(real, name), name in AMOUNTS) for name in ours.l1
    }
    rows = [*_distances(ours, theirs, resamples), *_means(ours, theirs, resamples), *_numbers(simulated, real, floor)]
    shapes = {name: shape_of(values(simulated, name)[0], values(real, name)[0]) for name in ours.l1 if name in SAMPLES}
    rows.append(_predictive(simulated, real, floor))
    if signature:
        value, least = expected_signature_score(simulated, real), expected_signature_score(floor.one, floor.other)
        rows.append(Row("paths", "signature_score", value, math.nan, math.nan, least))
    return Assessment(tuple(rows), floor.kind, ours.missing, shapes)


def _distances(ours: Score, theirs: Score, resamples: Mapping[str, np.ndarray[Any, Any]]) -> list[Row]:
    rows = []
    for name in ours.l1:
        for index, (kind, found, floor) in enumerate(((KINDS[0], ours.l1, theirs.l1), (KINDS[1], ours.ks, theirs.ks))):
            ends = intervals.around(found[name], resamples[name][index])
            rows.append(Row(name, kind, found[name], ends.low, ends.high, floor.get(name, math.nan)))
    return rows


def _means(ours: Score, theirs: Score, resamples: Mapping[str, np.ndarray[Any, Any]]) -> list[Row]:
    rows = []
    for name, members in SETS.items():
        present = [fact for fact in members if fact in resamples]
        if present:
            mean = np.mean([resamples[fact] for fact in present], axis=0)
            for kind, value, floor, each in zip(KINDS, ours.mean(present), theirs.mean(present), mean, strict=True):
                ends = intervals.around(value, each)
                rows.append(Row(name, f"mean_{kind}", value, ends.low, ends.high, floor))
    return rows


def _numbers(simulated: Tape, real: Tape, floor: Floor) -> list[Row]:
    ours, theirs = numbers(simulated), numbers(real)
    one, other = numbers(floor.one), numbers(floor.other)
    spread, real_spread = (intervals.deviations(tape, numbers) for tape in (simulated, real))
    rows = []
    for name, value in ours.items():
        difference = value - theirs[name]
        ends = intervals.of_number(difference, spread[name], real_spread[name])
        rows.append(
            Row(name, "difference", difference, ends.low, ends.high, one[name] - other[name], value, theirs[name])
        )
    return rows


def _predictive(simulated: Tape, real: Tape, floor: Floor) -> Row:
    """Return the error of what is learned on the simulated tape, beside that of what is learned on real data."""
    value = predictive_error(simulated, real)
    deviation = intervals.deviations(real, lambda tape: {PREDICTIVE: predictive_error(simulated, tape)})
    ends = intervals.of_number(value, deviation[PREDICTIVE]) if math.isfinite(value) else Interval(math.nan, math.nan)
    return Row(PREDICTIVE, "mae", value, ends.low, ends.high, predictive_error(floor.one, floor.other))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
