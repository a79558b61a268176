"""Before the first iteration: learners that begin as clones watch their teachers and imitate them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

from marl_market.agents.imitation.behavior_cloning import Cloned, CloningLearner, Taught
from marl_market.agents.imitation.expert import Demonstrator
from marl_market.agents.interfaces import Experience, Mind
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import Environment
from marl_market.agents.sampling.sampler import Sampler


def clone_teachers(
    environment: Environment, minds: Mapping[str, Mind], markets: int, threads: int, seed: int
) -> dict[str, dict[str, float]]:
    """Let every mind of a `Cloned` agent imitate its teacher; return what each group's fit says, by name.

    All teachers play in the same sessions of `markets` markets, each in the seats of its group, against the other
    minds as they are. `teacher_reward` is what a seat of the teacher earned in a session.
    """
    agents = {group.name: group.agent for group in environment.groups if isinstance(group.agent, Cloned)}
    if not agents:
        return {}
    groups = [
        replace(group, agent=Taught(agents[group.name].teacher)) if group.name in agents else group
        for group in environment.groups
    ]
    taught = replace(environment, groups=groups)
    playing: dict[str, Mind] = {
        name: Demonstrator(taught, name, agents[name].teacher) if name in agents else mind
        for name, mind in minds.items()
    }
    sampler = Sampler(BatchMarket(taught, markets, threads), playing, seed, pairs=False)
    sessions: dict[str, list[Experience]] = {name: [] for name in agents}
    earned: dict[str, list[float]] = {name: [] for name in agents}
    for number in range(max(agent.sessions for agent in agents.values())):
        session = sampler.sample(number)
        for name, agent in agents.items():
            if number < agent.sessions:
                # A copy: the sampler writes the next session over this one.
                sessions[name].append(copy.deepcopy(session.experience[name]))
                earned[name].append(float(session.reward[:, environment.seats_of(name)].mean()))
    found = {}
    for name, agent in agents.items():
        learner = minds[name]
        if not isinstance(learner, CloningLearner):
            raise TypeError(f"the learner of {name} cannot imitate its teacher")
        metrics = learner.imitate(sessions[name], agent.fitting)
        found[name] = {**metrics, "teacher_reward": sum(earned[name]) / len(earned[name])}
    return found
