"""Workers: agent steps per second of several processes, beside one process with all its threads, and their memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.measurement import REPEATS, Figure, best_seconds
from benchmarks.sampler import QUICK, mixed

from marl_market.agents.initial_learners import initial_learners
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.training.distributed_sampler import DistributedSampler
from marl_market.training.settings import Training

WORKERS = (1, 2)


def measure(quick: bool) -> Iterator[Figure]:
    """Measure the mixed population and the same without PPO; with `quick` sessions too short to compare."""
    environment, training = mixed((*QUICK, "training.markets=4") if quick else ())
    prepare_process()
    groups = [group for group in environment.groups if group.name != "ppo"]
    yield from measured("mixed", environment, training)
    yield from measured("evolution", replace(environment, groups=groups), training)


def measured(population: str, environment: EnvironmentSpec, training: Training) -> Iterator[Figure]:
    """Measure sampling, including sending weights and joining sessions, by this process and by workers."""
    learners, markets = initial_learners(environment, 1), training.markets
    agent_steps = markets * environment.spec.session_steps * environment.seats
    name = f"workers.agent_steps_per_second.{population}"
    conditions = {"markets": markets, "seats": environment.seats, "session_steps": environment.spec.session_steps}
    alone = Sampler(BatchMarket(environment, markets, training.threads), learners, seed=1)
    seconds = best_seconds(lambda: alone.sample(0), lambda: None)
    threads = {"threads": training.threads, "best_of": REPEATS}
    yield Figure(f"{name}.0", agent_steps / seconds, "agent steps/s", {**conditions, **threads})
    for number in WORKERS:
        with DistributedSampler(environment, markets, learners, 1, True, number, "local") as workers:
            seconds = best_seconds(lambda: workers.sample(0), lambda: None)
            threads = {"threads": number, "best_of": REPEATS}
            yield Figure(f"{name}.{number}", agent_steps / seconds, "agent steps/s", {**conditions, **threads})
            memory = max(place.memory for place in workers.places())
    yield Figure(
        f"workers.bytes_per_worker.{population}", memory, "bytes", {**conditions, "markets": markets // number}
    )
