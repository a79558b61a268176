"""The search: plays generation after generation of points until its budget is spent, and keeps every trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marl_market.calibration.search.evaluation import Evaluator, Problem
from marl_market.calibration.search.parameter_space import ParameterSpace, Point
from marl_market.calibration.search.proposals import Budget, Proposals
from marl_market.calibration.search.surrogate import fewest_points
from marl_market.calibration.search.trial import Trial, TrialFile, ranked
from marl_market.market.seeding import Stream, derive_keys
from marl_market.market.validation import require


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        trials: in the order of their points.
        stopped: "points", "minutes" or "interrupt": why it ended.
    """

    trials: Sequence[Trial]
    stopped: str


Progress = Callable[[Sequence[Trial]], None]
"""Is given the trials so far after each of them."""


@dataclass(frozen=True)
class Search:
    """A search of the best point of a problem.

    Attributes:
        problem: what is matched.
        space: where.
        budget: what it may spend.
        seed: of its points and sessions.
        part: its number among the searches of one seed.
    """

    problem: Problem
    space: ParameterSpace
    budget: Budget
    seed: int
    part: int = 0

    @property
    def session_seeds(self) -> list[int]:
        """The seeds of the sessions of every point."""
        keys = derive_keys(self.seed, Stream.CALIBRATION_SESSION, self.part, count=self.budget.seeds)
        return [int(key >> 32) for key in keys]

    def run(self, evaluator: Evaluator, file: TrialFile, progress: Progress = lambda _: None) -> Searched:
        """Return what it finds; the trials that `file` holds already are not played again.

        An interrupt ends the search and keeps what it has. Raises ValueError where every point of the start fails.
        """
        size, least = len(self.space.names), fewest_points(len(self.space.names))
        require(self.budget.points >= least, "points", self.budget.points, f"{least} or more for {size} parameters")
        seconds = self.problem.seconds * self.budget.seeds
        proposals = Proposals(self.space, self.problem.target, self.budget, seconds, (self.seed, self.part))
        limit = 60 * self.budget.minutes if self.budget.minutes is not None else float("inf")
        deadline = time.monotonic() + limit
        index, stopped = 0, ""
        while not stopped:
            stage, points = proposals.ask(file.trials[:index])
            stopped = self._play(index, stage, points, evaluator, file, deadline, progress)
            index += len(points)
            if not stopped and not ranked(file.trials):
                raise ValueError(f"every point of the start fails; the first one: {file.trials[0].failure}")
        return Searched(tuple(file.trials), stopped)

    def _play(
        self,
        first: int,
        stage: str,
        points: Sequence[Point],
        evaluator: Evaluator,
        file: TrialFile,
        deadline: float,
        progress: Progress,
    ) -> str:
        """Play the points of a generation that the file lacks; return why it stopped in between, or nothing."""
        valued = [self.space.from_unit(point) for point in points]
        _require_same_points(file, first, valued)
        try:
            while (done := len(file.trials) - first) < len(points):
                left = self.budget.points - len(file.trials)
                if left <= 0 or time.monotonic() >= deadline:
                    return "points" if left <= 0 else "minutes"
                chosen = valued[done : done + min(evaluator.width, left)]
                found = evaluator.evaluate(self.problem, chosen, self.session_seeds)
                for parameters, each in zip(chosen, found, strict=True):
                    file.add(Trial(len(file.trials), stage, parameters, **vars(each)))
                    progress(file.trials)
        except KeyboardInterrupt:
            return "interrupt"
        return ""


def _require_same_points(file: TrialFile, first: int, valued: Sequence[dict[str, float]]) -> None:
    """Raise ValueError where the file holds other points than the search proposes."""
    for trial, parameters in zip(file.trials[first:], valued, strict=False):
        if dict(trial.parameters) != parameters:
            raise ValueError(
                f"trial {trial.index} of the file to go on with is another point than the search proposes; it was made "
                "by another version: begin a new file"
            )
