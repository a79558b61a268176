"""Heads learn predictions through the policy's encoder, and leave RLlib's loss as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.appo.torch.appo_torch_learner import APPOTorchLearner
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner

from marl_market.agents.interfaces import initial_state
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.auxiliary.heads import AuxiliaryHeads, AuxiliaryLosses, column_of, head_loss
from marl_market.agents.rllib.auxiliary.scores import area_under_curve, scores_of
from marl_market.agents.rllib.auxiliary.task import Head
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.masked_module import MaskedPPOModule
from marl_market.agents.rollout import Floats, Rollout
from tests.agents.rllib.synthetic import ACTION, OBSERVATION_SIZE, collect

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NUMBER, CLASS = Head(2, scores=False, weight=1.0), Head(2, scores=True, weight=1.0)
HEADS = {"number": NUMBER, "class": CLASS}
STEPS = 16


def build(heads: dict[str, Head] | None = None, **fields: Any) -> OnPolicyLearner:
    agent = PPO(**{"hidden": (32,), "minibatch_size": 256, "learning_rate": 0.005, **fields})
    return agent.build(GroupSpec(OBSERVATION_SIZE, ACTION, heads=heads or {}), 7)


def targets(observation: Floats) -> dict[str, Floats]:
    """Return targets that an observation determines, NaN for a fifth of the decisions."""
    number = np.stack([observation[..., 3] * 0.5, np.tanh(observation[..., 4] - observation[..., 0])], axis=-1)
    kind = (observation[..., 3:4] + observation[..., 1:2] > 0).astype(np.float32)
    unknown = np.arange(observation.shape[1]) % 5 == 0
    return {
        column_of(name): np.where(unknown[:, None], np.nan, values).astype(np.float32)
        for name, values in (("number", number), ("class", kind))
    }


def predicted(learner: OnPolicyLearner, observation: Floats) -> dict[str, Floats]:
    return learner.predict(observation, initial_state(learner, len(observation)))


def rollout(learner: OnPolicyLearner, random: np.random.Generator) -> Rollout:
    return with_targets(collect(learner, random, STEPS))


def with_targets(played: Rollout) -> Rollout:
    return replace(played, extra={**played.extra, **targets(played.observation[:-1])})


@pytest.mark.parametrize("algorithm", ["ppo", "appo"])
def test_heads_learn_their_targets(algorithm: str) -> None:
    learner = build(HEADS)
    if algorithm == "appo":
        agent = APPO(hidden=(32,), learning_rate=0.005, minibatch_rows=8)
        learner = agent.build(GroupSpec(OBSERVATION_SIZE, ACTION, STEPS, heads=HEADS), 7)
    random = np.random.default_rng(1)
    for _ in range(20):
        learner.learn(rollout(learner, random))
    fresh = collect(learner, random, STEPS).observation[:-1]
    outputs, wanted = predicted(learner, fresh.reshape(-1, OBSERVATION_SIZE)), targets(fresh)
    number, kind = (
        scores_of(head, outputs[name], wanted[column_of(name)].reshape(-1, wanted[column_of(name)].shape[-1]))
        for name, head in HEADS.items()
    )
    assert number["explained_variance"] > 0.8
    assert kind["accuracy"] > kind["base_rate"] + 0.3
    assert kind["auc"] > 0.95


def test_the_gradients_of_heads_reach_the_encoder_of_the_policy_only() -> None:
    module = build(HEADS).module
    played = torch.randn(64, OBSERVATION_SIZE)
    outputs = module.predict({"obs": played})
    sum(head_loss(head, outputs[name], torch.ones(64, 2)) for name, head in HEADS.items()).backward()
    trained = {name for name, parameter in module.named_parameters() if parameter.grad is not None}
    assert {name.split(".")[0] for name in trained} == {"encoder", "head_layers"}
    assert all("actor_encoder" in name for name in trained if name.startswith("encoder"))
    assert all(float(module.get_parameter(name).grad.abs().sum()) > 0 for name in trained)


def test_heads_of_no_weight_change_nothing_and_others_do() -> None:
    def learned(heads: dict[str, Head] | None) -> bytes:
        # The norm by which gradients are clipped is rounded in another order where there are more of them.
        learner, random = build(heads, gradient_clip=None), np.random.default_rng(1)
        for _ in range(3):
            played = collect(learner, random, STEPS)
            learner.learn(with_targets(played) if heads else played)
        return learner.network()[1].tobytes()

    weightless = {name: replace(head, weight=0.0) for name, head in HEADS.items()}
    assert learned(weightless) == learned(None)
    assert learned(HEADS) != learned(None)


def test_without_heads_the_learner_and_its_module_are_as_before() -> None:
    learner = build()
    assert isinstance(learner._rllib_learner, PPOTorchLearner)
    assert not isinstance(learner._rllib_learner, AuxiliaryLosses)
    assert type(learner.module) is MaskedPPOModule
    other = APPO().build(GroupSpec(OBSERVATION_SIZE, ACTION, STEPS), 7)
    assert isinstance(other._rllib_learner, APPOTorchLearner)
    headed = build(HEADS)
    assert {PPOTorchLearner, AuxiliaryLosses} < set(type(headed._rllib_learner).__mro__)
    assert {MaskedPPOModule, AuxiliaryHeads} < set(type(headed.module).__mro__)


def test_a_resumed_learner_predicts_the_same() -> None:
    learner, random = build(HEADS), np.random.default_rng(1)
    learner.learn(rollout(learner, random))
    other = build(HEADS)
    other.set_state(learner.get_state())
    observed = random.standard_normal((5, OBSERVATION_SIZE), dtype=np.float32)
    for name, output in predicted(learner, observed).items():
        np.testing.assert_array_equal(output, predicted(other, observed)[name])


def test_unknown_targets_have_no_loss() -> None:
    output = torch.tensor([[1.0, 3.0], [5.0, 5.0]], requires_grad=True)
    some = torch.tensor([[2.0, 1.0], [torch.nan, 0.0]])
    loss = head_loss(NUMBER, output, some)
    assert loss.item() == pytest.approx(2.5)
    loss.backward()
    assert output.grad is not None
    assert torch.equal(output.grad, torch.tensor([[-1.0, 2.0], [0.0, 0.0]]))
    assert head_loss(NUMBER, output, torch.full((2, 2), torch.nan)).item() == 0.0
    assert head_loss(CLASS, output, torch.tensor([[1.0], [torch.nan]])).item() == pytest.approx(np.log1p(np.exp(-2)))


def test_scores_compare_with_a_constant_prediction() -> None:
    target = np.array([[0.0], [1.0], [2.0], [np.nan]], np.float32)
    mean, truth = np.ones((4, 1), np.float32), np.nan_to_num(target)
    one = Head(1, scores=False, weight=1.0)
    assert scores_of(one, mean, target) == pytest.approx({"loss": 2 / 3, "explained_variance": 0.0})
    assert scores_of(one, truth, target) == pytest.approx({"loss": 0.0, "explained_variance": 1.0})
    assert scores_of(one, mean[:1], target[3:]) == {}
    assert set(scores_of(one, mean[:2], np.ones((2, 1), np.float32))) == {"loss"}
    scores = np.array([[0, 1], [0, 2], [0, -1], [0, 3]], np.float32)
    kinds = np.array([[1.0], [0.0], [0.0], [1.0]], np.float32)
    found = scores_of(CLASS, scores, kinds)
    assert (found["accuracy"], found["base_rate"], found["auc"]) == (0.75, 0.5, 0.75)
    assert found["explained_entropy"] == pytest.approx(1 - found["loss"] / np.log(2))
    assert set(scores_of(CLASS, scores, np.ones_like(kinds))) == {"loss", "accuracy", "base_rate"}


def test_ties_count_half() -> None:
    assert area_under_curve(np.zeros(4, np.float32), np.array([True, False, True, False])) == 0.5
