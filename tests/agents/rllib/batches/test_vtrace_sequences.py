from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from ray.rllib.algorithms.impala.torch.vtrace_torch_v2 import make_time_major, vtrace_torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.batches.advantages import generalized_advantages
from marl_market.agents.rllib.batches.vtrace_sequences import entries_of
from marl_market.agents.rollout import Rollout
from tests.agents.answers import answer
from tests.agents.rllib.synthetic import OBSERVATION_SIZE, closed_rollout

STEPS, ROWS, CHOICES, DISCOUNT = 12, 9, 4, 0.7


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def rollout_with_inactive_steps(learner: Any) -> Rollout:
    """Return a rollout with inactive steps; row 0 never decides and row 1 leaves early."""
    random = np.random.default_rng(3)
    observation = random.standard_normal((STEPS + 1, ROWS, OBSERVATION_SIZE), dtype=np.float32)
    played = [
        answer(
            learner, observed, random.standard_normal((ROWS, 1), dtype=np.float32), np.ones((ROWS, CHOICES), np.uint8)
        )
        for observed in observation[:-1]
    ]
    active = random.random((STEPS, ROWS)) < 0.4
    active[:, 0], active[0, 1:], active[5:, 1] = False, True, False
    terminated = np.zeros((STEPS, ROWS), bool)
    terminated[6, 1] = True
    reward = random.standard_normal((STEPS, ROWS)).astype(np.float32)
    reward[7:, 1] = 0
    action = np.stack([each.action for each in played])
    return replace(
        closed_rollout(
            observation, action, reward, [each.extra for each in played], np.ones((STEPS, ROWS, CHOICES), np.uint8)
        ),
        active=active,
        terminated=terminated,
    )


def test_v_trace_of_decisions_equals_generalized_advantages_of_the_steps() -> None:
    learner = APPO(discount=DISCOUNT).build(GroupSpec(OBSERVATION_SIZE, Discrete(CHOICES), STEPS), seed=1)
    rollout = rollout_with_inactive_steps(learner)
    rllib = learner._rllib_learner
    batch = rllib._learner_connector(rl_module=rllib.module, batch={}, episodes=[rollout])[DEFAULT_MODULE_ID]
    assert len(batch[Columns.OBS]) == entries_of(rollout) == (ROWS - 1) * STEPS
    assert batch[Columns.LOSS_MASK].sum() == len(rollout)
    module = learner.module
    with torch.no_grad():
        value = module.compute_values({Columns.OBS: torch.from_numpy(rollout.observation)}).numpy()
        batch_value = module.compute_values(batch)
    columns = [
        make_time_major(column, trajectory_len=STEPS)
        for column in (batch_value, batch[Columns.REWARDS], batch[Columns.TERMINATEDS], batch[Columns.LOSS_MASK])
    ]
    values, reward, terminated, active = columns
    same = torch.zeros_like(values)
    target, _ = vtrace_torch(
        target_action_log_probs=same,
        behaviour_action_log_probs=same,
        discounts=(1.0 - terminated.float()) * DISCOUNT * active.float(),
        rewards=reward,
        values=values,
        bootstrap_values=same[0],
    )
    # Without a difference between the policies V-trace is the plain return: generalized advantages of lambda 1.
    done = rollout.done
    advantage = generalized_advantages(
        value[:-1], value[1:], rollout.reward, rollout.active, done, np.zeros_like(done), DISCOUNT, 1.0
    )
    wanted = (advantage + value[:-1])[rollout.active]
    np.testing.assert_allclose(np.sort(target[active].numpy()), np.sort(wanted), atol=1e-5)


@pytest.mark.parametrize("minibatch_rows", [3, 100])
def test_appo_learns_from_rows_with_inactive_steps(minibatch_rows: int) -> None:
    agent = APPO(discount=DISCOUNT, minibatch_rows=minibatch_rows)
    learner = agent.build(GroupSpec(OBSERVATION_SIZE, Discrete(CHOICES), STEPS), seed=1)
    metrics = learner.learn(rollout_with_inactive_steps(learner))
    assert np.isfinite(list(metrics.values())).all()
