"""The evaluation of a run as single numbers by name, to compare runs by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from marl_market.evaluation.comparison import Comparison
from marl_market.evaluation.outcomes import outcome_fields
from marl_market.evaluation.results import Evaluation

PREFIX = "evaluation"
COMPARED = tuple(field.name for field in fields(Comparison) if field.name != "group")
MEASURED = tuple(name for name in outcome_fields() if name != "group")


def evaluation_scalars(evaluation: Evaluation) -> dict[str, float]:
    """Return every number of an evaluation as `evaluation/<group>/<field>`; a comparison has learning groups only."""
    found: dict[str, float] = {}
    rows = evaluation.to_dict()
    for row in (*rows["comparisons"], *rows["outcomes"]):
        for name, value in row.items():
            if name != "group":
                found[f"{PREFIX}/{row['group']}/{name}"] = float(value)
    return found


def scalar_names(learning: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return the names of `evaluation_scalars`, given the names of the learning groups and of all groups."""
    compared = [f"{PREFIX}/{group}/{name}" for group in learning for name in COMPARED]
    return compared + [f"{PREFIX}/{group}/{name}" for group in groups for name in MEASURED]
