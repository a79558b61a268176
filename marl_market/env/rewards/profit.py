"""Profit and loss, marked to the market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.trader import reward
from marl_market.exchange.publication import equity_twice
from marl_market.market.spec import MarketSpec


@reward
def score(public, seat, mind):  # type: ignore[no-untyped-def]
    """Return the change of equity since the last step, fees included, over the scale."""
    twice = equity_twice(public, seat.account)
    change = twice - seat.reward_memory[0]
    seat.reward_memory[0] = twice
    return change * mind.reward_parameter[0]


@dataclass(frozen=True)
class Profit:
    """The change of cash plus position at the mark, after fees.

    A reward of 1 is the profit of `scale` price scales on one size scale.

    Attributes:
        scale: price scales times size scales that make a reward of 1.
    """

    reward = score
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"reward.scale is {self.scale}; it must be above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return rewards per cash unit of twice the equity."""
        unit = self.scale * spec.price_scale_ticks * spec.size_scale_lots * spec.cash_per_tick_lot
        return (0.5 / unit,)
