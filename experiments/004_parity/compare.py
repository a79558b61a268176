"""Compare PPO with three samplers: python experiments/004_parity/compare.py [--seeds 5] [--first 0]."""

from __future__ import annotations

import argparse
import itertools
import math
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
import yaml
from hydra.utils import instantiate
from numpy.typing import NDArray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from scipy.stats import ttest_ind

from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.rllib.native.env_runner import MarketEnvRunner
from marl_market.agents.rllib.native.multi_agent_market import MultiAgentMarket
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.population.group import Group
from marl_market.env.rewards.profit import Profit

MARKET = Path(__file__).parents[2] / "conf/market/aapl_2012_06_21.yaml"
SEATS, LAST = 4, 5
WAYS = ("stock", "env_runner", "ours")


@dataclass(frozen=True)
class Size:
    """Amount of experience: `markets` sessions of `steps` an iteration."""

    markets: int = 16
    steps: int = 50
    iterations: int = 30


def described(size: Size) -> EnvironmentSpec:
    """Return a market of background traders and four seats that share a policy."""
    # Initial values of RLlib's PPO: no smaller last layer, and a standard deviation of one.
    learner = PPO(learning_rate=1e-3, minibatch_size=size.markets * size.steps, output_scale=1.0, initial_log_std=0.0)
    spec = replace(instantiate(yaml.safe_load(MARKET.read_text())), session_steps=size.steps)
    groups = [Group("noise", ZeroIntelligence(), 8), Group("maker", learner, SEATS)]
    return EnvironmentSpec(
        spec, groups, {"book": Book(), "account": Account(), "clock": Clock()}, Quotes(), {"profit": Profit()}
    )


def configured(size: Size, seed: int) -> Any:
    """Return RLlib's PPO with the settings of `marl_market.agents.rllib.algorithms.ppo.PPO`."""
    network = DefaultModelConfig(
        fcnet_hiddens=[64, 64],
        fcnet_activation="tanh",
        free_log_std=True,
        log_std_clip_param=5.0,
        vf_share_layers=False,
    )
    return (
        PPOConfig()
        .env_runners(num_env_runners=0, batch_mode="complete_episodes")
        .multi_agent(policies={"maker"}, policy_mapping_fn=lambda *_, **__: "maker")
        .rl_module(model_config=network)
        .training(
            train_batch_size_per_learner=size.markets * size.steps,
            minibatch_size=size.markets * size.steps,
            num_epochs=4,
            lr=1e-3,
            gamma=0.99,
            lambda_=0.95,
            clip_param=0.2,
            vf_clip_param=math.inf,
            vf_loss_coeff=1.0,
            entropy_coeff=0.0,
            kl_coeff=0.2,
            kl_target=0.01,
            grad_clip=0.5,
            grad_clip_by="global_norm",
        )
        .debugging(seed=seed, log_level="ERROR")
    )


def train(way: str, size: Size, seed: int) -> list[float]:
    """Return the mean reward per seat of each iteration's sessions, exploring."""
    environment = described(size)
    if way == "ours":
        learner = environment.groups[-1].agent.learner(environment, "maker", seed)
        sampler = Sampler(BatchMarket(environment, size.markets), {"maker": learner}, seed, pairs=False)
        rewards = []
        for iteration in range(size.iterations):
            experience = sampler.sample(iteration).rollouts["maker"]
            rewards.append(float(experience.reward.sum(0).mean()))
            learner.learn(experience)
        return rewards
    settings = configured(size, seed)
    if way == "stock":
        settings.environment(MultiAgentMarket, env_config={"environment": environment})
        settings.env_runners(num_envs_per_env_runner=size.markets)
    else:
        settings.environment(env_config={"environment": environment, "markets": size.markets})
        settings.env_runners(env_runner_cls=MarketEnvRunner)
    # Of one iteration, not RLlib's mean of the last hundred episodes.
    settings.reporting(metrics_num_episodes_for_smoothing=size.markets)
    algorithm = settings.build_algo()
    rewards = [algorithm.train()["env_runners"]["episode_return_mean"] / SEATS for _ in range(size.iterations)]
    algorithm.stop()
    return [float(reward) for reward in rewards]


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """Return the difference of two means with Welch's 95% interval, and whether zero lies in it."""
    interval = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    verdict = "alike" if interval.low <= 0 <= interval.high else "NOT alike"
    return f"{first.mean() - second.mean():+6.2f} [{interval.low:+6.2f}, {interval.high:+6.2f}]  {verdict}"


def main() -> None:
    """Train every way with every seed and print the rewards reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--iterations", type=int, default=Size.iterations)
    options = parser.parse_args()
    size = Size(iterations=options.iterations)
    prepare_process()
    warnings.filterwarnings("ignore", message=".*Overriding environment")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    reached: dict[str, NDArray[np.float64]] = {way: np.zeros(options.seeds) for way in WAYS}
    for seed, way in itertools.product(range(options.first, options.first + options.seeds), WAYS):
        begin = time.perf_counter()
        rewards = train(way, size, seed)
        last = reached[way][seed - options.first] = np.mean(rewards[-LAST:])
        seconds = time.perf_counter() - begin
        print(f"seed {seed}  {way:10}  {rewards[0]:+6.2f} -> {last:+6.2f}  {seconds:5.0f} s", flush=True)
    for way, rewards_reached in reached.items():
        print(f"{way:10}  mean {rewards_reached.mean():+6.2f}  standard deviation {rewards_reached.std(ddof=1):.2f}")
    for first, second in itertools.combinations(WAYS, 2):
        print(f"{first} - {second}: {difference(reached[first], reached[second])}")


if __name__ == "__main__":
    main()
