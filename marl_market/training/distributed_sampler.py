"""The sampler in many processes: each worker of a cluster plays its shard of the run's markets.

A market's session follows from the run's seed, the iteration, the market's index and the weights, wherever it is
played, so a worker that died or hangs is replaced by one that plays the same shard of the same iteration again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any, Self

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.agents.interfaces import Learner, MarketShard, Opponents
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler, require_pairs
from marl_market.cluster.pool import Place, WorkerPool
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec


class SamplingWorker:
    """Plays one shard of the markets."""

    def __init__(self, environment: EnvironmentSpec, seed: int, pairs: bool, shard: MarketShard) -> None:
        """Build the shard's markets, and learners and opponents equal to those of the driver."""
        self._learners = initial_learners(environment, seed)
        self._opponents = initial_opponents(environment, seed)
        batch = BatchMarket(environment, shard.stop - shard.start)
        self._sampler = Sampler(batch, self._learners, seed, pairs, shard, self._opponents)

    def sample(self, iteration: int, weights: Mapping[str, Any], opponents: Mapping[str, Any]) -> SampledSession:
        """Play one session of every market of the shard with the driver's weights and opponents."""
        for name, learner in self._learners.items():
            learner.set_weights(weights[name])
        self._opponents.set_weights(opponents)
        return self._sampler.sample(iteration)


class DistributedSampler:
    """Samples as one `Sampler` of all markets does, in as many processes as there are workers.

    The workers end with its context.
    """

    def __init__(
        self,
        environment: EnvironmentSpec,
        markets: int,
        learners: Mapping[str, Learner],
        seed: int,
        pairs: bool,
        workers: int,
        address: str,
        opponents: Opponents | None = None,
        timeout: float = 0.0,
    ) -> None:
        """Distribute `markets` over `workers` processes of the Ray at `address`, see `WorkerPool` for `timeout`.

        `learners` (by group name) and `opponents` are those of the run. Raises ValueError for an odd number of markets
        in pairs, and WorkersError if no Ray answers or it has too few cores.
        """
        require_pairs(markets, pairs)
        self._learners = learners
        self._opponents = opponents
        build = partial(SamplingWorker, environment, seed, pairs)
        shards = shards_of(markets, workers, 2 if pairs else 1)
        self._pool = WorkerPool(build, shards, address, "training", timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End the workers."""
        self._pool.__exit__(*error)

    def sample(self, iteration: int) -> SampledSession:
        """Play one session of every market.

        Raises WorkersError if workers fail one after another or Ray does, WorkersStoppedError after `stop` if one
        hangs, and the error of a worker.
        """
        weights = {name: learner.get_weights() for name, learner in self._learners.items()}
        opponents = {} if self._opponents is None else self._opponents.get_weights()
        return SampledSession.join(self._pool.call("sample", iteration, weights, opponents))

    def stop(self) -> None:
        """Let the session that is being played, if any, be given up if a worker hangs; a signal handler may call it."""
        self._pool.stop()

    def places(self) -> list[Place]:
        """Return the place of each worker."""
        return self._pool.places()

    def describe(self) -> str:
        """Return where it samples and its memory, for people."""
        return self._pool.describe()


def shards_of(markets: int, workers: int, sharing: int) -> list[MarketShard]:
    """Return a shard per worker, as equal as possible; `sharing` markets of common random numbers stay together."""
    edges = [sharing * (markets // sharing * index // workers) for index in range(workers + 1)]
    return [MarketShard(start, stop, markets) for start, stop in pairwise(edges)]
