"""A learner that cannot learn under its settings is refused, and one that does not says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.imitation.behavior_cloning import BehaviorCloning
from marl_market.agents.independent_learners import build_learner
from marl_market.agents.initial_learners import initial_learners
from marl_market.agents.interfaces import RunLearner, RunLength
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.learners.learner import IDLE_SESSIONS
from marl_market.agents.rollout import Rollout
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.env.population.group import Group
from tests.agents.rllib.synthetic import closed_rollout
from tests.builders import environment

STEPS, ROWS = 4, 4
SMALL: dict[str, Any] = {"hidden": (8,), "batch_size": 8, "learning_starts": 0, "decisions_per_update": 8}

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def build(**fields: Any) -> Any:
    return DQN(**{**SMALL, **fields}).build(GroupSpec(2, Discrete(3), STEPS, name="own"), seed=1)


def session(active: bool = True) -> Rollout:
    random = np.random.default_rng(0)
    observation = random.standard_normal((STEPS + 1, ROWS, 2)).astype(np.float32)
    reward = random.standard_normal((STEPS, ROWS)).astype(np.float32)
    played = closed_rollout(observation, np.zeros((STEPS, ROWS, 1), np.float32), reward, [{}] * STEPS)
    played.active[:] = active
    return played


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            {"capacity": 99, "learning_starts": 200, "batch_size": 64},
            "capacity is 99; it must be 200 or more: learn",
        ),
        ({"capacity": 99, "learning_starts": 0, "batch_size": 128}, "capacity is 99; it must be 128 or more"),
    ],
)
def test_a_replay_buffer_that_is_too_small_is_refused(fields: dict[str, Any], complaint: str) -> None:
    for kind in (DQN, SAC):
        with pytest.raises(ValueError, match=rf"{kind.__name__}\.{complaint}"):
            kind(**fields)


@pytest.mark.parametrize(
    ("fields", "run", "complaint"),
    [
        ({"learning_starts": 200}, (2, 4), "learning_starts is 200 and the run has at most 32 decisions"),
        ({"decisions_per_update": 64}, (2, 4), "decisions_per_update is 64 and the run has at most 32 decisions"),
        ({"n_step": 5}, (100, 4), "n_step is 5 and a session has 4 steps"),
        ({}, (100, 4), None),
    ],
)
def test_settings_that_do_not_fit_the_run_are_warned_of(
    fields: dict[str, Any], run: Any, complaint: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    build(**fields).begin_run(RunLength(*run, session_steps=STEPS))
    assert len(caplog.messages) == (complaint is not None)
    assert all(message.startswith(f"population.own: {complaint}") for message in caplog.messages)


@pytest.mark.parametrize(
    ("fields", "active", "reason"),
    [
        ({"learning_starts": 1000}, True, "the replay buffer holds 80 of learning_starts=1000 decisions"),
        ({"decisions_per_update": 500}, True, "80 decisions so far of decisions_per_update=500"),
        ({}, False, "no agent of the group was active"),
    ],
)
def test_a_learner_without_an_update_says_why_once(
    fields: dict[str, Any], active: bool, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    learner = build(**fields)
    for _ in range(IDLE_SESSIONS + 3):
        assert learner.learn(session(active))["updates"] == 0
    assert caplog.messages == [f"population.own: no update in {IDLE_SESSIONS} sessions: {reason}"]


def test_decisions_left_over_at_the_close_count_for_the_next_session() -> None:
    learner, other = build(decisions_per_update=24), build(decisions_per_update=24)
    updates = [learner.learn(session())["updates"] for _ in range(6)]
    assert updates == [0, 1, 2, 2, 3, 4], "16 decisions a session, 24 an update"
    other.set_state(learner.get_state())
    assert other.learn(session()) == learner.learn(session())


def test_a_run_that_has_no_whole_pairs_of_candidates_is_refused_when_it_is_built() -> None:
    groups = [Group("evolving", EvolutionStrategy((4,), sessions=3), 1)]
    with pytest.raises(ValueError, match=r"training\.markets is 8; it must be a multiple of 6"):
        initial_learners(environment(groups), 1, RunLength(10, 8, 12))
    assert initial_learners(environment(groups), 1, RunLength(10, 12, 12))
    cloned = [Group("evolving", BehaviorCloning(groups[0].agent, AvellanedaStoikov()), 1)]
    with pytest.raises(ValueError, match="a multiple of 6"):
        initial_learners(environment(cloned), 1, RunLength(10, 8, 12))


def test_learners_of_single_seats_take_the_length_of_the_run() -> None:
    group = Group("own", PPO(hidden=(4,), clip=[[0, 0.2], [1, 0.1]]), 2, parameter_sharing=False)
    learner = build_learner(environment([group]), group, 1)
    assert isinstance(learner, RunLearner)
    learner.begin_run(RunLength(2, 4, 12))
    own: Any = learner
    assert [each.settings.seats for each in own._learners] == [1, 1]
    assert all(each._run == RunLength(2, 4, 12) for each in own._learners)


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        (PPO, {"learning_rate": 1e6}, "learning_rate is 1000000.0; it must be a number above zero and up to 1"),
        (PPO, {"hidden": 64}, "hidden is 64; it must be a list of one or more whole widths"),
        (PPO, {"hidden": (64, 2.5)}, "hidden is .* whole widths"),
        (PPO, {"hidden": "64"}, "hidden is '64'"),
        (PPO, {"epochs": 1.5}, "epochs is 1.5; it must be a whole number, 1 or more"),
        (PPO, {"clip": "wide"}, "clip is 'wide'"),
        (PPO, {"discount": "high"}, "discount is 'high'; it must be a number in"),
        (PPO, {"entropy_coefficient": float("inf")}, "entropy_coefficient is inf"),
        (PPO, {"normalize_returns": "yes"}, "normalize_returns is 'yes'; it must be true or false"),
        (PPO, {"minibatch_size": True}, "minibatch_size is True"),
        (DQN, {"learning_rate": 2}, "learning_rate is 2"),
        (DQN, {"capacity": 1e5}, "capacity is 100000.0; it must be a whole number"),
        (SAC, {"value_learning_rate": 1e6}, "value_learning_rate is 1000000.0"),
        (SAC, {"target_entropy": float("nan")}, "target_entropy is nan"),
    ],
)
def test_values_out_of_range_or_of_another_type_are_named(kind: Any, fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{complaint}"):
        kind(**fields)
