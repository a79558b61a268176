"""Learn to quote in the model of Avellaneda and Stoikov: python experiments/003_avellaneda_stoikov/learn.py ppo seed=2.

The first argument is evolution or ppo, the others are overrides of the config of that experiment.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from numpy.typing import NDArray

from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.glft import GLFT
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent, Group
from marl_market.evaluation.match import play_match
from marl_market.evaluation.replication.avellaneda_stoikov import DECAY, certainty_equivalent
from marl_market.evaluation.replication.replication import mean_replication
from marl_market.reporting.sinks.local import LocalSink
from marl_market.training.trainer import Trainer

CONF = Path(__file__).parents[2] / "conf"
GAMMA = 0.1
FIRST_TEST_SEED, TEST_SESSIONS, BATCH = 1_000_000, 10_000, 500
"""Test sessions: the seeds of training are drawn from all of 2^64."""

RULES: dict[str, Agent] = {
    "Avellaneda-Stoikov": AvellanedaStoikov(GAMMA, DECAY),
    "optimum at gamma 0.1 (GLFT)": GLFT(GAMMA, DECAY, inventory_limit=20),
    "optimum without risk aversion": FixedSpread(spread=2.0 / DECAY),
}


def train(learner: str, overrides: list[str], folder: Path) -> tuple[EnvironmentSpec, dict[str, Agent]]:
    """Return the environment, and the maker before and after training; print the time that training took."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"experiment=avellaneda_stoikov_{learner}", *overrides])
    names = ("market", "population", "observation", "action", "timing", "reward", "training")
    parts = instantiate({name: config[name] for name in names}, _convert_="all")
    training = parts.pop("training")
    groups = [Group(name, **seats) for name, seats in parts.pop("population").items()]
    environment = EnvironmentSpec(parts.pop("market"), groups, **parts)
    prepare_process(training.torch_threads)
    trainer = Trainer(environment, training, config.seed, folder)
    untrained, wall, processor = trainer.policies()["maker"], time.perf_counter(), time.process_time()
    trainer.run(f"{learner}, seed {config.seed}", LocalSink(folder))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"trained in {wall:.0f} s, {processor:.0f} s of processor time")
    return environment, {f"{learner}, untrained": untrained, f"{learner}, trained": trainer.policies()["maker"]}


def wealth(environment: EnvironmentSpec, maker: Agent, sessions: int) -> NDArray[np.float64]:
    """Return the maker's wealth at the close of each test session, (sessions,)."""
    groups = [replace(group, agent=maker) if group.name == "maker" else group for group in environment.groups]
    described, seat = replace(environment, groups=groups), environment.seats_of("maker").start
    last = FIRST_TEST_SEED + sessions
    batches = [range(first, min(first + BATCH, last)) for first in range(FIRST_TEST_SEED, last, BATCH)]
    return np.concatenate([play_match(described, seeds).profit[:, seat] for seeds in batches])


def line(name: str, values: NDArray[np.float64]) -> str:
    """Return mean profit and certainty equivalent, each with its 95 % interval."""
    figures = (mean_replication(name, 0.0, 0.0, values), certainty_equivalent(name, 0.0, 0.0, GAMMA, values))
    columns = (
        f"{mean:7.2f} [{mean - 1.96 * error:.2f}, {mean + 1.96 * error:.2f}]"
        for mean, error in ((figure.measured, figure.error) for figure in figures)
    )
    return f"{name:32} {'   '.join(f'{column:24}' for column in columns)}".rstrip()


def main(learner: str, overrides: list[str], sessions: int = TEST_SESSIONS) -> None:
    """Train once, and print the results of the learner and of the rules on common test sessions."""
    folder = Path("runs/avellaneda_stoikov") / time.strftime(f"%Y-%m-%d_%H-%M-%S_{learner}")
    environment, makers = train(learner, overrides, folder)
    print(f"{f'{sessions} test sessions':32} {'mean profit':24}   certainty equivalent, gamma {GAMMA}")
    for name, maker in {**makers, **RULES}.items():
        print(line(name, wealth(environment, maker, sessions)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] not in (["evolution"], ["ppo"]):
        raise SystemExit(f"learner is {' '.join(sys.argv[1:2]) or 'missing'}; it must be evolution or ppo")
    main(sys.argv[1], sys.argv[2:])
