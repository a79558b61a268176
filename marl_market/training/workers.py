"""The sampler in many processes: Ray actors, each of which plays its portion of the run's markets.

What a market lives through follows from the run's seed, the iteration, the market's number and the minds, wherever it
is played. So a worker that died is replaced by one that plays the same portion of the same iteration again.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import ray
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import DistributedActor, MarketShard
from marl_market.agents.sampling.sampler import Sampler, Session, require_pairs
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec

LOST = (NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError)
"""What Ray raises where a worker, or what it returned, is gone."""
ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""What keeps numba, torch and NumPy of a worker on one core: where cores are busy, a second thread is a brake."""
LIVES = 3
"""Workers that may die over one portion of one iteration before the run gives up."""


class WorkersError(OSError):
    """There is no cluster to join, it is too small, or workers die as fast as they are replaced."""


class Place(NamedTuple):
    """Where a worker runs: Ray's name and the address of its node, its process, and its peak memory in bytes."""

    node: str
    address: str
    process: int
    memory: int


class Worker:
    """Plays one portion of the markets, on one core."""

    def __init__(self, environment: EnvironmentSpec, seed: int, pairs: bool, shard: MarketShard) -> None:
        """Build the portion's markets, and minds born as those of the driver."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver's to heed, who still wants this iteration
        self._actors: dict[str, DistributedActor] = {
            **initial_learners(environment, seed),
            **initial_opponents(environment, seed),
        }
        batch = BatchMarket(environment, shard.stop - shard.start)
        self._sampler = Sampler(batch, self._actors, seed, pairs, shard)

    def sample(self, iteration: int, shared: Mapping[str, Any]) -> Session:
        """Play one session of every market of the portion by the minds that the driver shared."""
        for name, actor in self._actors.items():
            actor.set_weights(shared[name])
        return self._sampler.sample(iteration)

    def place(self) -> Place:
        """Return where this runs and what it takes."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = peak if sys.platform == "darwin" else 1024 * peak
        return Place(ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address(), os.getpid(), memory)


class Workers:
    """Samples as one `Sampler` of all markets would, in as many processes as there are workers.

    Workers begin with the object and end with its context; so does the Ray they run on, unless it was there before.
    """

    def __init__(
        self,
        environment: EnvironmentSpec,
        markets: int,
        actors: Mapping[str, DistributedActor],
        seed: int,
        pairs: bool,
        workers: int,
        address: str,
    ) -> None:
        """Share out `markets`; `actors` are those of the run, by group name, `address` is of the Ray to join.

        "local" starts one on this machine, "auto" joins the one there is. Raises ValueError for an odd number of
        markets where they go in pairs, WorkersError where there is no Ray to join or it has too few cores.
        """
        require_pairs(markets, pairs)
        self._born_with = environment, seed, pairs
        self._actors = actors
        self._portions = shards_of(markets, workers, 2 if pairs else 1)
        self._owns_ray = not ray.is_initialized()
        if self._owns_ray:
            connect(address, workers)
        self._workers = [self._born(number) for number in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers and what was started for them."""
        for worker in self._workers:
            ray.kill(worker)
        if self._owns_ray:
            ray.shutdown()

    def sample(self, iteration: int) -> Session:
        """Play one session in every market.

        Raises WorkersError where workers die one after another, and what a worker raises.
        """
        shared = ray.put({name: actor.get_weights() for name, actor in self._actors.items()})
        return join_sessions(self._ask("sample", iteration, shared))

    def places(self) -> list[Place]:
        """Return where each worker runs."""
        return self._ask("place")

    def describe(self) -> str:
        """Return where it samples and what that takes, for people."""
        places = self.places()
        nodes = Counter((place.node, place.address) for place in places)
        shares = ", ".join(f"{address}: {count}" for (_, address), count in nodes.items())
        memory = max(place.memory for place in places) / 1e6
        return f"{len(places)} workers of one thread (nodes: {shares}), each of up to {memory:.0f} MB"

    def _born(self, number: int) -> Any:
        """Return a new worker for a portion; each node gets one before any gets its second, as far as cores go."""
        cores = sorted(
            (core, node["NodeID"])
            for node in ray.nodes()
            if node["Alive"]
            for core in range(int(node["Resources"].get("CPU", 0)))
        )
        _, node = cores[number % len(cores)]
        # Softly, and it asks for no core of its own: where a node is lost, the others take its workers on.
        place = NodeAffinitySchedulingStrategy(node, soft=True)
        actor = ray.remote(Worker).options(scheduling_strategy=place, runtime_env={"env_vars": ONE_THREAD})
        return actor.remote(*self._born_with, self._portions[number])

    def _ask(self, method: str, *arguments: Any) -> list[Any]:
        """Return what each worker answers; one that dies is replaced and asked again."""
        pending = [getattr(worker, method).remote(*arguments) for worker in self._workers]
        return [self._answer(number, answer, method, arguments) for number, answer in enumerate(pending)]

    def _answer(self, number: int, pending: Any, method: str, arguments: tuple[Any, ...]) -> Any:
        for _ in range(LIVES):
            try:
                return ray.get(pending)
            except LOST as error:
                last = error
            ray.kill(self._workers[number])
            self._workers[number] = self._born(number)
            pending = getattr(self._workers[number], method).remote(*arguments)
        shard = self._portions[number]
        raise WorkersError(
            f"{LIVES} workers died in turn over markets {shard.start} to {shard.stop - 1}; the last one: {last}"
        ) from last


def connect(address: str, workers: int) -> None:
    """Start Ray on this machine, or join the one at `address`; raises WorkersError where that has too few cores."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
        return
    try:
        if address != "auto":  # Ray itself would knock for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()
        ray.init(address, **quiet)
    except OSError as error:
        raise WorkersError(
            f"training.address is {address!r}, and no Ray answers there: start one with `ray start --head`, or run "
            "with training.address=local"
        ) from error
    cores = int(ray.cluster_resources().get("CPU", 0))
    if workers > cores:
        ray.shutdown()
        raise WorkersError(f"training.workers is {workers}; the cluster at {address!r} has {cores} cores")


def shards_of(markets: int, workers: int, sharing: int) -> list[MarketShard]:
    """Return a portion for each worker, as equal as they can be, that part no `sharing` markets of one luck."""
    edges = [sharing * (markets // sharing * number // workers) for number in range(workers + 1)]
    return [MarketShard(start, stop, markets) for start, stop in pairwise(edges)]


def join_sessions(sessions: Sequence[Session]) -> Session:
    """Return the sessions of all markets, given those of each portion in turn."""
    first = sessions[0]
    whole = {name: np.concatenate([getattr(each, name) for each in sessions]) for name in ("reward", "profit", "fees")}
    steps = {name: _join([getattr(each, name) for each in sessions]) for name in ("spread", "trades", "price")}
    rollouts = {name: _join([each.rollouts[name] for each in sessions]) for name in first.rollouts}
    return Session(rollouts, **whole, **steps)


def _join(parts: Sequence[Any]) -> Any:
    """Return arrays (T, R, ...) as one along R, and what holds such arrays with each of them joined."""
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, np.ndarray):
        return np.concatenate(parts, axis=1)
    if isinstance(first, Mapping):
        return {key: _join([part[key] for part in parts]) for key in first}
    return type(first)(**{each.name: _join([getattr(part, each.name) for part in parts]) for each in fields(first)})
