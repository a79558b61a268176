"""The Ray that workers run on: one started for this process and closed to others, or one to join.

Ray runs the programs of any machine that reaches its ports. One that is started here therefore listens on the loopback
interface only, and asks for a token, which this process makes and gives its children in their environment.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from ray import _raylet
from ray._private import ray_constants

from marl_market.cluster.errors import WorkersError

# Ray's C++ core, which has no types.
core: Any = _raylet
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
TOKEN_BYTES = 32


def connect(address: str, workers: int, config: str = "cluster") -> ExitStack:
    """Start Ray on this machine, or join the one at `address`; return what ends it, or leaves it, when it is closed.

    A Ray that this process is connected to already is used and left as it is. Raises WorkersError if none starts or
    answers, or if it has too few cores.
    """
    connected = ExitStack()
    if ray.is_initialized():
        return connected
    with connected:
        if address == "local":
            _start(connected, workers)
        else:
            _join(connected, address, workers, config)
        return connected.pop_all()


def require_running() -> None:
    """Raise WorkersError if a process of the Ray that was started here has ended.

    Ray itself takes a while to notice, and then ends this process.
    """
    # The only record of the processes that `ray.init` started.
    node: Any = ray._private.worker._global_node
    dead: list[Any] = [] if node is None else node.dead_processes()
    if dead:
        ended = ", ".join(f"{kind} (exit status {process.returncode})" for kind, process in dead)
        raise WorkersError(f"Ray on this machine has ended: {ended}")


def asks_token() -> bool:
    """Return whether the Ray that this process belongs to asks programs that join it for a token."""
    return bool(core.get_authentication_mode() == core.AuthenticationMode.TOKEN)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _start(connected: ExitStack, workers: int) -> None:
    """Start a Ray of so many cores that no other program can reach or join."""
    connected.enter_context(_token())
    connected.callback(ray.shutdown)
    try:
        with _loopback():
            ray.init("local", num_cpus=workers, include_dashboard=False, **QUIET)
    except Exception as error:  # Ray raises bare ones, as for a start that takes too long
        raise WorkersError(
            f"Ray did not start on this machine: {first_line(error)}; start the run again when the machine is less "
            "busy, or with training.workers=0, which needs no Ray"
        ) from error


def _join(connected: ExitStack, address: str, workers: int, config: str) -> None:
    """Join the Ray at an address."""
    try:
        if address != "auto":  # Ray itself would retry for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()
        _read_token()  # an earlier connection of this process may have had another
        ray.init(address, **QUIET)
    except Exception as error:  # Ray raises bare ones
        raise WorkersError(
            f"{config}.address is {address!r}, and no Ray answers there: start one with `ray start --head`, or run "
            f"with {config}.address=local; one that asks for a token needs it in RAY_AUTH_TOKEN "
            f"({first_line(error)})"
        ) from error
    connected.callback(ray.shutdown)
    cores = int(ray.cluster_resources().get("CPU", 0))
    if workers > cores:
        raise WorkersError(f"{config}.workers is {workers}; the cluster at {address!r} has {cores} cores")


@contextmanager
def _token() -> Iterator[None]:
    """Let Ray ask for a new random token, known to this process and its children only."""
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(TOKEN_BYTES))
    _read_token()
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
        _read_token()


def _read_token() -> None:
    """Let Ray read its token settings from the environment again, the mode first: a token is needed while it is on."""
    core.Config.initialize("")
    core.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _loopback() -> Iterator[None]:
    """Let Ray take 127.0.0.1 for the address of this machine, as it does by default on macOS and Windows."""
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
