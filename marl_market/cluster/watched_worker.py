"""A worker as its pool sees it: where it runs, what it was asked, and when it last gave a sign of life."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from marl_market.cluster.connection import first_line
from marl_market.cluster.host import ONE_THREAD, WATCH, Host, Place
from marl_market.cluster.patience import Patience

LOST = (NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError)
"""Errors of Ray for a lost worker or a lost answer."""


class WorkerFaultError(Exception):
    """A worker has died or hangs; the text goes on after its name."""


class WatchedWorker:
    """One worker; times are readings of the pool's clock, in seconds."""

    def __init__(self, build: Callable[[Any], Any], index: int, shard: Any, node: str, now: float) -> None:
        """Start the worker of a shard, the one of that index, on a node."""
        self._index, self._shard = index, shard
        # Softly, and without a core reserved: if a node is lost, the others take over its workers.
        placement = NodeAffinitySchedulingStrategy(node, soft=True)
        options = {"scheduling_strategy": placement, "runtime_env": {"env_vars": ONE_THREAD}}
        remote: Any = ray.remote  # whose types lack this argument
        self._host = remote(concurrency_groups={WATCH: 1})(Host).options(**options).remote(build, shard)
        self._place: Place | None = None
        self._signed = self._asked = now
        self._sign: Any = self._host.place.remote()
        self._has_started = self._has_answered = False
        self.pending: Any = None

    def __str__(self) -> str:
        """Return its index and shard, and where it runs if that is known."""
        place = self._place
        where = "" if place is None else f", process {place.process} on {place.address}"
        return f"worker {self._index} ({self._shard}{where})"

    def ask(self, now: float, method: str, arguments: Sequence[Any]) -> None:
        """Ask a method of the host; `pending` is its answer."""
        self._asked = self._signed = now
        self.pending = getattr(self._host, method).remote(*arguments)

    def answer(self) -> tuple[bool, Any]:
        """Return whether the pending answer is there, and the answer; raises WorkerFaultError if it was lost."""
        if not ray.wait([self.pending], timeout=0)[0]:
            return False, None
        try:
            answer = ray.get(self.pending)
        except LOST as error:
            raise WorkerFaultError(f"has died: {first_line(error)}") from error
        self._has_started = True
        if self._place is None:
            self._read_sign(self._signed)
        return True, answer

    def duration(self, now: float) -> float | None:
        """Return how long the answer took, or None if it was the first, before which much is compiled."""
        first, self._has_answered = not self._has_answered, True
        return None if first else now - self._asked

    def silence(self, now: float) -> float:
        """Return the seconds since the last sign of life, and ask for the next one."""
        self._read_sign(now)
        if self._sign is None:
            self._sign = self._host.place.remote()
        return now - self._signed

    def _read_sign(self, now: float) -> None:
        """Read the sign of life that it was asked for, if it is there."""
        if self._sign is not None and ray.wait([self._sign], timeout=0)[0]:
            sign, self._sign = self._sign, None
            try:
                self._place = ray.get(sign)
            except LOST as error:
                raise WorkerFaultError(f"has died: {first_line(error)}") from error
            self._signed = now
            self._has_started = True

    def require_progress(self, now: float, patience: Patience) -> float:
        """Return its silence in seconds; raises WorkerFaultError if that or its work has lasted too long."""
        silence, work = self.silence(now), now - self._asked
        if not self._has_started:
            if silence > patience.start():
                raise WorkerFaultError(f"has not started in {silence:.0f} s")
        elif max(silence, work) > (patience.call() if self._has_answered else patience.first_call()):
            raise WorkerFaultError(f"has not answered in {work:.0f} s, and was last heard of {silence:.0f} s ago")
        elif silence > patience.silence():
            raise WorkerFaultError(f"has given no sign of life for {silence:.0f} s")
        return silence

    def kill(self) -> None:
        """End its process, even one that hangs: Ray does so by SIGKILL within seconds."""
        ray.kill(self._host)
