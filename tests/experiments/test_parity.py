import runpy
from pathlib import Path

import numpy as np
import pytest
import ray

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "experiments/004_parity/compare.py"))


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_every_way_learns_from_the_same_number_of_sessions() -> None:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        size = SCRIPT["Size"](markets=2, steps=10, iterations=2)
        for way in SCRIPT["WAYS"]:
            rewards = SCRIPT["train"](way, size, 1)
            assert len(rewards) == 2
            assert np.isfinite(rewards).all()
    finally:
        ray.shutdown()


def test_a_difference_is_told_from_noise() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(0, 1, 5), random.normal(0, 1, 5)
    assert SCRIPT["difference"](first, second).endswith("  alike")
    assert SCRIPT["difference"](first, second + 10).endswith("NOT alike")
