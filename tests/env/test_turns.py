"""The market taken in turns, through PettingZoo's own conversion."""

from typing import Any

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec

from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.quotes import Quotes
from marl_market.env.parallel_env import MarketEnv
from tests.builders import environment

SCHEMES = pytest.mark.parametrize(
    "action", [Quotes(), MarketDiscrete(), LimitGrid(), OrderByOrder()], ids=lambda scheme: type(scheme).__name__
)


@pytest.mark.filterwarnings("ignore:Agent's m:UserWarning")  # observations have no bounds
@pytest.mark.filterwarnings("ignore:Action space for each agent probably should be:UserWarning")
@SCHEMES
def test_it_passes_the_contract_in_turns(action: Any, capsys: pytest.CaptureFixture[str]) -> None:
    api_test(parallel_to_aec(MarketEnv(environment(action=action))), num_cycles=40)
    assert "Passed" in capsys.readouterr().out


@SCHEMES
def test_it_passes_the_seed_test_in_turns(action: Any) -> None:
    seed_test(lambda: parallel_to_aec(MarketEnv(environment(action=action))), num_cycles=40)


@SCHEMES
def test_it_passes_the_parallel_contract_and_seed_test(action: Any) -> None:
    parallel_api_test(MarketEnv(environment(action=action)), num_cycles=40)
    parallel_seed_test(lambda: MarketEnv(environment(action=action)), num_cycles=40)


def test_turns_play_the_same_session_as_all_at_once() -> None:
    at_once, turns = MarketEnv(environment()), parallel_to_aec(MarketEnv(environment()))
    observations, _ = at_once.reset(seed=3)
    turns.reset(seed=3)
    random = np.random.default_rng(0)
    while at_once.agents:
        actions = {agent: random.uniform(-1, 1, 4).astype(np.float32) for agent in at_once.agents}
        for agent, action in actions.items():
            assert turns.agent_selection == agent
            assert np.array_equal(turns.observe(agent), observations[agent])
            turns.step(action)
        observations, rewards, *_ = at_once.step(actions)
        assert turns.rewards == rewards
    assert turns.terminations == dict.fromkeys(at_once.possible_agents, True)
    for _ in at_once.possible_agents:
        assert np.array_equal(turns.last()[0], observations[turns.agent_selection])
        turns.step(None)
    assert turns.agents == []


def test_turns_convert_back() -> None:
    env = MarketEnv(environment())
    assert aec_to_parallel(parallel_to_aec(env)) is env
