from typing import Any

import numpy as np
import torch
from ray.rllib.core.distribution.torch.torch_distribution import TorchDiagGaussian

from marl_market.agents.rllib.networks.action_distribution import sample_gaussian


def random_inputs() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.concatenate([random.normal(0, 3, (200, 3)), random.normal(-1, 1, (200, 3))], axis=1).astype(np.float32)


def test_log_density_equals_that_of_rllib() -> None:
    inputs = random_inputs()
    noise = np.random.default_rng(1).standard_normal((200, 3), dtype=np.float32)
    for noise_or_none in (noise, None):
        action, logp = sample_gaussian(inputs, noise_or_none)
        distribution: Any = TorchDiagGaussian.from_logits(torch.from_numpy(inputs))
        theirs = distribution.logp(torch.from_numpy(action)).numpy()
        assert action.dtype == logp.dtype == np.float32
        np.testing.assert_allclose(logp, theirs, rtol=1e-6, atol=1e-6)


def test_noise_is_scaled_and_shifted() -> None:
    inputs = np.array([[1.0, -2.0, np.log(0.5), np.log(2.0)]], np.float32)
    action, _ = sample_gaussian(inputs, np.array([[1.0, -1.0]], np.float32))
    np.testing.assert_allclose(action, [[1.5, -4.0]], rtol=1e-6)


def test_without_noise_the_mean_acts() -> None:
    inputs = random_inputs()
    action, _ = sample_gaussian(inputs, None)
    np.testing.assert_array_equal(action, inputs[:, :3])
    action[:] = 0
    assert inputs[:, :3].any()
