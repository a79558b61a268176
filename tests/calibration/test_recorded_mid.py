"""A fundamental value that follows the quotes of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.recorded_mid import RecordedMid
from tests.builders import market_spec

LINES = (
    "10.0,1,1,10,1000000,1",
    "10.0,1,2,10,1000200,-1",  # mid 100.01
    "12.5,1,3,10,1000100,1",  # 100.015
    "13.5,1,4,10,1000200,1",  # at the ask: the ask is gone
    "13.6,1,5,10,1000600,-1",  # 100.04
    "18.0,3,5,10,1000600,-1",
    "19.0,1,6,10,1000600,-1",
)


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = tmp_path / "TOY_2012-06-21_0_1_message_1.csv"
    path.write_text("\n".join(LINES) + "\n")
    return str(path)


def test_a_path_follows_the_last_mid_before_each_step_from_the_initial_price_on(recording: str) -> None:
    spec = market_spec(initial_price=50.0)  # 5,000 ticks
    path = RecordedMid(recording, start_seconds=0.0).path(spec, 6, np.random.default_rng(0))
    mid = np.array([10_001.0, 10_001.0, 10_001.0, 10_001.5, 10_004.0, 10_004.0])
    np.testing.assert_allclose(path, 5000.0 * mid / 10_001.0)


def test_the_seed_draws_where_a_path_begins(recording: str) -> None:
    spec, process = market_spec(initial_price=50.0), RecordedMid(recording)
    paths = [process.path(spec, 5, np.random.default_rng(seed)) for seed in range(20)]
    assert len({path.tobytes() for path in paths}) > 3
    np.testing.assert_array_equal(paths[3], process.path(spec, 5, np.random.default_rng(3)))
    assert {path[0] for path in paths} == {5000.0}


def test_what_does_not_fit_is_refused(recording: str, tmp_path: Path) -> None:
    spec = market_spec()
    with pytest.raises(ValueError, match=r"its longest session has 9 s, and 12 steps of market test take 11 s"):
        RecordedMid(recording).path(spec, 12, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"take 5 s from start_seconds 6.0 on"):
        RecordedMid(recording, start_seconds=6.0).path(spec, 6, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"market.fundamental.start_seconds is -1; it must be zero or more"):
        RecordedMid(recording, start_seconds=-1)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        RecordedMid(str(tmp_path / "none.csv")).path(spec, 2, np.random.default_rng(0))
    one_sided = tmp_path / "TOY_2012-06-22_0_1_message_1.csv"
    one_sided.write_text("1.0,1,1,10,1000000,1\n2.0,1,2,10,1000100,1\n")
    with pytest.raises(ValueError, match="has no quotes of both sides"):
        RecordedMid(str(one_sided)).path(spec, 2, np.random.default_rng(0))
