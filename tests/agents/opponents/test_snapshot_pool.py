"""Groups that play snapshots of a learning group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from marl_market.agents.initial_learners import initial_opponents
from marl_market.agents.opponents.snapshot_opponents import with_external_opponents
from marl_market.agents.opponents.snapshot_pool import ExternalHistoricalPolicies, HistoricalPolicies
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.reporting.sinks.local import LocalSink
from marl_market.training.trainer import Trainer, Training
from tests.builders import environment

LEARNER = PPO(hidden=(8,), minibatch_size=64, epochs=2, learning_rate=0.01)
LSTM = PPO(hidden=(8,), lstm_size=4, sequence_length=6, minibatch_size=64, epochs=1, learning_rate=0.01)


def population(every: int = 1, keep: int = 2, learner: PPO = LEARNER, **changes: Any) -> EnvironmentSpec:
    groups = (
        Group("noise", ZeroIntelligence(), 4),
        Group("ppo", learner, 2),
        Group("past", HistoricalPolicies("ppo", every, keep), 2),
    )
    return environment(**{"groups": groups, **changes})


def weights(batch: BatchMarket, count: int) -> np.ndarray[Any, Any]:
    """Return the weights that play in each market, (markets, count)."""
    return batch.params["weight"][batch.param_rows["past"], :count]


def test_markets_play_the_snapshots_kept_and_both_of_a_pair_the_same() -> None:
    described = population(every=2, keep=3)
    learner = described.groups[1].agent.learner(described, "ppo", 1)
    pool = described.groups[2].agent.snapshot_pool(described, "past", 1)
    batch = BatchMarket(described, 32)
    known = []
    for iteration in range(9):
        if iteration % 2 == 0:
            known.append(learner.policy().weights.copy())
        pool.update(iteration, {"ppo": learner})
        pool.at_iteration(iteration).on_episode_start(batch)
        played = weights(batch, known[0].size)
        kept = known[-3:]
        assert {row.tobytes() for row in played} <= {version.tobytes() for version in kept}
        np.testing.assert_array_equal(played[::2], played[1::2])
        change(learner)
    assert len({row.tobytes() for row in weights(batch, known[0].size)}) == 3, "sixteen pairs draw from three"
    assert pool.policy().weights.tobytes() == known[-1].tobytes()


def test_external_snapshots_play_in_pairs_of_markets_with_a_hidden_state() -> None:
    described = population(keep=3, learner=LSTM)
    learner = described.groups[1].agent.learner(described, "ppo", 1)
    described = with_external_opponents(described, {"ppo": learner})
    assert described.groups[2].agent == ExternalHistoricalPolicies("ppo", 1, 3)
    opponents, markets = initial_opponents(described, 1), 16
    snapshots = []
    for iteration in range(3):
        opponents.update(iteration, {"ppo": learner})
        snapshots.append(learner.policy())
        change(learner, 0.3)
    sampler = Sampler(BatchMarket(described, markets), {"ppo": learner}, 1, pairs=False, opponents=opponents)
    rollout = sampler.sample(0).rollouts["past"]
    played, state = set(), np.zeros((2 * markets, snapshots[0].state_size), np.float32)
    first = [snapshot.act(rollout.observation[0], state, None) for snapshot in snapshots]
    second = [
        snapshot.act(rollout.observation[1], each.state, None) for snapshot, each in zip(snapshots, first, strict=True)
    ]
    for pair in range(markets // 2):
        rows = slice(4 * pair, 4 * pair + 4)
        same = [np.allclose(each.action[rows], rollout.action[1, rows], atol=1e-5) for each in second]
        assert sum(same) == 1
        played.add(same.index(True))
    assert played == {0, 1, 2}


def change(learner: Any, step: float = 0.01) -> None:
    """Make the policy another one, as learning would."""
    with torch.no_grad():
        for parameter in learner.module.parameters():
            parameter.add_(step)


@pytest.mark.parametrize("learner", [LEARNER, LSTM], ids=["compiled", "external"])
def test_a_run_against_snapshots_resumes_as_if_it_had_never_stopped(tmp_path: Path, learner: PPO) -> None:
    sizes: dict[str, int] = {"markets": 4, "threads": 1, "evaluation_seeds": 2}

    def run(folder: Path, iterations: int, resume: bool = False) -> tuple[Trainer, str]:
        folder.mkdir(exist_ok=True)
        trainer = Trainer(population(learner=learner), Training(iterations=iterations, **sizes), 1, folder)
        if resume:
            trainer.resume()
        trainer.run("self-play", LocalSink(folder))
        return trainer, (folder / "evaluation.json").read_text()

    whole, evaluation = run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 2)
    parts, evaluation_again = run(tmp_path / "parts", 4, resume=True)
    for name, policy in whole.policies().items():
        np.testing.assert_array_equal(policy.weights, parts.policies()[name].weights)
    assert evaluation == evaluation_again
    assert whole.policies()["past"].weights.tobytes() == whole.policies()["ppo"].weights.tobytes()


@pytest.mark.parametrize(
    ("agent", "action", "complaint"),
    [
        (HistoricalPolicies("nobody"), None, r"population\.past\.agent\.group is 'nobody'.*\['ppo'\]"),
        (HistoricalPolicies("noise"), None, r"population\.past\.agent\.group is 'noise'.*\['ppo'\]"),
        (HistoricalPolicies("ppo"), LimitGrid(), r"population\.past\.action is LimitGrid.*that of ppo"),
    ],
)
def test_a_bad_group_or_action_is_named(agent: HistoricalPolicies, action: Any, complaint: str, tmp_path: Path) -> None:
    groups = [*population().groups[:2], Group("past", agent, 2, action=action)]
    with pytest.raises(ValueError, match=complaint):
        Trainer(population(groups=groups), Training(iterations=1, markets=2, threads=1), 1, tmp_path)


@pytest.mark.parametrize("field", ["snapshot_every", "pool_size"])
def test_a_bad_field_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=rf"HistoricalPolicies\.{field} is 0; it must be one or more"):
        HistoricalPolicies("ppo", **{field: 0})
