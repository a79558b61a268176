"""Learning without a run folder: the policies that all learning groups have after some iterations."""

from __future__ import annotations

from marl_market.agents.initial_learners import initial_learners
from marl_market.agents.interfaces import Policy, RunLength
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


def learn(
    environment: EnvironmentSpec, iterations: int, markets: int, seed: int, threads: int = 1
) -> tuple[dict[str, Policy], dict[str, Policy]]:
    """Return the untrained and the trained policy of each learning group, by name.

    It is what `marl_market.training.trainer.Trainer` does, without checkpoints, metrics, opponents and a report. Raises
    ConfigError for a learner that cannot learn in a run of this length.
    """
    learners = initial_learners(environment, seed, RunLength(iterations, markets, environment.spec.session_steps))
    untrained = {name: learner.policy() for name, learner in learners.items()}
    pairs = any(group.agent.traits.parameters_per == "market" for group in environment.groups if group.name in learners)
    sampler = Sampler(BatchMarket(environment, markets, threads), learners, seed, pairs)
    for iteration in range(iterations):
        session = sampler.sample(iteration)
        for name, learner in learners.items():
            learner.learn(session.rollouts[name])
    return untrained, {name: learner.policy() for name, learner in learners.items()}
