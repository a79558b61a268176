import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import tree

from marl_market.agents.rollout import Rollout


def columns(steps: int = 3, rows: int = 2) -> dict[str, Any]:
    return {
        "reward": np.zeros((steps, rows), np.float32),
        "active": np.ones((steps, rows), bool),
        "terminated": np.zeros((steps, rows), bool),
        "observation": np.ones((steps + 1, rows, 4), np.float32),
        "action": np.zeros((steps, rows, 2), np.float32),
        "action_mask": np.ones((steps + 1, rows, 3), np.uint8),
        "extra": {"action_logp": np.zeros((steps, rows), np.float32)},
    }


def test_a_rollout_is_a_leaf_to_rllib_and_counts_actions() -> None:
    rollout = Rollout(**columns())
    leaves = tree.flatten([rollout])
    assert len(leaves) == 1
    assert leaves[0] is rollout
    assert len(rollout) == 3 * 2
    rollout.active[1, 0] = False
    assert len(rollout) == 3 * 2 - 1


def test_a_rollout_travels_between_processes() -> None:
    rollout = Rollout(**columns())
    copy = pickle.loads(pickle.dumps(rollout))
    for field in dataclasses.fields(Rollout):
        np.testing.assert_equal(getattr(copy, field.name), getattr(rollout, field.name))


@pytest.mark.parametrize("name", [name for name in columns() if name not in ("reward", "extra")])
def test_a_column_of_another_length_is_named(name: str) -> None:
    longer = np.concatenate([columns()[name]] * 2)
    with pytest.raises(ValueError, match=f"rollout.{name} has shape"):
        Rollout(**(columns() | {name: longer}))


def test_a_reward_and_a_further_column_of_another_shape_are_named() -> None:
    with pytest.raises(ValueError, match=r"rollout.reward has shape \(3,\); it must be \(steps, rows\)"):
        Rollout(**(columns() | {"reward": np.zeros(3, np.float32)}))
    with pytest.raises(ValueError, match=r"rollout.active has shape \(3, 2\); .* must be \(6, 2\)"):
        Rollout(**(columns() | {"reward": np.zeros((6, 2), np.float32)}))
    with pytest.raises(ValueError, match=r"rollout.extra\['action_logp'\] has shape \(6, 2\)"):
        Rollout(**(columns() | {"extra": {"action_logp": np.zeros((6, 2), np.float32)}}))


def test_episodes_end_where_a_seat_leaves_and_at_the_close() -> None:
    rollout = Rollout(**columns())
    rollout.terminated[1, 0] = True
    assert rollout.done.tolist() == [[False, False], [True, False], [True, True]]
    assert not rollout.terminated[-1].any()


def test_a_policy_that_plays_inside_the_step_has_no_actions() -> None:
    given = columns()
    rollout = Rollout.without_actions(given["reward"], given["active"], given["terminated"])
    assert not rollout.has_actions
    assert Rollout(**given).has_actions
    assert len(rollout) == 3 * 2


def test_rows_are_views_of_every_column() -> None:
    rollout = Rollout(**columns())
    part = rollout.of_rows(slice(1, 2))
    part.reward[2, 0], part.observation[3, 0, 1], part.extra["action_logp"][0, 0] = 1, 2, 3
    assert part.action_mask is not None
    part.action_mask[3, 0, 2] = 0
    assert (rollout.reward[2, 1], rollout.observation[3, 1, 1], rollout.extra["action_logp"][0, 1]) == (1, 2, 3)
    assert rollout.action_mask is not None
    assert rollout.action_mask[3, 1, 2] == 0
    assert len(part) == 3
    assert (
        Rollout.without_actions(rollout.reward, rollout.active, rollout.terminated).of_rows(slice(0, 1)).action_mask
        is None
    )
