import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "experiments/002_focal_ppo/train_ppo.py"))


def test_advantages_are_the_discounted_sums_of_the_paper() -> None:
    random = torch.Generator().manual_seed(0)
    reward, value = torch.randn(7, 3, generator=random), torch.randn(8, 3, generator=random)
    given = SCRIPT["advantages"](reward, value, SCRIPT["Settings"](gamma=0.9, gae_lambda=0.7))
    for t in range(7):
        errors = [reward[s] + 0.9 * value[s + 1] - value[s] for s in range(t, 7)]
        expected = sum((0.9 * 0.7) ** ahead * error for ahead, error in enumerate(errors))
        torch.testing.assert_close(given[t], expected)


@pytest.mark.slow
def test_a_short_run_gets_better_on_sessions_it_has_not_seen() -> None:
    newborn, trained = SCRIPT["train"](3, SCRIPT["Settings"](iterations=15))
    gain = trained - newborn
    assert gain.shape == (64,)
    assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(gain.size)
    assert gain.mean() > 1.0
