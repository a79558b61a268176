"""Differences of what was learned over its references, in the same seats and on the same seeds, over training seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.policies.blind_policy import blind
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent
from marl_market.evaluation.match import with_policies
from marl_market.evaluation.references import Tuned, constant_actions, group_scores, tune
from marl_market.evaluation.training_seeds import Estimate, Scores, estimate
from marl_market.market.seeding import Stream, derive_keys
from marl_market.training.learning import learn

Sessions = NDArray[np.float64]
"""Scores of one agent (sessions,)."""
CONSTANT, BLIND, UNTRAINED = "best_constant", "blind", "untrained"


@dataclass(frozen=True)
class Budget:
    """Length of the trainings and of their comparison.

    Attributes:
        training_seeds: of each training.
        iterations: sessions of a training, each played in every market.
        markets: in lock-step.
        tuning_sessions: on which each candidate of a reference is played.
        test_sessions: on which what was learned and its references are compared; no training and no tuning has them.
        threads: cores that step the markets.
    """

    training_seeds: Sequence[int] = (1, 2, 3, 4, 5)
    iterations: int = 60
    markets: int = 64
    tuning_sessions: int = 64
    test_sessions: int = 256
    threads: int = 1


@dataclass(frozen=True)
class ReferenceDifferences:
    """What was learned by one group, beside its references.

    Attributes:
        scores: of what was learned (training seeds, test sessions), in reward.
        differences: scores less those of a reference (training seeds, test sessions), by the reference's name.
        tuned: what was chosen of each reference with candidates, by its name.
    """

    scores: Scores
    differences: Mapping[str, Scores]
    tuned: Mapping[str, Tuned]

    def estimates(self) -> dict[str, Estimate]:
        """Return mean and interval over training seeds of each difference; above zero, what was learned is better."""
        return {name: estimate(values) for name, values in self.differences.items()}


def reference_differences(
    environment: EnvironmentSpec,
    group: str,
    budget: Budget,
    candidates: Mapping[str, Mapping[str, Agent]] | None = None,
    show: Callable[[str], None] = lambda line: None,
) -> ReferenceDifferences:
    """Train a group once a seed and compare each policy with its references, all other groups as trained.

    References are the best constant action of a grid, the policy itself without its observation, the untrained policy,
    and the best of each further kind of `candidates`. What has candidates is tuned beside untrained others, once, on
    sessions that are not compared. `show` is called with a line on each step.
    """
    tuning = derive_keys(0, Stream.TUNING, count=budget.tuning_sessions).tolist()
    tests = derive_keys(0, Stream.EVALUATION, count=budget.test_sessions).tolist()
    kinds = {CONSTANT: constant_actions(environment, group), **(candidates or {})}
    tuned: dict[str, Tuned] = {}
    scores: list[Sessions] = []
    others: dict[str, list[Sessions]] = {name: [] for name in (*kinds, BLIND, UNTRAINED)}
    for seed in budget.training_seeds:
        untrained, trained = learn(environment, budget.iterations, budget.markets, seed, budget.threads)
        if not tuned:
            around = with_policies(environment, untrained)
            for name, each in kinds.items():
                tuned[name] = tune(around, group, each, tuning, budget.threads)
                show(f"{name}: {tuned[name].label} of {len(each)} candidates, {tuned[name].score:.2f}")
        around = with_policies(environment, trained)
        agents = {name: each.agent for name, each in tuned.items()}
        agents |= {BLIND: blind(trained[group]), UNTRAINED: untrained[group]}
        scores.append(group_scores(around, group, trained[group], tests, budget.threads))
        for name, agent in agents.items():
            others[name].append(group_scores(around, group, agent, tests, budget.threads))
        beside = ", ".join(f"{name} {values[-1].mean():.2f}" for name, values in others.items())
        show(f"seed {seed}: learned {scores[-1].mean():.2f}; {beside}")
    learned = np.stack(scores)
    differences = {name: learned - np.stack(values) for name, values in others.items()}
    return ReferenceDifferences(learned, differences, tuned)
