"""Behavior cloning before the first iteration: experts play the learners' seats, and the learners fit their actions."""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

from marl_market.agents.imitation.behavior_cloning import (
    BehaviorCloning,
    CloningLearner,
    ExpertControlled,
    failure_of_clone,
)
from marl_market.agents.imitation.expert import ExpertPolicy
from marl_market.agents.imitation.tape_expert import TapeExpert
from marl_market.agents.interfaces import EpisodeActor
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec

_logger = logging.getLogger(__name__)


def pretrain(
    environment: EnvironmentSpec,
    actors: Mapping[str, EpisodeActor],
    markets: int,
    threads: int,
    seed: int,
    names: Collection[str] | None = None,
) -> dict[str, dict[str, float]]:
    """Pretrain the learner of every `BehaviorCloning` group, or of those among `names`; return metrics by group name.

    `actors` are all learners and opponents of the run. The experts of all groups play the same sessions of `markets`
    markets, against the other agents as they are. `expert_reward` is the expert's mean return per seat; a recorded
    market has none.
    """
    agents = {
        group.name: group.agent
        for group in environment.groups
        if isinstance(group.agent, BehaviorCloning) and (names is None or group.name in names)
    }
    if not agents:
        return {}
    recorded = {name: agent.expert for name, agent in agents.items() if isinstance(agent.expert, TapeExpert)}
    demonstrations = {name: expert.rollouts(environment, name) for name, expert in recorded.items()}
    returns: dict[str, list[float]] = {}
    if played := {name: agent for name, agent in agents.items() if name not in recorded}:
        sampled, returns = sample_demonstrations(environment, played, actors, markets, threads, seed)
        demonstrations |= sampled
    metrics = {}
    for name, agent in agents.items():
        learner = actors[name]
        if not isinstance(learner, CloningLearner):
            raise TypeError(f"the learner of {name} has no pretrain: it cannot learn by behavior cloning")
        fitted = learner.pretrain(demonstrations[name], agent.config)
        if failure := failure_of_clone(fitted):
            _logger.warning("population.%s: %s", name, failure)
        metrics[name] = fitted
        if name in returns:
            metrics[name]["expert_reward"] = sum(returns[name]) / len(returns[name])
    return metrics


def sample_demonstrations(
    environment: EnvironmentSpec,
    agents: Mapping[str, BehaviorCloning],
    actors: Mapping[str, EpisodeActor],
    markets: int,
    threads: int,
    seed: int,
) -> tuple[dict[str, list[Rollout]], dict[str, list[float]]]:
    """Return the rollouts of the experts of `agents` and their mean returns, one per session, by group name."""
    controlled = with_experts(environment, agents)
    experts = {name: ExpertPolicy(controlled, name, agent.scripted_expert) for name, agent in agents.items()}
    sampler = Sampler(BatchMarket(controlled, markets, threads), {**actors, **experts}, seed, pairs=False)
    rollouts: dict[str, list[Rollout]] = {name: [] for name in agents}
    returns: dict[str, list[float]] = {name: [] for name in agents}
    for iteration in range(max(agent.sessions for agent in agents.values())):
        session = sampler.sample(iteration)
        for name, agent in agents.items():
            if iteration < agent.sessions:
                # A copy: the sampler overwrites the columns of a session by those of the next.
                rollouts[name].append(copy.deepcopy(session.rollouts[name]))
                returns[name].append(float(session.reward[:, environment.seats_of(name)].mean()))
    return rollouts, returns


def with_experts(environment: EnvironmentSpec, agents: Mapping[str, BehaviorCloning]) -> EnvironmentSpec:
    """Return the environment in which the experts of `agents` play their groups."""
    groups = [
        replace(group, agent=ExpertControlled(agents[group.name].scripted_expert)) if group.name in agents else group
        for group in environment.groups
    ]
    return replace(environment, groups=groups)
