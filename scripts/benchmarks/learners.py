"""Learning: PPO through RLlib's own runners, through ours under the same Algorithm, and through our own loop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from benchmarks.env import QUOTES, SEATS
from benchmarks.env import environment as market
from benchmarks.measurement import Figure
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from marl_market.agents.interfaces import LearningAgent
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.rllib.native.env_runner import MarketEnvRunner, group_of
from marl_market.agents.rllib.native.multi_agent_market import MultiAgentMarket
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group

RATE = "learners.agent_steps_per_second"
HIDDEN, EPOCHS, MINIBATCHES, LOG_STD_LIMIT = (64, 64), 4, 8, 5.0
STOCK, STOCK_IN_8, RUNNER, OURS = "stock", "stock_8_envs", "env_runner", "ours"


@dataclass(frozen=True)
class Size:
    """Size of a batch: `markets` sessions of `steps` steps."""

    markets: int
    steps: int
    rounds: int


class Way:
    """One way to learn, and the processor time of sampling a batch and of learning from it.

    Not wall time: without workers one thread of this process does all work, so that other load matters less.
    """

    def __init__(self, sample: Callable[..., Any]) -> None:
        """Time `sample`; `iterate` must call `sampled` and then learn."""
        self.iterate: Callable[[], object] = lambda: None
        self.sampling: list[float] = []
        self.iteration: list[float] = []
        self._sample = sample

    def sampled(self, *arguments: Any, **named: Any) -> Any:
        """Sample, and add the time of the call; a batch may take several calls."""
        begin = time.process_time()
        found = self._sample(*arguments, **named)
        self.sampling[-1] += time.process_time() - begin
        return found

    def play(self) -> None:
        """Sample and learn, and keep the time."""
        self.sampling.append(0.0)
        begin = time.process_time()
        self.iterate()
        self.iteration.append(time.process_time() - begin)


def measure(quick: bool) -> Iterator[Figure]:
    """Measure side by side, round by round, one module and eight; with `quick` over too few steps to compare."""
    size = Size(8, 8, 1) if quick else Size(32, 64, 2)
    prepare_process(torch_threads=1)
    # RLlib registers its environment under one name, however many algorithms there are.
    warnings.filterwarnings("ignore", message=".*Overriding environment")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        for modules in (1, SEATS):
            yield from compared(size, modules)
        yield from memory(size)
    finally:
        ray.shutdown()


def described(size: Size, modules: int) -> EnvironmentSpec:
    """Return a market of eight learning seats in `modules` groups."""
    base = market(QUOTES)
    count = SEATS // modules
    agent = PPO(hidden=HIDDEN, epochs=EPOCHS, minibatch_size=minibatch(size, modules), log_std_limit=LOG_STD_LIMIT)
    groups = [Group(f"group{number}", agent, count) for number in range(modules)]
    return replace(base, spec=replace(base.spec, session_steps=size.steps), groups=groups)


def minibatch(size: Size, modules: int) -> int:
    """Return the actions of a module per gradient step."""
    return size.markets * size.steps * SEATS // modules // MINIBATCHES


def configured(size: Size, modules: int, environment: EnvironmentSpec) -> Any:
    """Return RLlib's PPO with our network, batch and epochs."""
    network = DefaultModelConfig(
        fcnet_hiddens=list(HIDDEN),
        fcnet_activation="tanh",
        free_log_std=True,
        log_std_clip_param=LOG_STD_LIMIT,
        vf_share_layers=False,
    )
    return (
        PPOConfig()
        .environment(env_config={"environment": environment})
        .env_runners(num_env_runners=0)
        .multi_agent(policies={group.name for group in environment.groups}, policy_mapping_fn=group_of)
        .rl_module(model_config=network)
        .training(
            train_batch_size_per_learner=size.markets * size.steps,
            minibatch_size=minibatch(size, modules),
            num_epochs=EPOCHS,
        )
        .debugging(log_level="ERROR")
    )


def stock(size: Size, modules: int, envs: int) -> Any:
    """Return the configuration in which RLlib's own runner steps `envs` markets, a session a call.

    In each step it iterates over all episodes that have ended in the call: longer calls would be slower per step.
    """
    settings = configured(size, modules, described(size, modules)).environment(MultiAgentMarket)
    return settings.env_runners(num_envs_per_env_runner=envs, rollout_fragment_length=size.steps)


def batched(size: Size, modules: int) -> Any:
    """Return the configuration in which our runner steps all markets."""
    environment = described(size, modules)
    settings = configured(size, modules, environment).env_runners(env_runner_cls=MarketEnvRunner)
    return settings.environment(env_config={"environment": environment, "markets": size.markets})


def under_algorithm(algorithm: Algorithm) -> Way:
    """Return the way of an Algorithm with the runner in this process."""
    runner: Any = algorithm.env_runner
    way = Way(runner.sample)
    runner.sample, way.iterate = way.sampled, algorithm.train
    return way


def own_loop(size: Size, modules: int) -> Way:
    """Return the way of `marl_market.training`: one sampler and one learner per group."""
    environment = described(size, modules)
    learners = {
        group.name: group.agent.learner(environment, group.name, seed)
        for seed, group in enumerate(environment.groups)
        if isinstance(group.agent, LearningAgent)
    }
    sampler = Sampler(BatchMarket(environment, size.markets), learners, seed=1, pairs=False)

    way = Way(sampler.sample)

    def iterate() -> None:
        session = way.sampled(0)
        for name, learner in learners.items():
            learner.learn(session.rollouts[name])

    way.iterate = iterate
    return way


def compared(size: Size, modules: int) -> Iterator[Figure]:
    """Return the rates of every way and the speedups of ours over the stock ones."""
    algorithms = [stock(size, modules, 1), stock(size, modules, 8), batched(size, modules)]
    built = [settings.build_algo() for settings in algorithms]
    ways = dict(zip((STOCK, STOCK_IN_8, RUNNER), map(under_algorithm, built), strict=True))
    ways[OURS] = own_loop(size, modules)
    # In turns; the first round warms up.
    for _ in range(size.rounds + 1):
        for way in ways.values():
            way.play()
    for algorithm in built:
        algorithm.stop()
    seconds = {
        "sampling": {name: min(way.sampling[1:]) for name, way in ways.items()},
        "iteration": {name: min(way.iteration[1:]) for name, way in ways.items()},
    }
    environment = described(size, modules)
    agent_steps = size.markets * size.steps * SEATS
    conditions = {
        "modules": modules,
        "seats": SEATS,
        "observation": environment.observation_size,
        "batch": agent_steps,
        "epochs": EPOCHS,
        "minibatches": MINIBATCHES,
        "hidden": "x".join(map(str, HIDDEN)),
        "workers": 0,
        "torch_threads": 1,
        "time": "processor",
        "markets": size.markets,
        "steps": size.steps,
        "best_of": size.rounds,
    }
    ending = "" if modules == 1 else f".modules_{modules}"
    for part, taken in seconds.items():
        for name in ways:
            yield Figure(f"{RATE}.{part}.{name}{ending}", agent_steps / taken[name], "agent steps/s", conditions)
        for name, label in ((OURS, ""), (RUNNER, f".{RUNNER}")):
            times = {"over_stock_in_8_envs": round(taken[STOCK_IN_8] / taken[name], 1)}
            speedup = taken[STOCK] / taken[name]
            yield Figure(f"learners.{part}_speedup{label}{ending}", speedup, "times", {**conditions, **times})


def memory(size: Size) -> Iterator[Figure]:
    """Return the resident memory of one worker that has sampled a batch, of each kind."""
    for name, settings in (("", batched(size, 1)), (f".{STOCK}", stock(size, 1, 1))):
        algorithm = settings.env_runners(num_env_runners=1).build_algo()
        algorithm.train()
        (used,) = algorithm.env_runner_group.foreach_env_runner(resident, local_env_runner=False)
        algorithm.stop()
        markets = size.markets if name == "" else 1
        yield Figure(f"learners.bytes_per_worker{name}", used, "bytes", {"markets": markets, "steps": size.steps})


def resident(_: object) -> int:
    """Return the bytes of memory that this process holds."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return 1024 * int(line.split()[1])
