"""Reference agents in the seats of a learning group: what else could have played there, on the same seeds.

A learned policy that is better than its untrained policy has shown little. The references are what a reader asks for:
the best action that is always the same, the policy itself without its observation, and scripted agents tuned to the
market. What is chosen among candidates is chosen on seeds of its own, never on those of the comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.policies.constant_policy import constant_policy
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.interface.values import values_of
from marl_market.env.population.group import Agent
from marl_market.evaluation.match import play_match, with_policies
from marl_market.market.validation import require

SIDES = ("bid_", "ask_")


@dataclass(frozen=True)
class Tuned:
    """The best of several candidates.

    Attributes:
        label: of the best one.
        agent: the best one.
        score: its mean score on the seeds it was chosen on, which flatters it.
        candidates: number of candidates.
        sessions: played by each of them.
    """

    label: str
    agent: Agent
    score: float
    candidates: int
    sessions: int


def group_scores(
    environment: EnvironmentSpec, group: str, agent: Agent, seeds: Sequence[int], threads: int = 1
) -> NDArray[np.float64]:
    """Return the scores (sessions,) of an agent in the seats of a group, all others as they are.

    A score is the mean over the seats of the sum of rewards.
    """
    match = play_match(with_policies(environment, {group: agent}), seeds, threads)
    return np.asarray(match.reward[:, environment.seats_of(group)].mean(axis=1))


def tune(
    environment: EnvironmentSpec, group: str, candidates: Mapping[str, Agent], seeds: Sequence[int], threads: int = 1
) -> Tuned:
    """Return the candidate of the highest mean score in the seats of a group; of equal ones the first.

    Raises ConfigError without candidates.
    """
    require(len(candidates) > 0, "candidates", candidates, "one agent or more")
    scores = {
        label: float(group_scores(environment, group, agent, seeds, threads).mean())
        for label, agent in candidates.items()
    }
    best = max(scores, key=scores.__getitem__)
    return Tuned(best, candidates[best], scores[best], len(candidates), len(seeds))


def constant_actions(environment: EnvironmentSpec, group: str, points: int = 9) -> dict[str, Agent]:
    """Return policies that always take one action, on a grid, by its description.

    The grid has `points` evenly spaced values of each continuous number, and all choices of each discrete one. Numbers
    that differ only by their side, such as bid_size and ask_size, are equal: a constant has no reason to lean.
    """
    scheme = environment.action_of(group)
    choices = num_choices_of(scheme.space)
    names = [_without_side(value.name) for value in values_of(scheme, "action")]
    grids: dict[str, Iterable[float]] = {}
    for index, name in enumerate(names):
        count = 0 if choices is None else int(choices[index])
        grids[name] = range(count) if count else np.linspace(-1.0, 1.0, points).tolist()
    found: dict[str, Agent] = {}
    for values in product(*grids.values()):
        chosen = dict(zip(grids, values, strict=True))
        label = ", ".join(f"{name} {value:g}" for name, value in chosen.items())
        found[label] = constant_policy(environment, group, [chosen[name] for name in names])
    return found


def _without_side(name: str) -> str:
    """Return the name of a number of an action without the side in front."""
    return next((name.removeprefix(side) for side in SIDES if name.startswith(side)), name)
