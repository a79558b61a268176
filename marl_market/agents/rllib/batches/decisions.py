"""The steps between the decisions of a row, and the discounted rewards of those steps.

A row is one seat of one market. It decides only in steps in which its agent is active, so that the value after a
decision is discounted by discount ** (steps to the next one): the action is an option in the sense of Sutton, Precup
and Singh 1999 ("Between MDPs and semi-MDPs").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Flags, Floats

Steps = NDArray[np.int64]


def following_decision(active: Flags, done: Flags, decisions: int = 1) -> Steps:
    """Return, for each step, the step of the row's decision `decisions` later, (T, R).

    Where the row's episode ends before, it is the step after the end.

    Args:
        active: steps with a decision, (T, R).
        done: last steps of episodes, (T, R); the last step of all is one.
        decisions: one or more.
    """
    count = len(active)
    following = np.empty(active.shape, np.int64)
    for step in range(count - 1, -1, -1):
        following[step] = step + 1
        if step + 1 < count:
            inactive = ~done[step] & ~active[step + 1]
            following[step] = np.where(inactive, following[step + 1], step + 1)
    reached = following
    for _ in range(1, min(decisions, count)):
        later = np.take_along_axis(following, np.minimum(reached, count - 1), axis=0)
        reached = np.where(ends(done, reached), reached, later)
    return reached


def ends(done: Flags, following: Steps) -> Flags:
    """Return whether the steps of `following_decision` are after the end of an episode, (T, R)."""
    return np.take_along_axis(done, following - 1, axis=0)


def discounted_rewards(reward: Floats, elapsed: Steps, discount: float) -> Floats:
    """Return the discounted sum of the rewards (T, R) of `elapsed` (T, R) steps from each step on, (T, R)."""
    total = np.zeros_like(reward)
    for later in range(int(elapsed.max(initial=0))):
        discounted = np.float32(discount**later) * reward[later:]
        total[: len(reward) - later] += np.where(elapsed[: len(reward) - later] > later, discounted, np.float32(0))
    return total
