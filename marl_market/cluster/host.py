"""The process of a worker, as it runs on a node of the cluster."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import ray

from marl_market.cluster.connection import asks_token

ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Environment of a worker: numba, torch and NumPy stay on one core, since more threads than cores are slower."""
WATCH = "watch"
"""Concurrency group of the methods that are answered while a worker works."""


class Place(NamedTuple):
    """Where a worker runs: Ray's name and the address of its node, its process, and its peak memory in bytes."""

    node: str
    address: str
    process: int
    memory: int


class Host:
    """The process of one worker."""

    def __init__(self, build: Callable[[Any], Any], shard: Any) -> None:
        """Hold what builds the worker of a shard; the first call builds it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the driver, which still wants the answer
        self._build, self._shard = build, shard
        self._worker: Any = None

    def build(self) -> None:
        """Build the worker, unless it is."""
        if self._worker is None:
            self._worker = self._build(self._shard)

    def call(self, method: str, *arguments: Any) -> Any:
        """Return the answer of a method of the worker."""
        self.build()
        return getattr(self._worker, method)(*arguments)

    @ray.method(concurrency_group=WATCH)
    def place(self) -> Place:
        """Return where this process runs and its memory."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = peak if sys.platform == "darwin" else 1024 * peak
        return Place(ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address(), os.getpid(), memory)

    @ray.method(concurrency_group=WATCH)
    def asks_token(self) -> bool:
        """Return whether the Ray of this node asks for a token."""
        return asks_token()
