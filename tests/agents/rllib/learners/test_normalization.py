"""Learning does not depend on the unit of rewards, nor, where it is asked for, on those of observations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete

from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.learners.normalization import ReturnScale
from marl_market.agents.rllib.networks.observation_scale import ObservationScale
from marl_market.agents.rllib.networks.policy import TorchPolicy
from marl_market.agents.rollout import Rollout
from tests.agents.answers import answer
from tests.agents.rllib.algorithms.test_ppo import assert_equal_states
from tests.agents.rllib.synthetic import ACTION, OBSERVATION_SIZE, closed_rollout

STEPS, ROWS, CHOICES = 8, 32, 3
OFF_POLICY: dict[str, Any] = {"hidden": (8,), "learning_starts": 0, "decisions_per_update": 64, "batch_size": 32}
AGENTS: dict[str, Any] = {
    "ppo": PPO(hidden=(8,), learning_rate=0.01),
    "lstm": PPO(hidden=(8,), lstm_size=4, sequence_length=4),
    "appo": APPO(hidden=(8,)),
    "dqn": DQN(**OFF_POLICY),
    "sac": SAC(**OFF_POLICY),
}
SHIFT, UNIT = np.float32([0, 1e4, -50, 0, 3]), np.float32([1, 100, 1e-3, 7, 1])
"""Of each number of an observation in another unit."""

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def build(name: str, seed: int = 7, **fields: Any) -> Any:
    space = Discrete(CHOICES) if name == "dqn" else ACTION
    return replace(AGENTS[name], **fields).build(GroupSpec(OBSERVATION_SIZE, space, STEPS), seed)


def session(learner: Any, seed: int, weight: float = 1.0, shift: Any = 0.0, unit: Any = 1.0) -> Rollout:
    """Let `learner` act in a session whose rewards have the unit `weight` and whose observations another unit."""
    random = np.random.default_rng(seed)
    observation = random.standard_normal((STEPS + 1, ROWS, OBSERVATION_SIZE), dtype=np.float32)
    numbers = 1 if isinstance(learner.module.action_space, Discrete) else 2
    noise = random.standard_normal((STEPS, ROWS, numbers), dtype=np.float32)
    state, played = np.zeros((ROWS, learner.state_size), np.float32), []
    for step in range(STEPS):
        played.append(learner.act((observation[step] * unit + shift).astype(np.float32), state, noise[step]))
        state = played[-1].state
    action = np.stack([each.action for each in played])
    reward = -((action - observation[:-1, :, :numbers]) ** 2).sum(axis=-1) * np.float32(weight)
    observed = (observation * unit + shift).astype(np.float32)
    return closed_rollout(observed, action, reward.astype(np.float32), [each.extra for each in played])


@pytest.mark.parametrize("weight", [2.0**-13, 2.0**7, 2.0**20])
@pytest.mark.parametrize("name", AGENTS)
def test_a_reward_in_another_unit_trains_bit_for_bit_alike(name: str, weight: float) -> None:
    """The unit is a power of two, so that no rounding differs."""
    plain, scaled = build(name), build(name)
    for number in range(3):
        wanted, found = plain.learn(session(plain, number)), scaled.learn(session(scaled, number, weight))
        assert found.pop("return_scale") == pytest.approx(weight * wanted.pop("return_scale"), rel=1e-6)
        assert found == wanted
    np.testing.assert_array_equal(scaled.policy().weights, plain.policy().weights)
    assert plain.updates > 0


@pytest.mark.parametrize("weight", [1e-4, 1e6])
def test_without_normalization_the_unit_matters_and_a_line_says_so(
    weight: float, caplog: pytest.LogCaptureFixture
) -> None:
    plain, scaled = (build("ppo", normalize_returns=False) for _ in range(2))
    for number in range(2):
        plain.learn(session(plain, number))
    assert not caplog.records
    for number in range(2):
        scaled.learn(session(scaled, number, weight))
    assert (scaled.policy().weights != plain.policy().weights).any()
    (record,) = caplog.records
    assert "population.group: its returns are about" in record.getMessage()
    assert "normalize_returns" in record.getMessage()


def test_the_scale_is_the_root_mean_square_of_all_returns_so_far() -> None:
    scale, random = ReturnScale(), np.random.default_rng(0)
    assert scale.scale == 1.0
    parts = [random.standard_normal(size).astype(np.float32) * 1e5 for size in (3, 100, 1)]
    for part in parts:
        scale.observe(part)
    assert scale.scale == pytest.approx(np.sqrt(np.mean(np.concatenate(parts).astype(float) ** 2)))
    other = ReturnScale()
    other.set_state(scale.get_state())
    assert other.scale == scale.scale


def test_rewards_of_zero_are_left_as_they_are() -> None:
    learner = build("ppo")
    metrics = learner.learn(session(learner, 0, weight=0.0))
    assert metrics["return_scale"] == 1.0
    assert np.isfinite(list(metrics.values())).all()


def test_the_scale_of_observations_is_their_mean_and_deviation() -> None:
    scale, random = ObservationScale(OBSERVATION_SIZE, untouched=[3]), np.random.default_rng(0)
    parts = [random.standard_normal((size, OBSERVATION_SIZE), np.float32) * UNIT + SHIFT for size in (5, 200, 40)]
    for part in parts:
        part[:, 4] = 2.5  # constant: shifted only
        scale.observe(part)
    found = scale.apply(np.concatenate(parts))
    np.testing.assert_allclose(found.mean(0)[[0, 1, 2, 4]], 0, atol=1e-2)
    np.testing.assert_allclose(found.std(0)[:2], 1, rtol=1e-3)
    np.testing.assert_array_equal(found[:, 3], np.concatenate(parts)[:, 3])
    assert (found[:, 4] == 0).all()


@pytest.mark.parametrize("name", ["ppo", "lstm", "appo"])
def test_observations_in_other_units_train_alike(name: str) -> None:
    plain, scaled = build(name, normalize_observations=True), build(name, normalize_observations=True)
    unit = np.float32([1, 128, 2.0**-3, 4, 2])
    assert plain.learn(session(plain, 9))["updates"] == 0, "the first session is only observed"
    scaled.learn(session(scaled, 9, unit=unit))
    for number in range(3):
        wanted, found = plain.learn(session(plain, number)), scaled.learn(session(scaled, number, unit=unit))
        for key, value in wanted.items():
            assert found[key] == pytest.approx(value, rel=0.02, abs=1e-3), key


@pytest.mark.parametrize("name", AGENTS)
def test_the_statistics_of_observations_are_part_of_every_copy_of_the_policy(name: str) -> None:
    learner = build(name, normalize_observations=True)
    for number in range(2):
        played = session(learner, number, unit=UNIT, shift=SHIFT)
        learner.learn(played)
    observed = played.observation[0]
    state = np.zeros((ROWS, learner.state_size), np.float32)
    wanted = learner.greedy.act(observed, state, None).action
    restored, worker = (
        build(name, normalize_observations=True, seed=1),
        build(name, normalize_observations=True, seed=2),
    )
    restored.set_state(learner.get_state())
    assert_equal_states(restored.get_state()["normalization"], learner.get_state()["normalization"])
    worker.set_weights(learner.get_weights())
    np.testing.assert_array_equal(restored.greedy.act(observed, state, None).action, wanted)
    if name != "sac":  # workers explore by the policy, not by its average
        np.testing.assert_array_equal(worker.greedy.act(observed, state, None).action, wanted)
    copied = TorchPolicy.copy_of(learner.greedy)
    learner.learn(session(learner, 3))
    np.testing.assert_array_equal(copied.act(observed, state, None).action, wanted)


@pytest.mark.parametrize("name", ["ppo", "appo", "dqn", "sac"])
def test_an_exported_network_takes_in_the_statistics(name: str) -> None:
    learner = build(name, normalize_observations=True, **({"output_scale": 1.0} if name in ("ppo", "appo") else {}))
    for number in range(2):
        played = session(learner, number, unit=UNIT, shift=SHIFT)
        learner.learn(played)
    policy = learner.policy()
    assert isinstance(policy, CompiledPolicy)
    units = played.observation[0].astype(np.float64)
    layers = policy.network.layers(policy.weights)
    for index, (weight, bias) in enumerate(layers):
        units = units @ weight + bias
        if index + 1 < len(layers) or policy.network.tanh_squashed:
            units = np.tanh(units)
    found = units.argmax(axis=1)[:, None] if policy.network.choices else units
    wanted = learner.greedy.act(played.observation[0], np.zeros((ROWS, 0), np.float32), None).action
    np.testing.assert_allclose(found, wanted, atol=2e-2)
    plain = build(name)
    assert (answer(plain, played.observation[0], None).action != wanted).any()


def test_the_gradients_of_policy_and_critic_are_clipped_apart() -> None:
    """Without normalization a huge critic's gradient leaves the policy's step alone."""
    learner = build("ppo", normalize_returns=False, gradient_clip=0.5)
    metrics = learner.learn(session(learner, 0, weight=1e6))
    assert metrics["critic_gradient_norm"] > 1e4
    assert 0 < metrics["gradient_norm"] < 10
    (optimizer,) = learner._rllib_learner._named_optimizers.values()
    policy = next(iter(learner.greedy.encoder.parameters()))
    assert torch.sqrt(optimizer.state[policy]["exp_avg_sq"]).max() > 1e-4
