from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import ray
import torch

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.genetic_algorithm import GeneticAlgorithm
from marl_market.agents.initial_learners import initial_learners
from marl_market.agents.interfaces import MarketShard
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.momentum import Momentum
from marl_market.cluster.connection import connect
from marl_market.cluster.errors import WorkersError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.reporting.run_folder import read_metrics
from marl_market.training.distributed_sampler import DistributedSampler, shards_of
from marl_market.training.trainer import Trainer
from tests.builders import environment, market_spec

SEED, MARKETS = 3, 8
TIMES = ["seconds", "sampling_share", "env_steps_per_second", "agent_steps_per_second"]


def starts_ray(test: Callable[..., None]) -> Any:
    """Mark a test that starts Ray, which warns of itself."""
    return pytest.mark.ray(pytest.mark.filterwarnings("ignore")(test))


@pytest.fixture(scope="module")
def own_ray() -> Iterator[None]:
    """Run Ray, quietly, for all the tests that do not ask for one of their own."""
    before = torch.get_num_threads()
    prepare_process()
    with connect("local", 2):
        yield
    torch.set_num_threads(before)


def evolving(**changes: Any) -> EnvironmentSpec:
    """Return an environment of scripted and evolving groups; the latter differ in their sessions per candidate."""
    groups = (
        Group("evolution", EvolutionStrategy((4,)), 2),
        Group("genetic", EvolutionStrategy((4,), GeneticAlgorithm(), sessions=2), 1),
        Group("momentum", Momentum(), 2),
    )
    flow = environment().groups[0]
    return environment(groups=(flow, *groups), **changes)


def whole(described: EnvironmentSpec, markets: int = MARKETS) -> Sampler:
    """Return a sampler of all markets in this process."""
    return Sampler(BatchMarket(described, markets), initial_learners(described, SEED), SEED)


def workers_of(described: EnvironmentSpec, workers: int, markets: int = MARKETS) -> DistributedSampler:
    return DistributedSampler(described, markets, initial_learners(described, SEED), SEED, True, workers, "local")


def same(found: SampledSession, wanted: SampledSession, **tolerance: float) -> None:
    """Assert that two sessions are equal bit for bit, or within a tolerance."""
    for name in ("reward", "profit", "closing_profit", "fees", "spread", "trades", "price"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), **{"rtol": 0, **tolerance})
    assert found.rollouts.keys() == wanted.rollouts.keys()
    for name, rollout in found.rollouts.items():
        other = wanted.rollouts[name]
        np.testing.assert_allclose(rollout.reward, other.reward, **{"rtol": 0, **tolerance})
        assert rollout.has_actions == other.has_actions
        if other.has_actions:
            columns = {"observation", "action", "active", "terminated"}
            pairs = [(getattr(rollout, column), getattr(other, column)) for column in columns]
            pairs += [(rollout.extra[column], other.extra[column]) for column in other.extra]
            pairs += [] if other.action_mask is None else [(rollout.action_mask, other.action_mask)]
            for one, two in pairs:
                assert one.dtype == two.dtype
                assert one.flags.writeable
                np.testing.assert_allclose(one, two, **{"rtol": 0, **tolerance})


@pytest.mark.parametrize(
    ("markets", "workers", "sharing", "edges"),
    [(8, 1, 2, [0, 8]), (8, 3, 2, [0, 2, 4, 8]), (6, 3, 2, [0, 2, 4, 6]), (5, 2, 1, [0, 2, 5])],
)
def test_shards_are_even_and_keep_pairs_together(markets: int, workers: int, sharing: int, edges: list[int]) -> None:
    assert shards_of(markets, workers, sharing) == [
        MarketShard(start, stop, markets) for start, stop in pairwise(edges)
    ]


def in_shards(described: EnvironmentSpec, workers: int, iteration: int) -> SampledSession:
    """Return a session played shard by shard, each by learners of its own with the weights of the others."""
    shared = {name: learner.get_weights() for name, learner in initial_learners(described, SEED).items()}
    sessions = []
    for shard in shards_of(MARKETS, workers, 2):
        learners = initial_learners(described, SEED + 1)
        for name, learner in learners.items():
            learner.set_weights(shared[name])
        batch = BatchMarket(described, shard.stop - shard.start)
        sessions.append(Sampler(batch, learners, SEED, True, shard).sample(iteration))
    return SampledSession.join(sessions)


def test_compiled_policies_play_the_same_in_any_shard() -> None:
    described = evolving()
    wanted = whole(described).sample(2)
    assert np.unique(wanted.reward[:, described.seats_of("evolution")], axis=0).shape[0] > MARKETS // 2
    for workers in (1, 2, 3):
        same(in_shards(described, workers, 2), wanted)
    found = in_shards(described, 2, 2)
    for name in ("spread", "trades", "price"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_external_policies_play_the_same_but_for_rounding(learning: Callable[..., EnvironmentSpec]) -> None:
    described = learning()
    same(in_shards(described, 2, 2), whole(described).sample(2), atol=1e-4, rtol=1e-4)


def test_weights_carry_the_exploration_rate(learning: Callable[..., EnvironmentSpec]) -> None:
    described = learning()
    learners, others = initial_learners(described, SEED), initial_learners(described, SEED + 1)
    session = Sampler(BatchMarket(described, MARKETS), learners, SEED).sample(0)
    learners["dqn"].learn(session.rollouts["dqn"])
    others["dqn"].set_weights(learners["dqn"].get_weights())
    epsilon = learners["dqn"].epsilon  # type: ignore[attr-defined]
    assert others["dqn"].epsilon == epsilon < 1  # type: ignore[attr-defined]


def test_an_odd_number_of_markets_raises_before_anything_starts() -> None:
    with pytest.raises(ValueError, match=r"training\.markets is 7; markets go in pairs"):
        workers_of(evolving(), 2, markets=7)
    assert not ray.is_initialized()


def test_a_ray_that_does_not_answer_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(WorkersError, match=rf"training\.address is '{address}', and no Ray answers there: start"):
            connect(address, 1, "training")


@starts_ray
def test_workers_play_what_one_process_would(own_ray: None, learning: Callable[..., EnvironmentSpec]) -> None:
    for described, tolerance in ((evolving(), {}), (learning(), {"atol": 1e-4, "rtol": 1e-4})):
        with workers_of(described, 2) as workers:
            places = workers.places()
            for iteration in (0, 5):
                same(workers.sample(iteration), whole(described).sample(iteration), **tolerance)
            said = workers.describe()
        assert len({place.process for place in places} | {os.getpid()}) == 3
        assert all(1e8 < place.memory < 4e9 for place in places)
        assert said.startswith("2 workers of one thread (nodes: ")
        assert re.search(r": 2\), each of up to [1-9]\d\d MB$", said)


@starts_ray
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_learns_the_same_with_any_number_of_workers(
    own_ray: None, train: Callable[..., Trainer], tmp_path: Path, workers: int
) -> None:
    changes = {"groups": evolving().groups}
    sizes = {"markets": 8, "iterations": 3}
    alone = train(tmp_path / "alone", changes=changes, **sizes)
    shared = train(tmp_path / "shared", changes=changes, workers=workers, **sizes)
    for name, policy in alone.policies().items():
        np.testing.assert_array_equal(shared.policies()[name].weights, policy.weights)
    first, second = (
        read_metrics(tmp_path / each / "metrics.jsonl").drop(columns=TIMES) for each in ("alone", "shared")
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@starts_ray
def test_a_killed_worker_is_replaced_without_a_difference(own_ray: None) -> None:
    described = evolving(spec=market_spec(session_steps=3000))
    sampler = whole(described)
    with workers_of(described, 2) as workers:
        begin = time.monotonic()
        workers.sample(0)
        seconds = time.monotonic() - begin
        before = workers.places()
        # One dies in the middle of an iteration, the other between two.
        killing = threading.Timer(seconds / 3, os.kill, (before[1].process, signal.SIGKILL))
        killing.start()
        same(workers.sample(1), sampler.sample(1))
        killing.join()
        os.kill(before[0].process, signal.SIGKILL)
        same(workers.sample(2), sampler.sample(2))
        after = workers.places()
    assert not {place.process for place in before} & {place.process for place in after}


@starts_ray
def test_a_worker_that_cannot_be_built_ends_the_run_with_its_own_error(own_ray: None) -> None:
    with workers_of(evolving(), 1) as workers:
        workers._pool._shards = [MarketShard(4, 7, 8)]
        os.kill(workers.places()[0].process, signal.SIGKILL)
        with pytest.raises(ValueError, match="must be even"):
            workers.sample(0)


def test_a_worker_of_compiled_policies_needs_no_torch() -> None:
    program = (
        "import sys; import marl_market.agents.evolution.evolution_strategy, marl_market.training.distributed_sampler\n"
    )
    program += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)
