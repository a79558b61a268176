"""A pool of workers of any class."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import ray

from marl_market.cluster.pool import WorkerPool, WorkersError

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def own_ray() -> Iterator[None]:
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


class Adder:
    def __init__(self, shard: int) -> None:
        self.shard = shard

    def add(self, values: list[int]) -> int:
        if self.shard == sum(values) == 0:
            raise ZeroDivisionError("nothing to add")
        return self.shard + sum(values)

    def die(self, shard: int) -> int:
        if shard == self.shard:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.shard


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
    with WorkerPool(Adder, [0, 10]) as pool, pytest.raises(WorkersError, match=r"3 workers died in turn over 10; "):
        pool.call("die", 10)
