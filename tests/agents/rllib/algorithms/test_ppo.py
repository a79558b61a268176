import copy
import pickle
from typing import Any

import numpy as np
import pytest
import ray
import torch
from ray.rllib.core.columns import Columns

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from tests.agents.answers import answer
from tests.agents.rllib.synthetic import ACTION, ACTION_SIZE, OBSERVATION_SIZE, best_action, collect

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def build(seed: int = 7, **fields: Any) -> OnPolicyLearner:
    return PPO(minibatch_size=128, **fields).build(GroupSpec(OBSERVATION_SIZE, ACTION), seed)


def leaves(state: Any) -> list[Any]:
    if isinstance(state, dict):
        return [leaf for key in sorted(state, key=str) for leaf in leaves(state[key])]
    if isinstance(state, list | tuple):
        return [leaf for value in state for leaf in leaves(value)]
    return [np.array(state)]


def assert_equal_states(first: Any, second: Any) -> None:
    for one, other in zip(leaves(first), leaves(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_learns_the_best_action_without_a_ray_cluster() -> None:
    learner = build(learning_rate=2e-3, discount=0.0)
    random = np.random.default_rng(0)
    rewards, metrics = [], {}
    for _ in range(40):
        rollout = collect(learner, random)
        rewards.append(rollout.reward.mean())
        metrics = learner.learn(rollout)
    assert rewards[0] < -1.5
    assert np.mean(rewards[-3:]) > -0.35
    observation = random.standard_normal((500, OBSERVATION_SIZE), dtype=np.float32)
    action = answer(learner, observation, None).action
    assert ((action - best_action(observation)) ** 2).mean() < 0.1
    assert set(metrics) > {"policy_loss", "value_loss", "entropy", "mean_kl"}
    assert all(type(value) is float for value in metrics.values())
    assert not ray.is_initialized()


@pytest.mark.parametrize("state_dependent_std", [False, True])
def test_acting_equals_rllibs_forward_pass(state_dependent_std: bool) -> None:
    learner = build(state_dependent_std=state_dependent_std, output_scale=1.0, initial_log_std=-0.7)
    observation = np.random.default_rng(0).standard_normal((9, OBSERVATION_SIZE), dtype=np.float32)
    columns = answer(learner, observation, None).extra
    theirs = learner.module.forward_inference({Columns.OBS: torch.from_numpy(observation)})
    np.testing.assert_array_equal(columns["action_dist_inputs"], theirs[Columns.ACTION_DIST_INPUTS].numpy())


@pytest.mark.parametrize("state_dependent_std", [False, True])
def test_an_untrained_policy_acts_alike_everywhere_with_the_initial_deviation(state_dependent_std: bool) -> None:
    learner = build(state_dependent_std=state_dependent_std, initial_log_std=-0.7)
    observation = np.random.default_rng(0).standard_normal((100, OBSERVATION_SIZE), dtype=np.float32)
    columns = answer(learner, observation, None).extra
    mean, log_std = np.split(columns["action_dist_inputs"], 2, axis=1)
    assert np.abs(mean).max() < 0.02
    np.testing.assert_allclose(log_std, -0.7, atol=0.02)


def test_the_same_seed_and_rollouts_give_the_same_weights() -> None:
    learners = [build(), build()]
    for _ in range(2):
        for learner, generator in [(learner, np.random.default_rng(1)) for learner in learners]:
            learner.learn(collect(learner, generator, end_probability=0.05))
    assert_equal_states(*(learner.get_state() for learner in learners))
    other = build(seed=8).get_state()
    with pytest.raises(AssertionError):
        assert_equal_states(build().get_state()["rl_module"], other["rl_module"])


def test_global_streams_are_neither_read_nor_moved() -> None:
    states = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        numpy_before, torch_before = pickle.dumps(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
        learner = build()
        learner.learn(collect(learner, np.random.default_rng(1)))
        states.append(learner.get_state())
        assert pickle.dumps(np.random.get_state()) == numpy_before  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), torch_before)
    assert_equal_states(*states)


def test_a_resumed_learner_goes_on_as_if_never_stopped() -> None:
    learner = build()
    generator = np.random.default_rng(2)
    for _ in range(2):
        learner.learn(collect(learner, generator))
    live = learner.get_state()
    saved, untouched = pickle.loads(pickle.dumps(live)), copy.deepcopy(live)
    rollouts = [collect(learner, generator) for _ in range(2)]
    first = [learner.learn(rollout) for rollout in rollouts]
    final = learner.get_state()
    assert_equal_states(live, untouched)

    resumed = build(seed=99)
    resumed.set_state(saved)
    assert [resumed.learn(rollout) for rollout in rollouts] == first
    assert_equal_states(resumed.get_state(), final)
    assert_equal_states(saved, untouched)

    learner.set_state(saved)  # back in time, which RLlib's own set_state silently ignores
    assert_equal_states(learner.get_state(), saved)
    assert [learner.learn(rollout) for rollout in rollouts] == first


def test_the_mean_network_is_the_policy() -> None:
    learner = build(hidden=(16, 24), state_dependent_std=True, output_scale=1.0)
    learner.learn(collect(learner, np.random.default_rng(0)))
    observation = np.random.default_rng(0).standard_normal((30, OBSERVATION_SIZE), dtype=np.float32)
    network, weights = learner.network()
    assert network.sizes == (OBSERVATION_SIZE, 16, 24, ACTION_SIZE)
    layers = network.layers(weights)
    hidden = observation
    for weight, bias in layers[:-1]:
        hidden = np.tanh(hidden @ weight + bias)
    weight, bias = layers[-1]
    action = answer(learner, observation, None).action
    np.testing.assert_allclose(hidden @ weight + bias, action, atol=1e-5)


def test_a_network_that_is_not_tanh_is_not_exported() -> None:
    with pytest.raises(ValueError, match="'relu'"):
        build(activation="relu").network()


def test_divergence_is_an_error() -> None:
    learner = build()
    rollout = collect(learner, np.random.default_rng(0))
    rollout.extra["action_logp"][:] = -np.inf
    with pytest.raises(FloatingPointError, match="update 1"):
        learner.learn(rollout)


def test_a_weight_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = build()
    name, weight = next(iter(learner.module.named_parameters()))

    def corrupt(rollout: Any) -> dict[str, float]:
        with torch.no_grad():
            weight[0] = torch.inf
        return {"total_loss": 1.5}

    monkeypatch.setattr(learner, "_learn", corrupt)
    with pytest.raises(FloatingPointError, match=f"weight {name} is not finite after update 0: .*1.5"):
        learner.learn(collect(learner, np.random.default_rng(0)))


def test_without_a_penalty_or_a_clip_there_is_nothing_to_report_of_them() -> None:
    learner = build(kl_coefficient=0.0, gradient_clip=None)
    metrics = learner.learn(collect(learner, np.random.default_rng(0)))
    assert not {"kl_coefficient", "gradient_norm", "critic_gradient_norm"} & set(metrics)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden", ()),
        ("activation", "sine"),
        ("learning_rate", 0.0),
        ("discount", 1.5),
        ("clip", -0.1),
        ("gradient_clip", 0.0),
        ("initial_log_std", -9.0),
        ("minibatch_size", 0),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"PPO.{field} is"):
        PPO(**{field: value})
