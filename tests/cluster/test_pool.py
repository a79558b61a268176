"""A pool of workers of any class."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from marl_market.cluster.connection import connect
from marl_market.cluster.errors import WorkersError, WorkersStoppedError
from marl_market.cluster.pool import WorkerPool
from tests.cluster.adder import Adder, stop_once

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def own_ray() -> Iterator[None]:
    with connect("local", 2):
        yield


def test_workers_answer_from_their_shards_in_order_and_are_replaced(own_ray: None) -> None:
    with WorkerPool(Adder, [0, 10, 20]) as pool:
        assert pool.call("add", [1, 2]) == [3, 13, 23]
        before = pool.places()
        os.kill(before[1].process, signal.SIGKILL)
        assert pool.call("add", [1, 2]) == [3, 13, 23]
        after = pool.places()
        assert [one.process == two.process for one, two in zip(before, after, strict=True)] == [True, False, True]
        with pytest.raises(ZeroDivisionError, match="nothing to add"):
            pool.call("add", [0])
    assert ray.is_initialized(), "a Ray that ran before goes on"


def test_a_worker_that_dies_over_each_attempt_is_named_by_its_shard(own_ray: None) -> None:
    with WorkerPool(Adder, [0, 10]) as pool, pytest.raises(WorkersError, match=r"3 workers failed in turn over 10; "):
        pool.call("die", 10)


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("stop", r"has not answered in [345] s, and was last heard of [2345] s ago"),
        ("work", r"has not answered in [345] s, and was last heard of [012] s ago"),
    ],
)
def test_a_worker_that_hangs_is_named_and_replaced_in_a_set_time(
    own_ray: None, tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str, fault: str
) -> None:
    with WorkerPool(Adder, [0, 10], timeout=3) as pool:
        process = pool.places()[1].process
        assert pool.call("add", [1]) == [1, 11]  # the first answer, which may take longer
        assert pool.call("add", [1]) == [1, 11]
        begin = time.monotonic()
        assert pool.call(method, 10, str(tmp_path / "marker")) == [0, 10]
        assert time.monotonic() - begin < 60
        assert process not in {place.process for place in pool.places()}
    assert re.search(rf"worker 1 \(10, process {process} on 127\.0\.0\.1\) {fault}; a new one", caplog.text)


def test_a_worker_that_hangs_in_its_start_is_replaced(
    own_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("marl_market.cluster.patience.START_SECONDS", 10.0)
    marker = tmp_path / "marker"

    class Stopped:
        """A build whose unpickling, part of the start, stops the first process that does it."""

        def __reduce__(self) -> Any:
            return stop_once, (str(marker),)

    with WorkerPool(Stopped(), [10]) as pool:
        assert pool.call("add", [1]) == [11]
    assert "worker 0 (10) has not started in 1" in caplog.text


def test_a_pool_that_is_told_to_stop_waits_for_work_and_not_for_a_worker_that_hangs(
    own_ray: None, tmp_path: Path
) -> None:
    with WorkerPool(Adder, [0, 10]) as pool:
        pool.places()
        pool.stop()
        assert pool.call("add", [1]) == [1, 11]
        begin = time.monotonic()
        with pytest.raises(WorkersStoppedError, match=r"worker 1 \(10, .* has given no sign of life for"):
            pool.call("stop", 10, str(tmp_path / "marker"))
        assert time.monotonic() - begin < 20
