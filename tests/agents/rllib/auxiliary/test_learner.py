"""A group with auxiliary tasks in a market: their inputs, their scores, and the observation of the policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl_market.agents.interfaces import Learner
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.auxiliary.aggressor import Aggressor
from marl_market.agents.rllib.auxiliary.fill import Fill
from marl_market.agents.rllib.auxiliary.learner import INPUT, AuxiliaryLearner
from marl_market.agents.rllib.auxiliary.mid_price import MidPrice
from marl_market.agents.rllib.auxiliary.others_flow import OthersFlow
from marl_market.agents.rllib.auxiliary.volatility import Volatility
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.population.participation import Fixed, Participation
from tests.agents.answers import answer
from tests.builders import environment, market_spec

pytestmark = pytest.mark.usefixtures("one_torch_thread")

STEPS, MARKETS = 20, 4
TARGETS = {
    "price": MidPrice(horizon=3), "volatility": Volatility(horizon=3), "fill": Fill(horizon=2),
    "aggressor": Aggressor(horizon=1), "flow": OthersFlow(horizon=2),
}  # fmt: skip
PARTICIPATION = Participation(Fixed((0, 5)), Fixed((STEPS, 6)))


def described(agent: Any) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("focal", agent, 2, PARTICIPATION)]
    return environment(groups, spec=market_spec(session_steps=STEPS))


def build_learner(agent: Any, seed: int = 1) -> tuple[Learner, Sampler]:
    market = described(agent)
    learner = agent.learner(market, "focal", seed)
    return learner, Sampler(BatchMarket(market, MARKETS), {"focal": learner}, 1)


AGENTS = [
    PPO(hidden=(8,), minibatch_size=64, auxiliary=TARGETS),
    APPO(hidden=(8,), minibatch_rows=4, auxiliary=TARGETS),
    PPO(hidden=(8,), minibatch_size=64, auxiliary=TARGETS, lstm_size=4, sequence_length=6),
    APPO(hidden=(8,), minibatch_rows=4, auxiliary=TARGETS, lstm_size=4),
]


@pytest.mark.parametrize("agent", AGENTS, ids=["ppo", "appo", "ppo lstm", "appo lstm"])
def test_every_head_is_scored_on_each_session(agent: Any) -> None:
    learner, sampler = build_learner(agent)
    for number in range(2):
        metrics = learner.learn(sampler.sample(number).rollouts["focal"])
        assert np.isfinite(list(metrics.values())).all()
        found = {name.removeprefix("auxiliary_") for name in metrics if name.startswith("auxiliary_")}
        assert found >= {
            "price_loss", "price_explained_variance", "volatility_loss", "volatility_explained_variance",
            "flow_loss", "flow_explained_variance",
            "aggressor_loss", "aggressor_accuracy", "aggressor_base_rate", "aggressor_explained_entropy",
            "fill_accuracy", "fill_base_rate", "fill_auc",
        }  # fmt: skip


def test_predictions_depend_on_the_hidden_state() -> None:
    learner, _ = build_learner(AGENTS[2])
    assert isinstance(learner, AuxiliaryLearner)
    observed = np.ones((1, described(AGENTS[2]).observation_size), np.float32)
    states = [np.full((1, learner.state_size), value, np.float32) for value in (0.0, 0.5)]
    first, second = (learner.predict(observed, state)["price"] for state in states)
    assert first.shape == (1, 1)
    assert first != second


def test_predictions_are_scored_before_the_update() -> None:
    learner, sampler = build_learner(AGENTS[0])
    rollout = sampler.sample(0).rollouts["focal"]
    other, _ = build_learner(AGENTS[0])
    other.set_state(learner.get_state())
    first = learner.learn(rollout)
    again = learner.learn(rollout)
    assert again["auxiliary_price_loss"] != first["auxiliary_price_loss"]
    assert isinstance(other, AuxiliaryLearner)
    assert other.learn(rollout)["auxiliary_price_loss"] == first["auxiliary_price_loss"]


def test_inputs_are_those_of_the_moment_and_no_observation() -> None:
    learner, sampler = build_learner(AGENTS[0])
    plain, plain_sampler = build_learner(PPO(hidden=(8,), minibatch_size=64))
    assert type(plain) is OnPolicyLearner
    rollout, same = sampler.sample(0).rollouts["focal"], plain_sampler.sample(0).rollouts["focal"]
    np.testing.assert_array_equal(rollout.action, same.action)
    columns = rollout.extra
    assert {name for name in columns if name not in same.extra} == {INPUT + name for name in TARGETS}
    price = columns[INPUT + "price"]
    assert price.shape == (STEPS, 2 * MARKETS, 1)
    np.testing.assert_array_equal(price[:, ::2], price[:, 1::2], "both seats of a market observe one price")
    assert (np.diff(price, axis=0) != 0).any()
    fills = columns[INPUT + "fill"]
    assert (np.diff(fills, axis=0) >= 0).all()
    assert fills[-1].max() > 0
    assert isinstance(learner, AuxiliaryLearner)


def test_a_seat_that_was_never_active_updates_nothing() -> None:
    learner, sampler = build_learner(AGENTS[0])
    rollout = sampler.sample(0).rollouts["focal"]
    rollout.active[:] = False
    assert learner.learn(rollout) == {"updates": 0.0, "return_scale": 1.0}


def test_it_needs_a_market_to_record() -> None:
    learner, _ = build_learner(AGENTS[0])
    with pytest.raises(RuntimeError, match="call on_episode_start before act"):
        answer(learner, np.zeros((2, learner.policy().observation_size), np.float32), None)
