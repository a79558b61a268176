"""The group of the next aggressor: a model of the opponents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rllib.auxiliary.task import HorizonTask, broadcast_to_seats, group_of_seats
from marl_market.agents.rollout import Floats
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.market.validation import require

NO_TRADE = -1.0


@dataclass(frozen=True)
class Aggressor(HorizonTask):
    """The index of the group that takes first within the horizon; the last class is that of no trade.

    Groups are kinds of traders, so that this predicts the opponents' next action (as He et al. 2016, arXiv:1609.05559).
    The identity of an aggressor is not public: the target is privileged, for learning only, and the policy does not
    observe it.

    Attributes:
        groups: names of the groups whose trades count, as where the background takes all the time; empty: all.
    """

    groups: Sequence[str] = ()

    def classes(self, environment: EnvironmentSpec) -> int:
        """Return the number of groups and one more; raises ValueError for a name of no group."""
        names = [group.name for group in environment.groups]
        require(set(self.groups) <= set(names), "auxiliary Aggressor.groups", self.groups, f"some of {names}")
        return len(names) + 1

    def record_inputs(self, batch: BatchMarket, seats: slice) -> NDArray[Any]:
        """Return the group that took first in the last step, of those that count; `NO_TRADE` where none did."""
        groups, markets = batch.environment.groups, range(batch.markets.size)
        for number in markets:
            batch.keep_events(number)
        logs = [batch.events_of(number) for number in markets]
        events, market = np.concatenate(logs), np.repeat(markets, [log.size for log in logs])
        group = np.asarray(group_of_seats(batch.environment))[events["seat"]]
        taken = (events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)
        taken &= np.array([not self.groups or each.name in self.groups for each in groups])[group]
        first = np.full(len(markets), NO_TRADE, np.float32)
        traded, place = np.unique(market[taken], return_index=True)
        first[traded] = group[taken][place]
        return broadcast_to_seats(first, seats)

    def targets(self, inputs: Floats, environment: EnvironmentSpec, group: str) -> Floats:
        """Return the class of each decision."""
        following = np.full_like(inputs, len(environment.groups))
        for steps in range(self.horizon, 0, -1):
            later = inputs[steps:]
            following[: len(later)] = np.where(later == NO_TRADE, following[: len(later)], later)
        following[len(inputs) - self.horizon :] = np.nan
        return following
