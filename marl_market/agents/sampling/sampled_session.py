"""The data of one sampled session of every market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Rollout
from marl_market.env.step.replays import ReplayResults

MARKET_AXIS = "market_axis"
"""Metadata key of a field: the axis of its array that runs over the markets, by which sessions are joined."""


@dataclass(frozen=True, eq=False)
class SampledSession:
    """Rollouts, balances, orders and prices of one session of every market.

    Attributes:
        rollouts: of each group that has an actor, by name.
        reward: (markets, seats) sum of rewards.
        profit: (markets, seats) cash plus position at the mark at the close, in cash units, after fees.
        closing_profit: (markets, seats) cash plus what the position would bring if it were closed then, likewise.
        fees: (markets, seats) fees paid less rebates, in cash units.
        fills: (markets, seats) number of fills.
        orders: (markets, seats) orders and replacements sent; this and the next three as of `OrderCounts`.
        rejections: (markets, seats, reasons) those rejected.
        ordered_lots: (markets, seats) quantity ordered.
        traded_lots: (markets, seats) quantity bought and sold.
        spread: (steps, markets) spread in ticks, NaN while a side is not quoted or quotes cross.
        trades: (steps, markets) number of trades.
        price: (steps, markets) reference price in ticks.
        tape: (steps, markets) TAPE_ROW records; of size 0 unless a group's `session_reward` needs it.
        replay: of recorded messages; None where no market replays any.
    """

    rollouts: Mapping[str, Rollout]
    reward: NDArray[np.float64] = field(metadata={MARKET_AXIS: 0})
    profit: NDArray[np.float64] = field(metadata={MARKET_AXIS: 0})
    closing_profit: NDArray[np.float64] = field(metadata={MARKET_AXIS: 0})
    fees: NDArray[np.int64] = field(metadata={MARKET_AXIS: 0})
    fills: NDArray[np.int64] = field(metadata={MARKET_AXIS: 0})
    orders: NDArray[np.int64] = field(metadata={MARKET_AXIS: 0})
    rejections: NDArray[np.int64] = field(metadata={MARKET_AXIS: 0})
    ordered_lots: NDArray[np.int64] = field(metadata={MARKET_AXIS: 0})
    traded_lots: NDArray[np.int64] = field(metadata={MARKET_AXIS: 0})
    spread: NDArray[np.float64] = field(metadata={MARKET_AXIS: 1})
    trades: NDArray[np.int64] = field(metadata={MARKET_AXIS: 1})
    price: NDArray[np.float64] = field(metadata={MARKET_AXIS: 1})
    tape: NDArray[np.void] = field(metadata={MARKET_AXIS: 1})
    replay: ReplayResults | None = None

    @classmethod
    def join(cls, sessions: Sequence[SampledSession]) -> SampledSession:
        """Return one session of the markets of all `sessions`, in their order."""
        rollouts = {name: Rollout.join([each.rollouts[name] for each in sessions]) for name in sessions[0].rollouts}
        columns = {
            column.name: np.concatenate([getattr(each, column.name) for each in sessions], column.metadata[MARKET_AXIS])
            for column in fields(cls)
            if MARKET_AXIS in column.metadata
        }
        replays = [each.replay for each in sessions if each.replay is not None]
        return cls(rollouts, **columns, replay=ReplayResults.join(replays) if replays else None)
