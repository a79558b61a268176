from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete, MultiDiscrete
from ray.rllib.core.distribution.torch.torch_distribution import TorchCategorical, TorchMultiCategorical

from marl_market.agents.rllib.networks.action_distribution import (
    MASKED,
    as_space,
    epsilon_greedy,
    mask_scores,
    sample_categorical,
    uniform,
)
from marl_market.env.interface.spaces import continuous

ROWS, CHOICES = 400, (4, 3)


def scores_and_mask(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    mask = (random.random((ROWS, sum(CHOICES))) < 0.6).astype(np.uint8)
    mask[:, [0, CHOICES[0]]] = 1
    return mask_scores(random.normal(0, 3, mask.shape).astype(np.float32), mask), mask


def noise(seed: int = 1, numbers: int = len(CHOICES)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((ROWS, numbers), dtype=np.float32)


@pytest.mark.parametrize("explores", [True, False])
def test_log_probabilities_equal_those_of_rllib(explores: bool) -> None:
    scores, _ = scores_and_mask()
    action, logp = sample_categorical(scores, noise() if explores else None, CHOICES)
    theirs: Any = TorchMultiCategorical.from_logits(torch.from_numpy(scores), input_lens=list(CHOICES))
    whole = torch.from_numpy(as_space(action, MultiDiscrete(CHOICES)))
    assert action.dtype == logp.dtype == np.float32
    np.testing.assert_allclose(logp, theirs.logp(whole).numpy(), rtol=1e-6, atol=1e-6)
    single, logp = sample_categorical(scores[:, :4], noise()[:, :1] if explores else None, (4,))
    alone: Any = TorchCategorical.from_logits(torch.from_numpy(scores[:, :4]))
    np.testing.assert_array_equal(single[:, 0], action[:, 0])
    chosen = torch.from_numpy(as_space(single, Discrete(4)))
    np.testing.assert_allclose(logp, alone.logp(chosen).numpy(), rtol=1e-6, atol=1e-6)


def test_a_masked_choice_is_never_drawn_not_even_by_extreme_noise() -> None:
    scores, mask = scores_and_mask()
    rows = np.arange(ROWS)
    for explored in (noise(), np.full((ROWS, 2), 9, np.float32), np.full((ROWS, 2), -9, np.float32), None):
        action, _ = sample_categorical(scores, explored, CHOICES)
        chosen = action.astype(int)
        assert mask[rows, chosen[:, 0]].all()
        assert mask[rows, CHOICES[0] + chosen[:, 1]].all()
        greedy = epsilon_greedy(scores[:, :4], None if explored is None else explored[:, :1], mask[:, :4], 0.5)
        assert mask[rows, greedy[:, 0].astype(int)].all()


def test_choices_are_drawn_as_often_as_they_are_probable() -> None:
    scores = np.log(np.array([[0.5, 0.2, 0.3]], np.float32)).repeat(40_000, axis=0)
    explored = np.random.default_rng(0).standard_normal((40_000, 1), dtype=np.float32)
    action, _ = sample_categorical(scores, explored, (3,))
    np.testing.assert_allclose(np.bincount(action[:, 0].astype(int)) / 40_000, [0.5, 0.2, 0.3], atol=0.01)
    mask = np.array([[1, 0, 1]], np.uint8).repeat(40_000, axis=0)
    greedy = epsilon_greedy(mask_scores(scores, mask), explored, mask, 0.4)
    np.testing.assert_allclose(np.bincount(greedy[:, 0].astype(int)) / 40_000, [0.8, 0.0, 0.2], atol=0.01)


def test_without_noise_the_most_probable_choice_is_taken() -> None:
    scores, _ = scores_and_mask()
    action, _ = sample_categorical(scores, None, CHOICES)
    np.testing.assert_array_equal(action[:, 0], scores[:, :4].argmax(1))
    np.testing.assert_array_equal(action[:, 1], scores[:, 4:].argmax(1))
    np.testing.assert_array_equal(epsilon_greedy(scores, None, None, 1.0)[:, 0], scores.argmax(1))


def test_a_row_without_any_choice_keeps_all() -> None:
    scores = np.array([[1.0, 2.0], [1.0, 2.0]], np.float32)
    masked = mask_scores(scores, np.array([[0, 0], [1, 0]], np.uint8))
    assert masked.tolist() == [[1.0, 2.0], [1.0, MASKED]]
    assert mask_scores(scores, None) is scores


def test_noise_becomes_uniform_and_stays_below_one() -> None:
    values = uniform(np.array([-40, -1, 0, 1, 40], np.float32))
    assert values[0] >= 0
    assert values[2] == 0.5
    assert values[-1] < 1
    assert (np.diff(values) > 0).all()


def test_actions_of_a_continuous_space_stay_as_they_are() -> None:
    action = noise()
    assert as_space(action, continuous(2)) is action
