import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import tree

from marl_market.agents.rllib.batches.rollout import Rollout


def columns(steps: int = 3, rows: int = 2) -> dict[str, Any]:
    truncated = np.zeros((steps, rows), bool)
    truncated[1, 0] = True
    return {
        "observation": np.ones((steps + 1, rows, 4), np.float32),
        "action": np.zeros((steps, rows, 2), np.float32),
        "action_logp": np.zeros((steps, rows), np.float32),
        "action_dist_inputs": np.zeros((steps, rows, 4), np.float32),
        "reward": np.zeros((steps, rows), np.float32),
        "decided": np.ones((steps, rows), bool),
        "terminated": np.zeros((steps, rows), bool),
        "truncated": truncated,
        "final_observation": np.ones((1, 4), np.float32),
        "final_step": np.array([1]),
        "final_row": np.array([0]),
    }


def test_a_rollout_is_a_leaf_to_rllib_and_counts_decisions() -> None:
    rollout = Rollout(**columns())
    leaves = tree.flatten([rollout])
    assert len(leaves) == 1
    assert leaves[0] is rollout
    assert len(rollout) == 3 * 2


def test_a_rollout_travels_between_processes() -> None:
    rollout = Rollout(**columns())
    copy = pickle.loads(pickle.dumps(rollout))
    for field in dataclasses.fields(Rollout):
        np.testing.assert_array_equal(getattr(copy, field.name), getattr(rollout, field.name))


@pytest.mark.parametrize("name", [name for name in columns() if name not in ("action", "final_step")])
def test_a_column_of_another_length_is_named(name: str) -> None:
    longer = np.concatenate([columns()[name]] * 2)
    with pytest.raises(ValueError, match=f"rollout.{name} has shape"):
        Rollout(**(columns() | {name: longer}))


@pytest.mark.parametrize("name", ["observation", "reward", "final_observation"])
def test_a_value_that_is_not_finite_is_named_with_its_place(name: str) -> None:
    column = columns()[name]
    column[-1, 1] = np.nan
    with pytest.raises(ValueError, match=rf"rollout.{name}\[{len(column) - 1}, 1.*\] is nan"):
        Rollout(**(columns() | {name: column}))


@pytest.mark.parametrize(("step", "row"), [(1, 1), (2, 0)])
def test_a_final_observation_of_another_row_is_refused(step: int, row: int) -> None:
    with pytest.raises(ValueError, match="final_step and final_row"):
        Rollout(**(columns() | {"final_step": np.array([step]), "final_row": np.array([row])}))


def test_a_step_that_terminates_and_truncates_needs_no_final_observation() -> None:
    changed = {
        "terminated": columns()["truncated"],
        "final_observation": np.ones((0, 4), np.float32),
        "final_step": np.zeros(0, np.int64),
        "final_row": np.zeros(0, np.int64),
    }
    assert len(Rollout(**(columns() | changed))) == 6
    with pytest.raises(ValueError, match="1 ends that are not the 0"):
        Rollout(**(columns() | {"terminated": columns()["truncated"]}))
