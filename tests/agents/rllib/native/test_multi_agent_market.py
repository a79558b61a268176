"""RLlib's own runners on one market: the stock path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

from marl_market.agents.rllib.native.multi_agent_market import MultiAgentMarket
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.timing.chosen_delay import ChosenDelay
from tests.builders import environment

STEPS = 12
VISITS = {"guest_0": (0, 4), "guest_1": (2, 9), "guest_2": (6, STEPS)}
"""Steps of arrival and departure; the session is over after `STEPS`."""


def visited(**changes: Any) -> EnvironmentSpec:
    arrival, departure = np.transpose(list(VISITS.values()))
    # The last one would stay longer than the session.
    stay = Fixed((departure - arrival + (departure == STEPS)).tolist())
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("guest", External(), 3, Participation(Fixed(arrival.tolist()), stay)),
    ]
    return environment(**{"groups": groups, **changes})


def configured(described: EnvironmentSpec) -> Any:
    agents = MarketEnv(described).possible_agents
    return (
        PPOConfig()
        .environment(MultiAgentMarket, env_config={"environment": described})
        .env_runners(num_env_runners=0, num_envs_per_env_runner=2)
        .multi_agent(policies=set(agents), policy_mapping_fn=lambda agent, *_, **__: agent)
        .debugging(seed=1, log_level="ERROR")
    )


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_stock_rllib_samples_seats_that_arrive_and_depart() -> None:
    episodes = MultiAgentEnvRunner(configured(visited())).sample(num_episodes=4)
    assert len(episodes) == 4
    for episode in episodes:
        seats = episode.agent_episodes
        assert {agent: len(seat) for agent, seat in seats.items()} == {
            agent: last - first for agent, (first, last) in VISITS.items()
        }
        assert all(seat.is_terminated for seat in seats.values()), "two have left, and the other one sees the clock"


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_an_episode_ends_where_all_arrived_agents_have_departed() -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("guest", External(), 2, Participation(Fixed((0, 6)), Fixed(4))),
    ]
    for episode in MultiAgentEnvRunner(configured(environment(groups))).sample(num_episodes=4):
        assert {agent: len(seat) for agent, seat in episode.agent_episodes.items()} == {"guest_0": 4}
        assert episode.is_done


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_stock_rllib_samples_seats_with_inactive_steps() -> None:
    described = environment(timing=ChosenDelay((1, 3)))
    for episode in MultiAgentEnvRunner(configured(described)).sample(num_episodes=4):
        lengths = [len(seat) for seat in episode.agent_episodes.values()]
        assert min(lengths) < STEPS
        assert np.isfinite(episode.get_return())


def test_a_late_arrival_is_unknown_to_the_wrapper_of_rllib() -> None:
    """Why there is a wrapper: where this no longer fails, it can go."""
    stock = ParallelPettingZooEnv(MarketEnv(visited()))
    assert set(stock.action_space.spaces) == {"guest_0"}
    assert set(MultiAgentMarket({"environment": visited()}).action_space.spaces) == set(VISITS)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_an_unmodified_ppo_trains_on_the_stock_path() -> None:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        algorithm = configured(visited()).training(train_batch_size_per_learner=60, minibatch_size=16).build_algo()
        for _ in range(2):
            results = algorithm.train()
        assert set(VISITS) < set(results["learners"])
        assert np.isfinite(results["env_runners"]["episode_return_mean"])
        algorithm.stop()
    finally:
        ray.shutdown()
