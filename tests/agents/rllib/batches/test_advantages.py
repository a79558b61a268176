from typing import Any

import numpy as np
import pytest
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.postprocessing.value_predictions import compute_value_targets

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.batches.advantages import GAEConnector, generalized_advantages
from marl_market.agents.rollout import Rollout
from tests.agents.rllib.synthetic import ACTION, OBSERVATION_SIZE, collect

DISCOUNT, GAE_LAMBDA = 0.97, 0.9


def columns_of_episodes(seed: int = 0, steps: int = 40, rows: int = 7) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    value = random.standard_normal((steps + 1, rows)).astype(np.float32)
    terminated = random.random((steps, rows)) < 0.08
    truncated = random.random((steps, rows)) < 0.08
    return {
        "value": value[:-1],
        "next_value": np.where(truncated, random.standard_normal((steps, rows)), value[1:]).astype(np.float32),
        "reward": random.standard_normal((steps, rows)).astype(np.float32),
        "active": np.ones((steps, rows), bool),
        "terminated": terminated,
        "truncated": truncated,
    }


def test_advantages_equal_the_sum_of_equation_16() -> None:
    columns = columns_of_episodes()
    expected = np.empty_like(columns["reward"])
    steps, rows = expected.shape
    for row in range(rows):
        for start in range(steps):
            total, weight = 0.0, 1.0
            for step in range(start, steps):
                following = 0.0 if columns["terminated"][step, row] else columns["next_value"][step, row]
                total += weight * (columns["reward"][step, row] + DISCOUNT * following - columns["value"][step, row])
                weight *= DISCOUNT * GAE_LAMBDA
                if columns["terminated"][step, row] or columns["truncated"][step, row]:
                    break
            expected[start, row] = total
    advantage = generalized_advantages(**columns, discount=DISCOUNT, gae_lambda=GAE_LAMBDA)
    assert advantage.dtype == np.float32
    np.testing.assert_allclose(advantage, expected, atol=1e-5)


def test_advantages_equal_those_of_rllib() -> None:
    columns = columns_of_episodes(seed=1)
    advantage = generalized_advantages(**columns, discount=DISCOUNT, gae_lambda=GAE_LAMBDA)
    for row in range(advantage.shape[1]):
        value, following, reward, _, terminated, truncated = (column[:, row] for column in columns.values())
        ends = terminated | truncated
        ends[-1] = True
        # RLlib sees one step more at the end of each episode, whose value is that of the final observation.
        place = np.flatnonzero(ends) + 1
        targets = compute_value_targets(
            np.insert(value, place, following[ends]),
            np.insert(reward, place, 0.0),
            np.insert(terminated.astype(np.float32), place, 0.0),
            np.insert(ends.astype(np.float32), place, 1.0),
            DISCOUNT,
            GAE_LAMBDA,
        )
        theirs = np.delete(targets, place + np.arange(len(place))) - value
        np.testing.assert_allclose(advantage[:, row], theirs, atol=1e-5)


def episodes_of(rollout: Rollout) -> list[SingleAgentEpisode]:
    """Cut a rollout into RLlib's episode objects, row by row."""
    episodes = []
    for row in range(rollout.reward.shape[1]):
        start = 0
        for step in np.flatnonzero(rollout.done[:, row]).tolist():
            taken = slice(start, step + 1)
            episode = SingleAgentEpisode(
                observations=list(rollout.observation[start : step + 2, row]),
                actions=list(rollout.action[taken, row]),
                rewards=list(rollout.reward[taken, row]),
                terminated=True,
                extra_model_outputs={name: list(values[taken, row]) for name, values in rollout.extra.items()},
                len_lookback_buffer=0,
            )
            episodes.append(episode.to_numpy())
            start = step + 1
    return episodes


def test_the_batch_equals_that_of_rllibs_own_pipeline() -> None:
    learner = PPO(discount=DISCOUNT, gae_lambda=GAE_LAMBDA).build(GroupSpec(OBSERVATION_SIZE, ACTION), seed=3)
    rollout = collect(learner, np.random.default_rng(4), end_probability=0.1)
    module = learner._rllib_learner.module
    ours = GAEConnector(DISCOUNT, GAE_LAMBDA)(rl_module=module, batch={}, episodes=[rollout])

    spaces = {DEFAULT_MODULE_ID: (module[DEFAULT_MODULE_ID].observation_space, module[DEFAULT_MODULE_ID].action_space)}
    stock: Any = PPOConfig().training(gamma=DISCOUNT, lambda_=GAE_LAMBDA).build_learner(spaces=spaces)
    theirs = stock._learner_connector(
        rl_module=module, batch={}, episodes=episodes_of(rollout), shared_data={}, metrics=stock.metrics
    )[DEFAULT_MODULE_ID]
    real = theirs[Columns.LOSS_MASK]

    batch = ours[DEFAULT_MODULE_ID]
    assert len(batch[Columns.OBS]) == len(rollout) == int(real.sum())
    mine, other = (
        columns[Columns.OBS][:, 0].argsort() for columns in (batch, {Columns.OBS: theirs[Columns.OBS][real]})
    )
    for column in batch:
        if column != Postprocessing.ADVANTAGES:
            np.testing.assert_allclose(batch[column][mine], theirs[column][real][other], atol=1e-5, err_msg=column)
    # RLlib standardizes with the steps it has added, which then count for nothing: equal up to scale and shift.
    advantage, scaled = batch[Postprocessing.ADVANTAGES][mine], theirs[Postprocessing.ADVANTAGES][real][other]
    assert np.corrcoef(advantage, scaled)[0, 1] > 1 - 1e-6
    assert abs(float(advantage.mean())) < 1e-6
    assert float(advantage.std()) == pytest.approx(1, abs=1e-3)


def test_a_decision_has_the_rewards_of_all_steps_until_the_next() -> None:
    """By hand: one row is inactive in steps 1 and 2, one arrives in step 1 and leaves in step 3, inactive."""
    active = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]], np.bool_)
    terminated = np.array([[0, 0], [0, 0], [0, 0], [0, 1], [1, 1]], np.bool_)
    reward = np.array([[1.0, 0.0], [2.0, 3.0], [4.0, 5.0], [8.0, 7.0], [16.0, 0.0]], np.float32)
    value = np.array([[0.5, 9.0], [9.0, 0.25], [9.0, 0.75], [1.5, 9.0], [2.5, 9.0]], np.float32)
    next_value = np.concatenate([value[1:], np.full((1, 2), 9.0, np.float32)])
    advantage = generalized_advantages(
        value, next_value, reward, active, terminated, np.zeros_like(terminated), discount=0.5, gae_lambda=0.8
    )
    # First row: steps 4, 3, then 0 with the rewards of three steps and step 3 discounted by 1/8.
    last = 16.0 - 2.5
    third = 8.0 + 0.5 * 2.5 - 1.5 + 0.5 * 0.8 * last
    first = 1.0 + 0.5 * 2.0 + 0.25 * 4.0 + 0.125 * 1.5 - 0.5 + 0.125 * 0.8 * third
    np.testing.assert_allclose(advantage[[0, 3, 4], 0], [first, third, last], rtol=1e-6)
    # Second row: step 2 earns that of step 3 too, and nothing follows.
    second = 5.0 + 0.5 * 7.0 - 0.75
    before = 3.0 + 0.5 * 0.75 - 0.25 + 0.5 * 0.8 * second
    np.testing.assert_allclose(advantage[[1, 2], 1], [before, second], rtol=1e-6)


def test_a_truncation_in_an_inactive_step_has_the_value_of_its_final_observation() -> None:
    """After the truncation comes another episode, which begins with inactive steps."""
    active, truncated = np.array([[1], [0], [0], [1]], np.bool_), np.array([[0], [1], [0], [0]], np.bool_)
    reward, value = (
        np.array([[1.0], [2.0], [64.0], [4.0]], np.float32),
        np.array([[0.5], [9.0], [9.0], [0.0]], np.float32),
    )
    next_value = np.array([[9.0], [6.0], [9.0], [0.0]], np.float32)
    advantage = generalized_advantages(
        value, next_value, reward, active, np.zeros_like(truncated), truncated, discount=0.5, gae_lambda=0.8
    )
    assert advantage[0, 0] == 1.0 + 0.5 * (2.0 + 0.5 * 6.0) - 0.5


def test_only_decisions_reach_the_batch() -> None:
    learner = PPO().build(GroupSpec(OBSERVATION_SIZE, ACTION), seed=3)
    rollout = collect(learner, np.random.default_rng(4))
    rollout.active[:] = np.random.default_rng(5).random(rollout.active.shape) < 0.4
    connector = GAEConnector(DISCOUNT, GAE_LAMBDA)
    batch = connector(rl_module=learner._rllib_learner.module, batch={}, episodes=[rollout])[DEFAULT_MODULE_ID]
    assert {len(values) for values in batch.values()} == {len(rollout)} == {int(rollout.active.sum())}
    observed = rollout.observation[:-1][rollout.active]
    assert np.array_equal(np.sort(batch[Columns.OBS].numpy(), axis=0), np.sort(observed, axis=0))


def test_several_rollouts_make_one_batch() -> None:
    learner = PPO().build(GroupSpec(OBSERVATION_SIZE, ACTION), seed=3)
    random = np.random.default_rng(4)
    rollouts = [collect(learner, random, rows=rows) for rows in (2, 3)]
    connector = GAEConnector(DISCOUNT, GAE_LAMBDA)
    batch = connector(rl_module=learner._rllib_learner.module, batch={}, episodes=rollouts)[DEFAULT_MODULE_ID]
    assert {len(values) for values in batch.values()} == {16 * 5}


def test_neighbors_in_time_are_no_neighbors_in_the_batch() -> None:
    learner = PPO().build(GroupSpec(OBSERVATION_SIZE, ACTION), seed=3)
    rollout = collect(learner, np.random.default_rng(4), steps=64, rows=4)
    rollout.observation[:, :, 0] = np.arange(65)[:, None]
    connector = GAEConnector(DISCOUNT, GAE_LAMBDA)
    batch = connector(rl_module=learner._rllib_learner.module, batch={}, episodes=[rollout])[DEFAULT_MODULE_ID]
    step = batch[Columns.OBS][:, 0].numpy()
    assert abs(np.corrcoef(step[:-1], step[1:])[0, 1]) < 0.3


def test_a_learner_of_two_modules_is_rejected() -> None:
    module = PPO().build(GroupSpec(OBSERVATION_SIZE, ACTION), seed=3).module
    several = MultiRLModule()
    several.add_module("first", module)
    several.add_module("second", module)
    with pytest.raises(ValueError, match=r"\['first', 'second'\]"):
        GAEConnector(DISCOUNT, GAE_LAMBDA)(rl_module=several, episodes=[])
