"""A Ray that we start is closed to strangers: programs that were not started by it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import ray

from marl_market.cluster.connection import connect
from marl_market.cluster.pool import WorkerPool
from tests.cluster.adder import Adder

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]
LOOPBACK = re.compile(r"^(127\.\d+\.\d+\.\d+|\[::1\]|\[::ffff:127\.\d+\.\d+\.\d+\]):\d+$")
STRANGER = """
import sys
import ray
from ray._private import ray_constants
ray_constants.ENABLE_RAY_CLUSTER = False  # looks for Ray on the loopback interface
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except (ConnectionError, ray.exceptions.AuthenticationError) as error:
    print("refused:", error)
else:
    print("joined:", ray.get(ray.remote(num_cpus=0)(lambda: 7).remote(), timeout=60))
"""


@pytest.fixture(scope="module")
def own_ray() -> Iterator[str]:
    with connect("local", 2):
        yield ray.get_runtime_context().gcs_address


def settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH")}


def strangers(address: str, *environments: Mapping[str, str]) -> list[str]:
    """Return what programs say that try to join at once, with no more than the environment of a login and their own."""
    login = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    command = [sys.executable, "-c", STRANGER, address]
    programs = [
        subprocess.Popen(command, env={**login, **each}, stdout=subprocess.PIPE, text=True) for each in environments
    ]
    return [program.communicate(timeout=300)[0] for program in programs]


def family() -> Mapping[int, str]:
    """Return the commands of this process and of all that descend from it, by process."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [row.split(maxsplit=2) for row in listed.splitlines()[1:]]
    found = {os.getpid(): "driver"}
    while more := {int(own): args for own, parent, args in rows if int(parent) in found and int(own) not in found}:
        found.update(more)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and ss")
def test_every_socket_of_a_ray_of_our_own_listens_on_the_loopback_interface(own_ray: str) -> None:
    with WorkerPool(Adder, [0, 1]) as pool:
        assert pool.call("add", [1]) == [1, 2]
        processes = family()
        listed = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    rows = [row.split() for row in listed.splitlines() if set(map(int, re.findall(r"pid=(\d+)", row))) & set(processes)]
    assert len(rows) >= 7  # gcs_server, raylet twice, its agent, the driver, two workers
    assert [row[3] for row in rows if not LOOPBACK.match(row[3])] == []


def test_a_stranger_cannot_join_a_ray_of_our_own(own_ray: str) -> None:
    other_token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    said = strangers(own_ray, {}, {"RAY_AUTH_MODE": "disabled"}, other_token)
    assert [each[:9] for each in said] == ["refused: "] * 3


def test_a_program_that_has_the_token_joins(own_ray: str) -> None:
    assert strangers(own_ray, settings()) == ["joined: 7\n"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_token_is_random_and_stands_in_no_command_line_or_file(own_ray: str) -> None:
    token = settings()["RAY_AUTH_TOKEN"]
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert not [args for args in family().values() if token in args]
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    files = [path for path in session.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files if token.encode() in path.read_bytes()]
