"""Trials: points of the search that were played, and the file that keeps them as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from marl_market.market.growing_file import append_line, whole_lines


@dataclass(frozen=True)
class Trial:
    """A point that was played.

    Attributes:
        index: number of the point in its search.
        stage: of the search, "start", "search" or "around".
        parameters: value by name.
        objective: J; None where a session failed.
        moments: mean moments over the sessions.
        distances: Kolmogorov-Smirnov distance of each sample, pooled over the sessions, from the data.
        seconds: time it took in one process.
        failure: why a session failed; empty where none did.
    """

    index: int
    stage: str
    parameters: Mapping[str, float]
    objective: float | None
    moments: Sequence[float]
    distances: Mapping[str, float]
    seconds: float
    failure: str = ""


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that did not fail, best first; of equal ones the earlier first."""
    return sorted((each for each in trials if each.objective is not None), key=_objective)


def _objective(trial: Trial) -> float:
    return float("inf") if trial.objective is None else trial.objective


class TrialFile:
    """A file of one JSON object a line: first what was searched, then the trials.

    A trial is one line that is written and synced at once. A line that a crash cut off is dropped.
    """

    def __init__(self, path: Path, search: Mapping[str, Any]) -> None:
        """Open the file, or begin it where it is missing; `search` says all that the trials depend on.

        Raises ValueError where the file holds the trials of another search, with what differs.
        """
        self._path = path
        lines = whole_lines(path)
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append(search)
        else:
            _require_same(path, json.loads(lines[0]), json.loads(json.dumps(search)))
        self.trials = [Trial(**json.loads(line)) for line in lines[1:]]

    def add(self, trial: Trial) -> None:
        """Write a trial behind the others."""
        self._append(asdict(trial))
        self.trials.append(trial)

    def _append(self, held: Mapping[str, Any]) -> None:
        append_line(self._path, json.dumps(held), synced=True)


def _require_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ValueError where two searches differ."""
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        name = different[0]
        raise ValueError(
            f"{path} holds the trials of a search whose {name} is {found.get(name)!r:.200}; it must be "
            f"{wanted[name]!r:.200} to go on with: choose another file, or the settings it was begun with"
        )
