from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from marl_market.agents.imitation.behavior_cloning import BCConfig, failure_of_clone
from marl_market.agents.imitation.fitting import dataset_of, explained_variance, fit_policy
from marl_market.agents.rollout import Rollout

STEPS, ROWS, SEEN = 6, 50, 3
FITTING = BCConfig(gradient_steps=400, patience=400, minibatch_size=32, learning_rate=0.03)


def session(seed: int, choices: tuple[int, ...] = (), masks: bool = False) -> Rollout:
    """Return a session in which the first number follows the first observation and the second the other ones."""
    random = np.random.default_rng(seed)
    observation = random.standard_normal((STEPS + 1, ROWS, SEEN), dtype=np.float32)
    first, second = observation[:-1, :, 0], observation[:-1, :, 1] - observation[:-1, :, 2]
    action = np.stack([first, 0.5 * second], axis=-1)
    if choices:
        action = np.stack([np.digitize(first, [-0.5, 0.5]), second > 0], axis=-1).astype(np.float32)
    active = random.random((STEPS, ROWS)) < 0.8
    action[~active] = 0
    return Rollout(
        reward=np.zeros((STEPS, ROWS), np.float32),
        active=active,
        terminated=np.zeros_like(active),
        observation=observation,
        action=action.astype(np.float32),
        action_mask=random.integers(0, 2, (STEPS + 1, ROWS, sum(choices)), np.uint8) if masks else None,
        extra={"loss_mask": np.ones(action.shape, np.bool_)},
    )


def linear(outputs: int) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(SEEN, outputs)


def fitted(outputs: int, choices: tuple[int, ...], **changes: Any) -> tuple[dict[str, float], torch.nn.Linear]:
    network = linear(outputs)
    sessions = [session(number, choices, **changes) for number in range(3)]
    return fit_policy(network, network.parameters(), choices, sessions, FITTING, seed=1), network


def test_numbers_are_fitted_until_their_variance_is_explained() -> None:
    metrics, network = fitted(2, ())
    assert metrics["clone_explained_variance"] > 0.999
    np.testing.assert_allclose(network.weight.detach(), [[1, 0, 0], [0, 0.5, -0.5]], atol=0.02)


def test_choices_are_fitted_above_the_base_rate() -> None:
    metrics, _ = fitted(5, (3, 2))
    assert metrics["clone_accuracy"] > 0.9
    assert 0.35 < metrics["clone_base_rate"] < 0.6


def test_the_last_session_is_held_out() -> None:
    network = linear(2)
    other = session(2)
    assert other.has_actions
    other.action[:] *= -1
    metrics = fit_policy(network, network.parameters(), (), [session(0), session(1), other], FITTING, seed=1)
    assert metrics["clone_explained_variance"] < -2


def test_the_loss_mask_excludes_an_action_from_the_loss() -> None:
    sessions = [session(number) for number in range(3)]
    for each in sessions:
        assert each.has_actions
        each.extra["loss_mask"][..., 1] = False
        each.action[..., 1] = 1e6
    network = linear(2)
    before = network.weight[1].detach().clone()
    metrics = fit_policy(network, network.parameters(), (), sessions, FITTING, seed=1)
    torch.testing.assert_close(network.weight[1].detach(), before)
    assert metrics["clone_explained_variance"] > 0.999


def test_a_masked_choice_is_not_in_the_loss_and_a_seat_that_slept_is_left_out() -> None:
    each = session(0, (3, 2), masks=True)
    assert each.has_actions
    assert each.action_mask is not None
    dataset = dataset_of([each], (3, 2))
    assert len(dataset["observation"]) == np.count_nonzero(each.active)
    step, row = np.argwhere(each.active)[7]
    for number, first in ((0, 0), (1, 3)):
        choice = first + int(each.action[step, row, number])
        assert bool(dataset["loss_mask"][7, number]) == bool(each.action_mask[step, row, choice])
    assert 0.3 < dataset["loss_mask"].float().mean() < 0.7
    metrics, _ = fitted(5, (3, 2), masks=True)
    assert np.isfinite(list(metrics.values())).all()
    assert metrics["clone_accuracy"] > 0.9


def test_the_same_seed_gives_the_same_clone() -> None:
    (_, first), (_, again) = fitted(2, ()), fitted(2, ())
    assert torch.equal(first.weight, again.weight)


def test_a_guess_of_the_mean_explains_nothing() -> None:
    actual = torch.tensor([1.0, 2.0, 6.0])
    assert explained_variance(torch.full((3,), 3.0), actual) == pytest.approx(0.0)
    assert explained_variance(actual, actual) == 1.0


def test_the_fit_is_counted_in_gradient_steps_whatever_the_size_of_the_run() -> None:
    network = linear(2)
    few = fit_policy(network, network.parameters(), (), [session(0), session(1)], FITTING, seed=1)
    network = linear(2)
    many = fit_policy(network, network.parameters(), (), [session(number) for number in range(9)], FITTING, seed=1)
    assert few["clone_gradient_steps"] == many["clone_gradient_steps"] == FITTING.gradient_steps


def test_the_fit_ends_where_the_held_out_loss_no_longer_falls_and_keeps_the_best_weights() -> None:
    config = BCConfig(gradient_steps=5000, patience=100, minibatch_size=32, learning_rate=0.03)
    noise = np.random.default_rng(0)
    sessions = [session(number) for number in range(3)]
    for each in sessions:
        each.action[:] = noise.standard_normal(each.action.shape)
    network = torch.nn.Sequential(torch.nn.Linear(SEEN, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
    metrics = fit_policy(network, network.parameters(), (), sessions, config, seed=1)
    assert metrics["clone_gradient_steps"] < 5000
    again = fit_policy(network, network.parameters(), (), sessions, replace(config, gradient_steps=50), seed=2)
    assert again["clone_loss"] >= 0.9


def test_a_clone_that_is_no_better_than_the_most_frequent_action_is_said() -> None:
    assert "35.0% of the held-out" in str(failure_of_clone({"clone_accuracy": 0.35, "clone_base_rate": 0.36}))
    assert failure_of_clone({"clone_accuracy": 0.9, "clone_base_rate": 0.36}) is None
    assert "explains -2.0%" in str(failure_of_clone({"clone_explained_variance": -0.02}))
    assert failure_of_clone({"clone_explained_variance": 0.5}) is None
