"""From one decision of a row to the next: what it brought on the way and how long it took.

A row is one seat of one market. It decides only where it is in the market and awake, so that what follows a decision
is worth discount ** (steps to the next one): the action is an option in the sense of Sutton, Precup and Singh 1999
("Between MDPs and semi-MDPs").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Floats

Flags = NDArray[np.bool_]
Steps = NDArray[np.int64]


def following_decision(decided: Flags, ended: Flags, decisions: int = 1) -> Steps:
    """Return, for each step, that of the row's decision so many decisions on, (T, R).

    Where the row's episode ends before, it is the step behind the end: the episode has ended there.

    Args:
        decided: whether a step began with a decision, (T, R).
        ended: whether the episode ended for good in the step, (T, R); in the last step it has to.
        decisions: one or more.
    """
    count = len(decided)
    following = np.empty(decided.shape, np.int64)
    for step in range(count - 1, -1, -1):
        following[step] = step + 1
        if step + 1 < count:
            waits = ~ended[step] & ~decided[step + 1]
            following[step] = np.where(waits, following[step + 1], step + 1)
    reached = following
    for _ in range(1, min(decisions, count)):
        on = np.take_along_axis(following, np.minimum(reached, count - 1), axis=0)
        reached = np.where(ends(ended, reached), reached, on)
    return reached


def ends(ended: Flags, following: Steps) -> Flags:
    """Return whether what `following_decision` returned is behind an end, (T, R)."""
    return np.take_along_axis(ended, following - 1, axis=0)


def gained(reward: Floats, elapsed: Steps, discount: float) -> Floats:
    """Return the discounted sum of the rewards of `elapsed` steps from each step on, (T, R) as both arguments are."""
    total = np.zeros_like(reward)
    for later in range(int(elapsed.max(initial=0))):
        worth = np.float32(discount**later) * reward[later:]
        total[: len(reward) - later] += np.where(elapsed[: len(reward) - later] > later, worth, np.float32(0))
    return total
