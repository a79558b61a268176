"""Learn to make a market with PPO in one file: python experiments/002_focal_ppo/train_ppo.py [--seed 1]."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from hydra.utils import instantiate
from numpy.typing import NDArray
from torch import Tensor, nn

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.momentum import Momentum
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.tape import TradeTape
from marl_market.env.population.group import External, Group
from marl_market.env.rewards.profit import Profit
from marl_market.env.vector_env import FocalEnv

MARKET = Path(__file__).parents[2] / "conf/market/aapl_2012_06_21.yaml"
TEST_SEED, TEST_SESSIONS = 1_000_000, 64


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of PPO (names as in Schulman et al. 2017, arXiv:1707.06347)."""

    markets: int = 32
    iterations: int = 100
    learning_rate: float = 1e-3
    gamma: float = 0.99
    gae_lambda: float = 0.95  # lambda
    epsilon: float = 0.2
    epochs: int = 4
    minibatch: int = 1600
    value_coefficient: float = 0.5
    gradient_norm: float = 0.5


class ActorCritic(nn.Module):
    """A normal policy of state-independent deviation, and a value function."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.actor, self.critic = network(inputs, outputs, scale=0.01), network(inputs, 1, scale=1.0)
        self.log_std = nn.Parameter(torch.full((outputs,), -0.5))

    def policy(self, observation: Tensor) -> torch.distributions.Normal:
        """Return the distribution of actions, independent in each dimension."""
        return torch.distributions.Normal(self.actor(observation), self.log_std.exp())

    def value(self, observation: Tensor) -> Tensor:
        """Return the value of observations."""
        return self.critic(observation).squeeze(-1)


def network(inputs: int, outputs: int, scale: float) -> nn.Sequential:
    """Return two hidden layers of 64 tanh units and a linear output of gain `scale`."""
    layers = nn.Sequential(
        nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs)
    )  # fmt: skip
    for layer, gain in zip((layers[0], layers[2], layers[4]), (math.sqrt(2), math.sqrt(2), scale), strict=True):
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return layers


def market() -> EnvironmentSpec:
    """Return an hour of AAPL with background traders, makers, trend followers and two learning seats."""
    groups = [
        Group("noise", ZeroIntelligence(), 8),
        Group("makers", AvellanedaStoikov(), 2),
        Group("momentum", Momentum(), 2),
        Group("ppo", External(), 2),
    ]
    observation = {"book": Book(), "tape": TradeTape(), "account": Account(), "clock": Clock()}
    spec = instantiate(yaml.safe_load(MARKET.read_text()))
    return EnvironmentSpec(spec, groups, observation, Quotes(), {"profit": Profit()})


def play_session(env: FocalEnv, agent: ActorCritic) -> tuple[Tensor, Tensor, Tensor]:
    """Play a session; return observations (T + 1, N, D), actions (T, N, A) and rewards (T, N) of N seats."""
    observation, _ = env.reset()
    observations, actions, rewards = [torch.from_numpy(observation)], [], []
    while True:
        with torch.no_grad():
            actions.append(agent.policy(observations[-1]).sample())
        observation, reward, terminated, truncated, _ = env.step(actions[-1].numpy())
        observations.append(torch.from_numpy(observation))
        rewards.append(torch.from_numpy(reward))
        if (terminated | truncated).all():
            return torch.stack(observations), torch.stack(actions), torch.stack(rewards)


def advantages(reward: Tensor, value: Tensor, settings: Settings) -> Tensor:
    """Return generalized advantages (T, N) of rewards (T, N) and values (T + 1, N): equations 11 and 12 of the paper.

    delta_t = r_t + gamma V(s_t+1) - V(s_t);  A_t = delta_t + gamma lambda A_t+1. The close of a session is taken for
    a truncation, so that its last state has a value too; the environment terminates it, since the clock is observed.
    """
    delta = reward + settings.gamma * value[1:] - value[:-1]
    advantage = torch.zeros_like(delta)
    following = torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        following = advantage[t] = delta[t] + settings.gamma * settings.gae_lambda * following
    return advantage


def learn(agent: ActorCritic, optimizer: torch.optim.Optimizer, session: tuple[Tensor, ...], use: Settings) -> None:
    """Maximize the clipped surrogate (equation 7) less the squared error of the value (equation 9) for some epochs."""
    observation, action, reward = session
    with torch.no_grad():
        value = agent.value(observation)
        advantage = advantages(reward, value, use).flatten()
        target = advantage + value[:-1].flatten()
        observation, action = observation[:-1].flatten(0, 1), action.flatten(0, 1)
        before = agent.policy(observation).log_prob(action).sum(-1)
    for _ in range(use.epochs):
        for rows in torch.randperm(len(target)).split(use.minibatch):
            ratio = (agent.policy(observation[rows]).log_prob(action[rows]).sum(-1) - before[rows]).exp()
            gain = (advantage[rows] - advantage[rows].mean()) / (advantage[rows].std() + 1e-8)
            clipped = ratio.clamp(1 - use.epsilon, 1 + use.epsilon)
            surrogate = torch.minimum(ratio * gain, clipped * gain).mean()
            error = (agent.value(observation[rows]) - target[rows]).square().mean()
            optimizer.zero_grad()
            (use.value_coefficient * error - surrogate).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), use.gradient_norm)
            optimizer.step()


@torch.no_grad()
def evaluate(agent: ActorCritic, sessions: int = TEST_SESSIONS) -> NDArray[np.float32]:
    """Return the reward per seat of each of the test sessions, (sessions,), without exploration."""
    env = FocalEnv(market(), sessions)
    observation, _ = env.reset(seed=TEST_SEED)
    total, over = np.zeros(env.num_envs, np.float32), False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(agent.actor(torch.from_numpy(observation)).numpy())
        total += reward
        over = (terminated | truncated).all()
    return total.reshape(sessions, -1).mean(1)


def train(seed: int, settings: Settings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Train, printing ten lines on the way; return the test rewards of the untrained and of the trained agent."""
    torch.manual_seed(seed)
    env = FocalEnv(market(), settings.markets)
    agent = ActorCritic(env.single_observation_space.shape[0], env.single_action_space.shape[0])
    optimizer = torch.optim.Adam(agent.parameters(), settings.learning_rate, eps=1e-5)
    untrained = evaluate(agent)
    env.reset(seed=seed)
    torch.set_num_threads(1)  # small networks gain nothing from more; after a reset, since numba's pool sets it too
    for iteration in range(settings.iterations):
        session = play_session(env, agent)
        learn(agent, optimizer, session, settings)
        if iteration % max(1, settings.iterations // 10) == 0 or iteration == settings.iterations - 1:
            print(f"session {iteration:4}  reward per seat {session[2].sum(0).mean():+7.2f}", flush=True)
    return untrained, evaluate(agent)


def main() -> None:
    """Train once and print the gain on test sessions."""
    parser = argparse.ArgumentParser(description="Learn to make a market with PPO.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=Settings.iterations)
    options = parser.parse_args()
    begin = time.perf_counter()
    untrained, trained = train(options.seed, Settings(iterations=options.iterations))
    gain = trained - untrained
    half = 1.96 * gain.std(ddof=1) / math.sqrt(len(gain))
    print(
        f"seed {options.seed}  {untrained.mean():+.2f} -> {trained.mean():+.2f}  gain {gain.mean():+.2f} "
        f"[{gain.mean() - half:+.2f}, {gain.mean() + half:+.2f}] over {len(gain)} paired sessions, "
        f"{time.perf_counter() - begin:.0f} s"
    )


if __name__ == "__main__":
    main()
