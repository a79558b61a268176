"""Training: agent steps per second of the sampler on the mixed population, alone and with learning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import hydra
from benchmarks.measurement import REPEATS, Figure, best_seconds

from marl_market.agents.initial_learners import initial_learners
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.training.settings import Training

CONFIG = Path(__file__).resolve().parents[2] / "conf"
QUICK = ("training.markets=2", "market.session_steps=4", "market.warmup_steps=4", "training.threads=1")


def measure(quick: bool) -> Iterator[Figure]:
    """Measure conf/config.yaml with the mixed population; with `quick` sessions too short to compare."""
    environment, training = mixed(QUICK if quick else ())
    prepare_process(training.torch_threads)
    learners = initial_learners(environment, 1)
    batch = BatchMarket(environment, training.markets, training.threads)
    sampler = Sampler(batch, learners, seed=1)
    agent_steps = training.markets * environment.spec.session_steps * environment.seats
    conditions = {
        "markets": training.markets,
        "seats": environment.seats,
        "session_steps": environment.spec.session_steps,
        "threads": training.threads,
        "torch_threads": training.torch_threads,
        "learners": " ".join(learners),
        "best_of": REPEATS,
    }

    def sample_and_learn() -> None:
        session = sampler.sample(0)
        for name, learner in learners.items():
            learner.learn(session.rollouts[name])

    for name, work in (("", lambda: sampler.sample(0)), (".with_learning", sample_and_learn)):
        seconds = best_seconds(work, lambda: None)
        yield Figure(f"sampler.agent_steps_per_second{name}", agent_steps / seconds, "agent steps/s", conditions)


def mixed(overrides: Sequence[str]) -> tuple[EnvironmentSpec, Training]:
    """Return environment and training of conf/config.yaml with the mixed population."""
    with hydra.initialize_config_dir(str(CONFIG), version_base="1.3"):
        config = hydra.compose("config", ["population=mixed", *overrides])
    parts = hydra.utils.instantiate(
        {name: config[name] for name in ("market", "population", "observation", "action", "reward", "training")},
        _convert_="all",
    )
    groups = [Group(name, **group) for name, group in parts["population"].items()]
    environment = EnvironmentSpec(parts["market"], groups, parts["observation"], parts["action"], parts["reward"])
    return environment, parts["training"]
