"""A pool of worker processes on a Ray cluster, for any class of worker and any shard of work.

A worker must answer from its shard and the arguments of the call alone: one that dies is replaced by another of the
same shard, which is asked again.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import ray
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

LOST = (NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError)
"""Errors of Ray for a lost worker or a lost answer."""
ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Environment of a worker: numba, torch and NumPy stay on one core, since more threads than cores are slower."""
ATTEMPTS = 3
"""Workers that may die over one call before the pool gives up."""


class WorkersError(OSError):
    """There is no cluster to join, it has too few cores, or workers die as fast as they are replaced."""


class Place(NamedTuple):
    """Where a worker runs: Ray's name and the address of its node, its process, and its peak memory in bytes."""

    node: str
    address: str
    process: int
    memory: int


class Host:
    """The process of one worker."""

    def __init__(self, build: Callable[[Any], Any], shard: Any) -> None:
        """Build the worker of a shard."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the driver, which still wants the answer
        self._worker = build(shard)

    def call(self, method: str, *arguments: Any) -> Any:
        """Return the answer of a method of the worker."""
        return getattr(self._worker, method)(*arguments)

    def place(self) -> Place:
        """Return where this process runs and its memory."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = peak if sys.platform == "darwin" else 1024 * peak
        return Place(ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address(), os.getpid(), memory)


class WorkerPool:
    """Workers of one core each, placed evenly over the nodes of a cluster.

    Workers begin with the object and end with its context; so does the Ray they run on, unless it ran before.
    """

    def __init__(
        self, build: Callable[[Any], Any], shards: Sequence[Any], address: str = "local", config: str = "cluster"
    ) -> None:
        """Start the worker `build(shard)` of each shard, whose text names it in errors.

        `address` is that of the Ray to join: "local" starts one on this machine, "auto" joins the running one.
        `config` is the config section of `workers` and `address` that errors name. Raises WorkersError if no Ray
        answers or it has too few cores.
        """
        self._build = build
        self._shards = list(shards)
        self._owns_ray = not ray.is_initialized()
        if self._owns_ray:
            connect(address, len(self._shards), config)
        self._hosts = [self._start(index) for index in range(len(self._shards))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers and the Ray that was started for them."""
        for host in self._hosts:
            ray.kill(host)
        if self._owns_ray:
            ray.shutdown()

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Return the answers of all workers, in order of their shards; each argument is sent once per node.

        Raises WorkersError if workers die one after another, and the error of a worker.
        """
        sent = [ray.put(argument) for argument in arguments]
        return self._ask("call", method, *sent)

    def places(self) -> list[Place]:
        """Return the place of each worker."""
        return self._ask("place")

    def describe(self) -> str:
        """Return nodes and memory of the workers, for people."""
        places = self.places()
        nodes = Counter((place.node, place.address) for place in places)
        counts = ", ".join(f"{address}: {count}" for (_, address), count in nodes.items())
        memory = max(place.memory for place in places) / 1e6
        return f"{len(places)} workers of one thread (nodes: {counts}), each of up to {memory:.0f} MB"

    def _start(self, index: int) -> Any:
        """Return a new worker of a shard; each node gets one before any gets its second, as far as cores go."""
        cores = sorted(
            (core, node["NodeID"])
            for node in ray.nodes()
            if node["Alive"]
            for core in range(int(node["Resources"].get("CPU", 0)))
        )
        _, node = cores[index % len(cores)]
        # Softly, and without a core reserved: if a node is lost, the others take over its workers.
        placement = NodeAffinitySchedulingStrategy(node, soft=True)
        host = ray.remote(Host).options(scheduling_strategy=placement, runtime_env={"env_vars": ONE_THREAD})
        return host.remote(self._build, self._shards[index])

    def _ask(self, method: str, *arguments: Any) -> list[Any]:
        """Return the answer of each host; one that dies is replaced and asked again."""
        pending = [getattr(host, method).remote(*arguments) for host in self._hosts]
        return [self._answer(index, answer, method, arguments) for index, answer in enumerate(pending)]

    def _answer(self, index: int, pending: Any, method: str, arguments: tuple[Any, ...]) -> Any:
        for _ in range(ATTEMPTS):
            try:
                return ray.get(pending)
            except LOST as error:
                last = error
            ray.kill(self._hosts[index])
            self._hosts[index] = self._start(index)
            pending = getattr(self._hosts[index], method).remote(*arguments)
        raise WorkersError(
            f"{ATTEMPTS} workers died in turn over {self._shards[index]}; the last one: {last}"
        ) from last


def connect(address: str, workers: int, config: str = "cluster") -> None:
    """Start Ray on this machine, or join the one at `address`; raises WorkersError if it has too few cores."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
        return
    try:
        if address != "auto":  # Ray itself would retry for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()
        ray.init(address, **quiet)
    except OSError as error:
        raise WorkersError(
            f"{config}.address is {address!r}, and no Ray answers there: start one with `ray start --head`, or run "
            f"with {config}.address=local"
        ) from error
    cores = int(ray.cluster_resources().get("CPU", 0))
    if workers > cores:
        ray.shutdown()
        raise WorkersError(f"{config}.workers is {workers}; the cluster at {address!r} has {cores} cores")
