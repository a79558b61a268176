"""Policies without eyes: one action for ever, and a policy whose observation is zero."""

from __future__ import annotations

import numpy as np
import pytest

from marl_market.agents.interfaces import Decision
from marl_market.agents.policies.blind_policy import BlindPolicy, blind
from marl_market.agents.policies.constant_policy import constant_policy
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rollout import Floats, Masks
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import ActionScheme
from marl_market.env.population.group import Agent, External, Group
from marl_market.evaluation.match import with_policies
from tests.builders import environment

STEPS = 5


def described(action: ActionScheme, agent: Agent | None = None) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("focal", agent or External(), 2)]
    return environment(groups, action=action)


def actions_of(environment: EnvironmentSpec) -> np.ndarray:
    """Return the actions (steps, seats, numbers) of the focal seats."""
    batch = BatchMarket(environment, 1)
    batch.reset([1])
    nothing = np.zeros((1, 0, environment.action_size), np.float32)
    seats = environment.seats_of("focal")
    found = []
    for _ in range(STEPS):
        batch.step(nothing)
        found.append(batch.markets["seat"]["agent"]["action"][0, seats, : environment.action_of("focal").size].copy())
    return np.array(found)


@pytest.mark.parametrize(
    ("scheme", "action"),
    [(Quotes(), (-0.5, 0.25, 1.0, 0.75)), (OrderByOrder(), (0, 0, 3, 2)), (OrderMixed(), (0, -0.25, 0.5))],
)
def test_a_constant_policy_takes_its_action_in_every_step(scheme: ActionScheme, action: tuple[float, ...]) -> None:
    market = described(scheme)
    played = actions_of(with_policies(market, {"focal": constant_policy(market, "focal", action)}))
    expected = np.broadcast_to(np.float32(action), played.shape)
    np.testing.assert_array_equal(played, expected)


def test_a_constant_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match=r"action is \(0.0, 0.0\); it must be 4 numbers"):
        constant_policy(described(Quotes()), "focal", (0.0, 0.0))


def test_a_blind_policy_acts_as_on_an_observation_of_zeros() -> None:
    market = described(Quotes())
    network = MultilayerPerceptron((market.observation_size, 3, 4))
    random = np.random.default_rng(1)
    policy = CompiledPolicy(network, random.normal(0, 1, network.parameter_count).astype(np.float32))
    seeing, unseeing = (actions_of(with_policies(market, {"focal": each})) for each in (policy, blind(policy)))
    (_, bias), (weights, offset) = network.layers(policy.weights)
    np.testing.assert_allclose(
        unseeing, np.broadcast_to(np.tanh(bias) @ weights + offset, unseeing.shape), rtol=1e-5, atol=1e-6
    )
    assert (seeing.std(axis=0) > 0).any()


class Echo(External):
    """Acts by the sum of its observation."""

    state_size = 1
    weights = np.zeros(1, np.float32)

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        return Decision(observation.sum(1, keepdims=True) + state, state + 1, {})


def test_a_blind_policy_outside_the_step_keeps_its_hidden_state() -> None:
    found = blind(Echo())
    assert isinstance(found, BlindPolicy)
    assert found.state_size == 1
    action, state, _ = found.act(np.ones((2, 3), np.float32), np.full((2, 1), 5.0, np.float32), None)
    assert (action.tolist(), state.tolist()) == ([[5.0], [5.0]], [[6.0], [6.0]])


def test_a_scripted_agent_cannot_be_blinded() -> None:
    with pytest.raises(TypeError, match="it must be a compiled network or an external policy"):
        blind(FixedSpread())  # type: ignore[arg-type]
