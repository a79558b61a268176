"""Before the first iteration: learners that begin as clones watch their teachers and imitate them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

from marl_market.agents.imitation.behavior_cloning import BehaviorCloning, CloningLearner, ExpertControlled
from marl_market.agents.imitation.expert import ExpertPolicy
from marl_market.agents.interfaces import EpisodeActor
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


def pretrain(
    environment: EnvironmentSpec, actors: Mapping[str, EpisodeActor], markets: int, threads: int, seed: int
) -> dict[str, dict[str, float]]:
    """Let every mind of a `BehaviorCloning` agent imitate its teacher; return what each group's fit says, by name.

    All teachers play in the same sessions of `markets` markets, each in the seats of its group, against the other
    minds as they are. `expert_reward` is what a seat of the teacher earned in a session.
    """
    agents = {group.name: group.agent for group in environment.groups if isinstance(group.agent, BehaviorCloning)}
    if not agents:
        return {}
    groups = [
        replace(group, agent=ExpertControlled(agents[group.name].expert)) if group.name in agents else group
        for group in environment.groups
    ]
    taught = replace(environment, groups=groups)
    playing: dict[str, EpisodeActor] = {
        name: ExpertPolicy(taught, name, agents[name].expert) if name in agents else actor
        for name, actor in actors.items()
    }
    sampler = Sampler(BatchMarket(taught, markets, threads), playing, seed, pairs=False)
    sessions: dict[str, list[Rollout]] = {name: [] for name in agents}
    earned: dict[str, list[float]] = {name: [] for name in agents}
    for number in range(max(agent.sessions for agent in agents.values())):
        session = sampler.sample(number)
        for name, agent in agents.items():
            if number < agent.sessions:
                # A copy: the sampler writes the next session over this one.
                sessions[name].append(copy.deepcopy(session.rollouts[name]))
                earned[name].append(float(session.reward[:, environment.seats_of(name)].mean()))
    found = {}
    for name, agent in agents.items():
        learner = actors[name]
        if not isinstance(learner, CloningLearner):
            raise TypeError(f"the learner of {name} cannot imitate its teacher")
        metrics = learner.pretrain(sessions[name], agent.config)
        found[name] = {**metrics, "expert_reward": sum(earned[name]) / len(earned[name])}
    return found
