"""Who trades next: a head that models the opponents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.interfaces import Floats
from marl_market.agents.rllib.auxiliary.task import Ahead, by_seat, group_of_seats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.market.validation import require

NOBODY = -1.0


@dataclass(frozen=True)
class Aggressor(Ahead):
    """Which group makes the next trade by taking: the class is the group's number, and the last one is nobody.

    Who takes is what the others do next and, since groups are kinds of traders, which kind of them it will be (He et
    al. 2016, arXiv:1609.05559, predict opponents' actions in the same way). Nobody in the market is told who traded:
    the target is privileged, in learning only, and what the policy sees stays as it is.

    Attributes:
        groups: names of those whose trades count, as where a background takes all the time; none: all.
    """

    groups: Sequence[str] = ()

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return the number of groups and one more; raises ValueError where one that counts is not there."""
        names = [group.name for group in environment.groups]
        require(set(self.groups) <= set(names), "auxiliary Aggressor.groups", self.groups, f"some of {names}")
        return len(names) + 1

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the group that took first in the last step, of those that count, `NOBODY` where none did."""
        groups = batch.environment.groups
        counts = batch.markets["event_count"]
        events = batch.markets["event"][:, : max(1, int(counts.max()))]
        taken = (events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)
        taken &= np.arange(events.shape[1]) < counts[:, None]
        # What lies behind the count is of steps past; a seat there is one that there is.
        group = np.asarray(group_of_seats(batch.environment))[events["seat"]]
        taken &= np.array([not self.groups or each.name in self.groups for each in groups])[group]
        first = group[np.arange(len(events)), taken.argmax(axis=1)]
        return by_seat(np.where(taken.any(1), first, NOBODY).astype(np.float32), seats)

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the class of each decision."""
        following = np.full_like(inputs, len(environment.groups))
        for steps in range(self.horizon, 0, -1):
            then = inputs[steps:]
            following[: len(then)] = np.where(then == NOBODY, following[: len(then)], then)
        following[len(inputs) - self.horizon :] = np.nan
        return following
