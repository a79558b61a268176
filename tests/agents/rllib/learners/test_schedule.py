"""Settings that change over a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete
from ray.rllib.core import DEFAULT_MODULE_ID

from marl_market.agents.interfaces import RunLength
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.learners.schedule import Schedule
from tests.agents.rllib.algorithms.test_ppo import assert_equal_states
from tests.agents.rllib.synthetic import ACTION, OBSERVATION_SIZE, collect

STEPS, ROWS = 8, 8
SESSION = STEPS * ROWS
"""Steps of a session of all markets, one seat each."""

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def build(agent: Any, seats: int = 1) -> Any:
    space = Discrete(3) if isinstance(agent, DQN) else ACTION
    return agent.build(GroupSpec(OBSERVATION_SIZE, space, STEPS, seats=seats), seed=3)


def played(learner: Any, seed: int) -> Any:
    return collect(learner, np.random.default_rng(seed), STEPS, ROWS)


@pytest.mark.parametrize(
    ("value", "env_steps", "wanted"),
    [
        (0.5, 10_000, 0.5),
        ([[0, 1.0], [100, 0.0]], 25, 0.75),
        ([[0, 1.0], [100, 0.0]], 1000, 0.0),
        ([[0, 1.0], [0.5, 0.2], [1, 0.0]], 250, 0.6),
        ([[0, 1.0], [0.5, 0.2], [1, 0.0]], 750, 0.1),
    ],
)
def test_it_is_linear_between_points_in_steps_or_in_fractions_of_the_run(
    value: Any, env_steps: int, wanted: float
) -> None:
    assert Schedule.of(value).value(env_steps, run_steps=1000) == pytest.approx(wanted)


@pytest.mark.parametrize("agent", [PPO, APPO])
def test_settings_follow_their_schedules_and_are_metrics(agent: Any) -> None:
    learner = build(
        agent(
            hidden=(8,),
            learning_rate=[[0, 0.01], [2 * SESSION, 0.001]],
            entropy_coefficient=[[0, 0.1], [1, 0.0]],
            clip=[[0, 0.3], [4 * SESSION, 0.1]],
        )
    )
    learner.begin_run(RunLength(iterations=4, markets=ROWS, session_steps=STEPS))
    for number, (rate, entropy, clip) in enumerate(
        [(0.01, 0.1, 0.3), (0.0055, 0.075, 0.25), (0.001, 0.05, 0.2), (0.001, 0.025, 0.15)]
    ):
        metrics = learner.learn(played(learner, number))
        rllib = learner._rllib_learner
        assert [metrics[name] for name in ("learning_rate", "entropy_coefficient", "clip")] == pytest.approx(
            [rate, entropy, clip]
        )
        (optimizer,) = rllib._named_optimizers.values()
        assert [part["lr"] for part in optimizer.param_groups] == pytest.approx([rate])
        assert rllib.entropy_coeff_schedulers_per_module[DEFAULT_MODULE_ID].get_current_value() == pytest.approx(
            entropy
        )
        assert rllib.config.get_config_for_module(DEFAULT_MODULE_ID).clip_param == pytest.approx(clip)


def test_a_learning_rate_near_zero_moves_nothing() -> None:
    learner = build(PPO(hidden=(8,), learning_rate=[[0, 1e-12], [10, 1e-12], [SESSION, 0.01]]))
    before = learner.policy().weights.copy()
    learner.learn(played(learner, 0))
    np.testing.assert_allclose(learner.policy().weights, before, atol=1e-9)
    learner.learn(played(learner, 1))
    assert np.abs(learner.policy().weights - before).max() > 1e-3


def test_a_resumed_learner_goes_on_at_its_place_in_the_schedule() -> None:
    agent, run = PPO(hidden=(8,), learning_rate=[[0, 0.01], [1, 0.0001]]), RunLength(3, ROWS, STEPS)
    learner, other = build(agent), build(agent)
    learner.begin_run(run), other.begin_run(run)
    learner.learn(played(learner, 0))
    other.set_state(learner.get_state())
    metrics = learner.learn(played(learner, 1))
    assert other.learn(played(other, 1)) == metrics
    assert metrics["learning_rate"] == pytest.approx(0.01 - 0.0099 / 3)
    assert_equal_states(learner.get_state(), other.get_state())


def test_steps_are_those_of_markets_and_not_of_seats() -> None:
    learner = build(PPO(hidden=(8,), clip=[[0, 0.3], [SESSION // 2, 0.1]]), seats=2)
    learner.learn(played(learner, 0))
    assert learner.env_steps == SESSION // 2
    assert learner.learn(played(learner, 1))["clip"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("agent", "name", "optimizers"),
    [
        (DQN, "learning_rate", ["default_optimizer"]),
        (SAC, "policy_learning_rate", ["policy"]),
        (SAC, "value_learning_rate", ["qf", "qf_twin"]),
        (SAC, "temperature_learning_rate", ["alpha"]),
    ],
)
def test_off_policy_learners_have_scheduled_rates(agent: Any, name: str, optimizers: list[str]) -> None:
    fields = {"hidden": (8,), "learning_starts": 0, "decisions_per_update": SESSION, "batch_size": 8}
    learner = build(agent(**fields, **{name: [[0, 0.01], [SESSION, 0.002]]}))
    rllib = learner._rllib_learner
    for wanted in (0.01, 0.002):
        learner._apply_schedules()
        learner.env_steps += SESSION
        for optimizer in optimizers:
            (part,) = rllib._named_optimizers[f"{DEFAULT_MODULE_ID}_{optimizer}"].param_groups
            assert part["lr"] == pytest.approx(wanted)


def test_fractions_of_a_run_of_unknown_length_are_refused() -> None:
    learner = build(PPO(hidden=(8,), clip=[[0, 0.3], [1, 0.1]]))
    with pytest.raises(RuntimeError, match=r"\[\[0.0, 0.3\], \[1.0, 0.1\]\] is over fractions .* call begin_run"):
        learner.learn(played(learner, 0))


@pytest.mark.parametrize(
    "value",
    [
        [], [[0, 0.1]], [[1, 0.1], [2, 0.2]], [[0, 0.1], [0, 0.2]], [[0, 0.1], [5, 0.2], [4, 0.1]], [[0, 0.1], [1, -1]],
        [0.1, 0.2], [[0, 0.1, 3], [1, 0.1]], "fast", [[0, "a"], [1, 0.1]], {"0": 0.1}, float("nan"), True, 1e6,
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match=r"PPO\.learning_rate is .* it must be a number above zero and up to 1, or a"):
        replace(PPO(), learning_rate=value)
