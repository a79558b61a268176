"""The close of a session: without a clock in the observation every learner bootstraps there, with one none does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT
from ray.rllib.evaluation.postprocessing import Postprocessing

from marl_market.agents.interfaces import initial_state
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.batches.advantages import discounted_returns, values_of
from marl_market.agents.rllib.batches.recurrent import closing_values
from marl_market.agents.rllib.batches.replay_buffer import transitions
from marl_market.agents.rllib.networks.recurrent_state import state_size_of, unflatten_state
from marl_market.agents.rollout import Rollout
from tests.agents.rllib.synthetic import closed_rollout

STEPS, ROWS, SIZE, CHOICES, DISCOUNT = 9, 7, 5, 3, 0.8

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def group(close_terminates: bool) -> GroupSpec:
    return GroupSpec(SIZE, Discrete(CHOICES), STEPS, close_terminates=close_terminates)


def rollout(learner: Any, close_terminates: bool) -> Rollout:
    """Return a session with inactive steps; row 0 leaves early, row 1 sleeps through the close, row 2 decides last."""
    random = np.random.default_rng(5)
    observation = random.standard_normal((STEPS + 1, ROWS, SIZE), dtype=np.float32)
    state, played = initial_state(learner, ROWS), []
    active = random.random((STEPS, ROWS)) < 0.6
    active[:, 0], active[0], active[4:, 1], active[-1, 2] = False, True, False, True
    for step in range(STEPS):
        noise = random.standard_normal((ROWS, 1), dtype=np.float32)
        decision = learner.act(observation[step], state, noise)
        state = np.where(active[step][:, None], decision.state, state)
        played.append(decision)
    terminated = np.zeros((STEPS, ROWS), bool)
    terminated[3, 0] = True
    reward = random.standard_normal((STEPS, ROWS)).astype(np.float32)
    reward[4:, 0] = 0
    action = np.stack([each.action for each in played])
    described = closed_rollout(observation, action, reward, [each.extra for each in played])
    return replace(described, active=active, terminated=terminated, close_terminates=close_terminates)


def batch_of(learner: Any, played: Rollout) -> dict[str, Any]:
    rllib = learner._rllib_learner
    found: dict[str, Any] = rllib._learner_connector(
        rl_module=rllib.module, batch={}, episodes=[played], shared_data={}
    )[DEFAULT_MODULE_ID]
    return found


def wanted_targets(played: Rollout, closing_value: Any) -> Any:
    """Return the targets of lambda 1 by a loop over decisions: what is left of the session, and the value behind it."""
    targets = []
    for row in range(ROWS):
        left = np.flatnonzero(played.terminated[:, row])
        end = int(left[0]) + 1 if left.size else STEPS
        beyond = 0.0 if left.size or played.close_terminates else float(closing_value[row])
        for step in np.flatnonzero(played.active[:, row]):
            rewards = played.reward[step:end, row]
            powers = DISCOUNT ** np.arange(len(rewards) + 1)
            targets.append(float(rewards @ powers[:-1] + beyond * powers[-1]))
    return np.sort(targets)


@pytest.mark.parametrize("lstm_size", [None, 4])
@pytest.mark.parametrize("close_terminates", [True, False])
def test_generalized_advantages_bootstrap_at_a_truncating_close(close_terminates: bool, lstm_size: int | None) -> None:
    agent = PPO(hidden=(8,), lstm_size=lstm_size, sequence_length=3, discount=DISCOUNT, gae_lambda=1.0)
    learner = agent.build(group(close_terminates), seed=1)
    played = rollout(learner, close_terminates)
    batch = batch_of(learner, played)
    found = batch[Postprocessing.VALUE_TARGETS].numpy()
    if lstm_size is not None:
        found = found[batch[Columns.LOSS_MASK].numpy()]
    wanted = wanted_targets(played, closing_values(learner.module, played))
    np.testing.assert_allclose(np.sort(found), wanted, atol=1e-5)


@pytest.mark.parametrize("lstm_size", [None, 4])
@pytest.mark.parametrize("close_terminates", [True, False])
def test_v_trace_bootstraps_at_a_truncating_close(close_terminates: bool, lstm_size: int | None) -> None:
    learner = APPO(hidden=(8,), lstm_size=lstm_size, discount=DISCOUNT).build(group(close_terminates), seed=1)
    played = rollout(learner, close_terminates)
    batch = batch_of(learner, played)
    reward, active = (batch[name].numpy().reshape(-1, STEPS) for name in (Columns.REWARDS, Columns.LOSS_MASK))
    left = DISCOUNT * (1 - batch[Columns.TERMINATEDS].numpy().reshape(-1, STEPS))
    found, target = [], np.zeros(len(reward))
    for step in reversed(range(STEPS)):
        # Without a difference between policies V-trace is the plain return.
        target = np.where(active[:, step], reward[:, step] + left[:, step] * target, target)
        found += target[active[:, step]].tolist()
    wanted = wanted_targets(played, closing_values(learner.module, played))
    np.testing.assert_allclose(np.sort(found), wanted, atol=1e-5)


@pytest.mark.parametrize("decisions", [1, 3])
@pytest.mark.parametrize("close_terminates", [True, False])
def test_transitions_terminate_at_the_close_only_where_it_does(close_terminates: bool, decisions: int) -> None:
    played = rollout(PPO(hidden=(8,)).build(group(close_terminates), seed=1), close_terminates)
    columns = transitions(played, played.action, decisions, DISCOUNT)
    wanted, row = [], np.broadcast_to(np.arange(ROWS), (STEPS, ROWS))[played.active]
    for step, own in zip(np.nonzero(played.active)[0], row, strict=True):
        later = np.flatnonzero(played.active[step + 1 :, own])
        wanted.append(len(later) < decisions and (close_terminates or own == 0))
    assert columns[Columns.TERMINATEDS].tolist() == wanted
    at_close = ~np.array(wanted) & (columns["n_step"] == STEPS - np.nonzero(played.active)[0])
    assert at_close.any() != close_terminates
    np.testing.assert_array_equal(columns[Columns.NEXT_OBS][at_close], played.observation[-1][row[at_close]])


def test_the_value_at_the_close_of_a_recurrent_critic_is_behind_all_decisions_of_its_row() -> None:
    learner = PPO(hidden=(8,), lstm_size=4, sequence_length=3).build(group(False), seed=1)
    played, module = rollout(learner, False), learner.module
    found = closing_values(module, played)
    for row in range(ROWS):
        steps = [*np.flatnonzero(played.active[:, row]), STEPS]
        given = torch.from_numpy(played.observation[steps, row])[None]
        state = unflatten_state(torch.zeros(1, state_size_of(module)))
        with torch.no_grad():
            encoded = module.encoder.critic_encoder({Columns.OBS: given, Columns.STATE_IN: state})
            wanted = module.vf(encoded[ENCODER_OUT])[0, -1, 0]
        assert found[row] == pytest.approx(float(wanted), abs=1e-6)


def test_returns_go_on_behind_a_truncating_close_by_the_value_there() -> None:
    learner = PPO(hidden=(8,)).build(group(False), seed=1)
    played = rollout(learner, False)
    value = values_of(learner.module, played.observation[-1])
    found = discounted_returns(played, DISCOUNT, value)[played.active]
    np.testing.assert_allclose(np.sort(found), wanted_targets(played, value), atol=1e-5)
    without = discounted_returns(played, DISCOUNT)[played.active]
    np.testing.assert_allclose(np.sort(without), wanted_targets(played, np.zeros(ROWS)), atol=1e-5)
