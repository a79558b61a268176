import numpy as np
import pytest

from marl_market.agents.rllib.batches.replay_buffer import ReplayBuffer, transitions
from marl_market.agents.rollout import Rollout

STEPS, ROWS, DISCOUNT = 5, 2, 0.5


def rollout_of_numbers(masked: bool = False) -> Rollout:
    """Return a session whose observations are the numbers of step and row."""
    step, row = np.meshgrid(np.arange(STEPS + 1), np.arange(ROWS), indexing="ij")
    observation = np.stack([step, row], axis=2).astype(np.float32)
    mask = (10 * step + row)[:, :, None].astype(np.uint8) if masked else None
    reward = (2.0 ** np.arange(STEPS))[:, None].repeat(ROWS, axis=1).astype(np.float32)
    active, terminated = np.ones((STEPS, ROWS), np.bool_), np.zeros((STEPS, ROWS), np.bool_)
    return Rollout(reward, active, terminated, observation, np.zeros((STEPS, ROWS, 1), np.float32), mask)


@pytest.mark.parametrize("n_step", [1, 3, 9])
def test_a_transition_reaches_as_far_as_the_lookahead_and_the_close_allow(n_step: int) -> None:
    rollout = rollout_of_numbers(masked=True)
    columns = transitions(rollout, rollout.action, n_step, DISCOUNT)
    assert {len(values) for values in columns.values()} == {STEPS * ROWS}
    for place in range(STEPS * ROWS):
        step, row = columns["obs"][place].tolist()
        count = int(min(n_step, STEPS - step))
        assert columns["new_obs"][place].tolist() == [step + count, row]
        assert columns["next_action_mask"][place].tolist() == [10 * (step + count) + row]
        assert columns["n_step"][place] == count
        assert columns["terminateds"][place] == (step + count == STEPS)
        assert columns["rewards"][place] == sum(DISCOUNT**later * 2 ** (step + later) for later in range(count))
        assert columns["weights"][place] == 1


@pytest.mark.parametrize("n_step", [1, 2, 9])
def test_a_transition_goes_from_one_decision_to_another_and_never_behind_an_end(n_step: int) -> None:
    rollout = rollout_of_numbers(masked=True)
    # Row 0 is inactive in steps 1, 2 and at the close; row 1 arrives in step 1 and leaves in step 3.
    rollout.active[:] = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0]], bool).T
    rollout.terminated[3, 1] = True
    columns = transitions(rollout, rollout.action, n_step, DISCOUNT)
    reached = {
        1: {(0, 0): (3, False), (3, 0): (5, True), (1, 1): (2, False), (2, 1): (4, True)},
        2: {(0, 0): (5, True), (3, 0): (5, True), (1, 1): (4, True), (2, 1): (4, True)},
    }[min(n_step, 2)]
    found = [tuple(observed) for observed in columns["obs"].astype(int).tolist()]
    assert sorted(found) == sorted(reached)
    for place, (step, row) in enumerate(found):
        end, terminated = reached[step, row]
        assert columns["new_obs"][place].tolist() == [end, row]
        assert columns["next_action_mask"][place].tolist() == [10 * end + row]
        assert columns["n_step"][place] == end - step
        assert columns["terminateds"][place] == terminated
        assert columns["rewards"][place] == sum(DISCOUNT**later * 2 ** (step + later) for later in range(end - step))


def numbered(first: int, count: int) -> dict[str, np.ndarray]:
    return {"number": np.arange(first, first + count), "wide": np.ones((count, 3), np.float32)}


def test_the_oldest_make_room_in_order() -> None:
    replay = ReplayBuffer(6)
    replay.add(numbered(0, 4))
    assert len(replay) == 4
    assert set(replay.sample(200, np.random.default_rng(0))["number"].tolist()) == {0, 1, 2, 3}
    replay.add(numbered(4, 5))
    assert len(replay) == 6
    drawn = replay.sample(3000, np.random.default_rng(0))
    assert drawn["wide"].shape == (3000, 3)
    values, counts = np.unique(drawn["number"], return_counts=True)
    assert values.tolist() == [3, 4, 5, 6, 7, 8]
    assert counts.min() > 400
    replay.add(numbered(100, 20))
    assert set(replay.sample(200, np.random.default_rng(0))["number"].tolist()) == set(range(114, 120))


def test_a_resumed_ring_goes_on_as_if_never_stopped() -> None:
    replay, resumed = ReplayBuffer(6), ReplayBuffer(6)
    replay.add(numbered(0, 4))
    for _ in range(2):  # once before it is full, once after
        state = replay.get_state()
        resumed.set_state(state)
        for each in (replay, resumed):
            each.add(numbered(50, 4))
        first, second = (each.sample(50, np.random.default_rng(1))["number"] for each in (replay, resumed))
        np.testing.assert_array_equal(first, second)
        assert 50 not in state["columns"]["number"][:4] or state["written"] > 4
