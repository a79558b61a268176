"""A pool of worker processes on a Ray cluster, for any class of worker and any shard of work.

A worker must answer from its shard and the arguments of the call alone: one that dies or hangs is replaced by another
of the same shard, which is asked again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Self

import ray
from ray.exceptions import ObjectStoreFullError, OutOfDiskError, RayError, RayTaskError

from marl_market.cluster.connection import connect, first_line, require_running
from marl_market.cluster.errors import WorkersError, WorkersStoppedError
from marl_market.cluster.host import Place
from marl_market.cluster.patience import Patience, WaitClock
from marl_market.cluster.watched_worker import WatchedWorker, WorkerFaultError

FULL = (ObjectStoreFullError, OutOfDiskError)
"""Errors of Ray for memory or disk that is full."""
ATTEMPTS = 3
"""Workers that may fail over one call before the pool gives up."""
WATCH_SECONDS = 1.0
"""Time between two looks at the workers that have not answered."""
STOP_SECONDS = 5.0
"""Silence after which a pool that was asked to stop waits no longer for a worker."""

logger = logging.getLogger(__name__)


class WorkerPool:
    """Workers of one core each, placed evenly over the nodes of a cluster.

    Workers begin with the object and end with its context; so does the Ray they run on, unless it ran before.
    """

    def __init__(
        self,
        build: Callable[[Any], Any],
        shards: Sequence[Any],
        address: str = "local",
        config: str = "cluster",
        timeout: float = 0.0,
    ) -> None:
        """Start the worker `build(shard)` of each shard, whose text names it in errors.

        `address` is that of the Ray to join: "local" starts one on this machine, "auto" joins the running one.
        `config` is the config section of `workers` and `address` that errors name. `timeout` is how many seconds a
        worker may be silent, or work on a call, before it is replaced; 0 derives it from the calls so far, see
        `Patience`. Raises WorkersError if no Ray starts or answers, or it has too few cores.
        """
        self._build = build
        self._shards = list(shards)
        self._address = address
        self._patience = Patience(timeout)
        self._clock = WaitClock(3 * WATCH_SECONDS)
        self._stopping = False
        self._workers: list[WatchedWorker] = []
        self._ray = connect(address, len(self._shards), config)
        with self._ray:  # closed if a worker cannot be started
            self._workers = [self._start(index) for index in range(len(self._shards))]
            self._ray = self._ray.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers and the Ray that was started for them."""
        with self._ray:
            for worker in self._workers:
                worker.kill()

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Return the answers of all workers, in order of their shards; each argument is sent once per node.

        Raises WorkersError if workers fail one after another, or if Ray does, WorkersStoppedError, see `stop`, and the
        error of a worker.
        """
        require_running()
        try:
            sent = [ray.put(argument) for argument in arguments]
        except (RayError, OSError) as error:
            raise _ray_failed(error) from error
        return self._ask("call", method, *sent)

    def places(self) -> list[Place]:
        """Return the place of each worker, once it is built."""
        self._ask("build")
        return self._ask("place")

    def stop(self) -> None:
        """Let calls raise WorkersStoppedError rather than wait for a worker that hangs or died.

        It may be called by a signal handler, while a call is being answered.
        """
        self._stopping = True

    def describe(self) -> str:
        """Return nodes and memory of the workers, for people, and a second line if a stranger could join their Ray."""
        places = self.places()
        nodes = Counter((place.node, place.address) for place in places)
        shared = Counter(address for _, address in nodes)
        counts = ", ".join(
            f"{address}{f' ({node[:8]})' if shared[address] > 1 else ''}: {count}"
            for (node, address), count in nodes.items()
        )
        memory = max(place.memory for place in places) / 1e6
        said = f"{len(places)} workers of one thread (nodes: {counts}), each of up to {memory:.0f} MB"
        return said + self._warning()

    def _warning(self) -> str:
        """Return a line that warns of an open cluster, or nothing."""
        if self._address == "local" or all(self._ask("asks_token")):
            return ""
        return (
            f"\nwarning: the Ray at {self._address!r} asks for no token: any machine that reaches its ports can run "
            "programs on it; docs/cluster.md says how to close it"
        )

    def _start(self, index: int) -> WatchedWorker:
        """Return a new worker of a shard; each node gets one before any gets its second, as far as cores go."""
        cores = sorted(
            (core, node["NodeID"])
            for node in ray.nodes()
            if node["Alive"]
            for core in range(int(node["Resources"].get("CPU", 0)))
        )
        if not cores:
            raise WorkersError("no node of the cluster is left")
        _, node = cores[index % len(cores)]
        return WatchedWorker(self._build, index, self._shards[index], node, self._clock.read())

    def _ask(self, method: str, *arguments: Any) -> list[Any]:
        """Return the answer of each worker; one that dies or hangs is replaced and asked again."""
        try:
            return self._answers(method, arguments)
        except RayError as error:
            if isinstance(error, RayTaskError) and not isinstance(error, FULL):
                raise  # the worker's own
            raise _ray_failed(error) from error

    def _answers(self, method: str, arguments: Sequence[Any]) -> list[Any]:
        waiting, answers, faults = dict(enumerate(self._workers)), {}, Counter[int]()
        self._clock.restart()
        for worker in self._workers:
            worker.ask(self._clock.read(), method, arguments)
        while waiting:
            ray.wait([worker.pending for worker in waiting.values()], num_returns=len(waiting), timeout=WATCH_SECONDS)
            require_running()
            for index, worker in list(waiting.items()):
                try:
                    ready, answer = worker.answer()
                    if ready:
                        answers[index] = answer
                        del waiting[index]
                        self._note_duration(worker, method)
                    else:
                        self._require_progress(worker)
                except WorkerFaultError as fault:
                    faults[index] += 1
                    waiting[index] = self._replace(index, fault, faults[index])
                    waiting[index].ask(self._clock.read(), method, arguments)
        return [answers[index] for index in range(len(self._workers))]

    def _note_duration(self, worker: WatchedWorker, method: str) -> None:
        """Take account of the duration of a call, of which the workers' limits follow."""
        duration = worker.duration(self._clock.read()) if method == "call" else None
        if duration is not None:
            self._patience.note(duration)

    def _require_progress(self, worker: WatchedWorker) -> None:
        silence = worker.require_progress(self._clock.read(), self._patience)
        if self._stopping and silence > STOP_SECONDS:
            raise WorkersStoppedError(f"{worker} has given no sign of life for {silence:.0f} s")

    def _replace(self, index: int, fault: WorkerFaultError, faults: int) -> WatchedWorker:
        """Return a new worker in place of one that has failed so many times over one call."""
        worker = self._workers[index]
        said = f"{worker} {fault}"
        worker.kill()
        if self._stopping:
            raise WorkersStoppedError(said) from fault
        if faults >= ATTEMPTS:
            raise WorkersError(f"{ATTEMPTS} workers failed in turn over {self._shards[index]}; {said}") from fault
        logger.warning("%s; a new one takes its place and does its work again", said)
        self._workers[index] = self._start(index)
        return self._workers[index]


def _ray_failed(error: BaseException) -> WorkersError:
    """Return an error that says in one line what Ray lacks."""
    remedy = "free space in /dev/shm and in Ray's temporary folder, or " if isinstance(error, FULL) else ""
    return WorkersError(f"Ray failed: {first_line(error)}; {remedy}run with training.workers=0, which needs no Ray")
