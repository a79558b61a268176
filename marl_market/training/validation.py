"""Validation: evaluation during training, in the same sessions and against the same agents in every run.

Rewards during training depend on the other learners of that moment. For a curve that means the same in two runs, each
learning group plays alone: seats of all other learning groups are inactive, scripted groups play as in training, and
the seeds of the sessions do not depend on the seed of the run. Policies act greedily.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from marl_market.agents.interfaces import Policy
from marl_market.agents.scripted.inactive import Inactive
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.match import play_match, with_policies
from marl_market.market.seeding import Stream, derive_keys
from marl_market.training.settings import Training

SEED = 0
"""Of the sessions of every run."""


@dataclass(frozen=True)
class Progress:
    """The best validation so far.

    Attributes:
        best: mean reward over the learning groups.
        iteration: after which it was reached; 0 before the first.
        without_improvement: validations since.
    """

    best: float = -inf
    iteration: int = 0
    without_improvement: int = 0

    def after(self, iteration: int, value: float) -> Progress:
        """Return the progress after one more validation."""
        if value > self.best:
            return Progress(value, iteration, 0)
        return replace(self, without_improvement=self.without_improvement + 1)


class Validation:
    """The validations of one run."""

    def __init__(self, environment: EnvironmentSpec, training: Training, learning: Sequence[str]) -> None:
        """Prepare the sessions of each of the `learning` groups; `environment` may hold historical policies too."""
        self._every, self._patience = training.validate_every, training.patience
        self._threads = training.threads
        self._seeds = derive_keys(SEED, Stream.VALIDATION, count=training.validation_sessions).tolist()
        self._environments = {name: alone(environment, name) for name in learning}
        self._progress = Progress()

    def is_due(self, iteration: int) -> bool:
        """Return whether there is a validation after this iteration."""
        return self._every > 0 and iteration % self._every == 0

    @property
    def exhausted(self) -> bool:
        """Return whether as many validations as `patience` allows were no better than the best before."""
        return 0 < self._patience <= self._progress.without_improvement

    @property
    def progress(self) -> Progress:
        """Return the best validation so far."""
        return self._progress

    def validate(self, iteration: int, policies: Mapping[str, Policy]) -> dict[str, float]:
        """Return the metrics of the policies after an iteration, and remember whether they are the best so far."""
        metrics: dict[str, float] = {}
        rewards = []
        for name, environment in self._environments.items():
            match = play_match(with_policies(environment, {name: policies[name]}), self._seeds, self._threads)
            seats = match.environment.seats_of(name)
            rewards.append(float(match.reward[:, seats].mean()))
            metrics[f"validation/{name}/reward"] = rewards[-1]
            metrics[f"validation/{name}/closing_pnl"] = float(match.closing_profit[:, seats].mean())
        self._progress = self._progress.after(iteration, sum(rewards) / len(rewards))
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Return the progress as plain values."""
        progress = self._progress
        return {"best": progress.best, "iteration": progress.iteration, "without": progress.without_improvement}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._progress = Progress(float(state["best"]), int(state["iteration"]), int(state["without"]))


def alone(environment: EnvironmentSpec, group: str) -> EnvironmentSpec:
    """Return the environment in which all agents that observe are inactive but those of one group."""
    groups = [
        replace(each, agent=Inactive(), action=None, session_reward=None)
        if each.agent.traits.observes and each.name != group
        else replace(each, session_reward=None)
        for each in environment.groups
    ]
    return replace(environment, groups=groups)
