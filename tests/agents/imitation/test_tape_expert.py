"""Behavior cloning of the aggregate flow of a tape: a flow that follows the imbalance of the quotes is learned."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.imitation.behavior_cloning import BehaviorCloning
from marl_market.agents.imitation.tape_expert import TapeExpert
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.best_bid_offer import BestBidOffer
from marl_market.env.population.group import Group
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape
from marl_market.market.tape_file import save_tape
from marl_market.training.pretraining import pretrain
from tests.builders import environment, market_spec

SECOND = 1_000_000_000
LENGTH = 1000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tape in which six lots are bought in the second after a heavier bid, and sold after a heavier ask."""
    random = np.random.default_rng(0)
    heavy = random.random(LENGTH) < 0.5
    quotes, flow = np.zeros(LENGTH, QUOTE), np.zeros(LENGTH, FLOW)
    quotes["time_ns"] = SECOND * np.arange(1, LENGTH + 1)
    quotes["bid_price_ticks"], quotes["ask_price_ticks"] = 999, 1001
    quotes["bid_quantity_lots"] = np.where(heavy, 20, 4)
    quotes["ask_quantity_lots"] = np.where(heavy, 4, 20)
    flow["time_ns"], flow["kind"], flow["quantity_lots"] = quotes["time_ns"] + 3 * SECOND // 2, FlowKind.MARKET, 6
    flow["side"] = np.where(heavy, Side.BUY, Side.SELL)
    flow["price_ticks"] = np.where(heavy, 1001, 999)
    file = tmp_path_factory.mktemp("real") / "tape.npz"
    save_tape(file, Tape(0.01, 1.0, quotes, np.zeros(0, TRADE), flow))
    return file


def described(agent: Any, path: Path, action: Any) -> EnvironmentSpec:
    clone = BehaviorCloning(
        agent, TapeExpert(str(path)), gradient_steps=600, patience=600, minibatch_size=32, learning_rate=0.01
    )
    groups = [Group("noise", ZeroIntelligence(), 4), Group("clone", clone, 2)]
    spec = market_spec(session_steps=100)
    return environment(groups, spec=spec, observation={"quote": BestBidOffer()}, action=action)


@pytest.mark.parametrize("agent", [PPO(hidden=(8,)), EvolutionStrategy((8,)), SAC(hidden=(8,))])
def test_a_flow_that_follows_the_quotes_is_learned(agent: Any, path: Path) -> None:
    found = described(agent, path, MarketSize())
    learners = {"clone": found.groups[1].agent.learner(found, "clone", 1)}
    metrics = pretrain(found, learners, markets=2, threads=1, seed=1)["clone"]
    assert metrics["clone_explained_variance"] > 0.9
    assert not {"expert_reward", "clone_value_explained_variance"} & set(metrics), "a recorded market has no rewards"
    assert all(np.isfinite(value) for value in metrics.values())


def test_choices_are_learned_too(path: Path) -> None:
    found = described(PPO(hidden=(8,)), path, MarketDiscrete())
    learners = {"clone": found.groups[1].agent.learner(found, "clone", 1)}
    metrics = pretrain(found, learners, markets=2, threads=1, seed=1)["clone"]
    assert metrics["clone_accuracy"] > 0.95
    assert metrics["clone_base_rate"] < 0.7


def test_a_tape_without_a_session_to_hold_out_is_named(path: Path) -> None:
    found = described(PPO(), path, MarketSize())
    spec = market_spec(session_steps=600)
    long = environment(list(found.groups), spec=spec, observation={"quote": BestBidOffer()}, action=MarketSize())
    with pytest.raises(
        ValueError, match=r"population.clone.agent.expert.tape is '1 sessions'; it must be a tape of two"
    ):
        TapeExpert(str(path)).rollouts(long, "clone")


def test_an_expert_without_a_tape_is_named() -> None:
    with pytest.raises(ValueError, match=r"expert.tape is ''; it must be the path of a tape file"):
        TapeExpert("")
