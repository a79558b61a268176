"""The start and the end of a Ray of our own."""

from __future__ import annotations

import os

import pytest
import ray

from marl_market.cluster.connection import connect, require_running
from marl_market.cluster.errors import WorkersError
from marl_market.cluster.pool import WorkerPool
from tests.cluster.adder import Adder

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


def settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH")}


def test_each_ray_has_a_token_of_its_own_and_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    tokens = set()
    for _ in range(2):
        with connect("local", 1):
            tokens.add(settings()["RAY_AUTH_TOKEN"])
            assert settings()["RAY_AUTH_MODE"] == "token"
        assert settings() == {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "mine"}
    assert len(tokens - {"mine"}) == 2


def test_a_start_that_takes_too_long_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen because ...")

    monkeypatch.setattr(ray, "init", init)
    before = settings()
    with pytest.raises(WorkersError) as failure:
        connect("local", 1)
    said = str(failure.value)
    assert said.startswith("Ray did not start on this machine: The current node timed out during startup.; start ")
    assert "\n" not in said
    assert settings() == before


def test_a_lost_raylet_is_noticed_by_the_call_and_the_rest_of_ray_ended() -> None:
    with WorkerPool(Adder, [0, 1]) as pool:
        assert pool.call("add", [1]) == [1, 2]
        node = ray._private.worker._global_node
        (raylet,) = (info.process for info in node.all_processes["raylet"])
        raylet.kill()
        raylet.wait()
        with pytest.raises(WorkersError, match=r"^Ray on this machine has ended: raylet \(exit status -9\)$"):
            pool.call("add", [1])
    assert not ray.is_initialized()
    require_running()
