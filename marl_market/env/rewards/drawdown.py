"""Penalty for a large drawdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.schemes import money_scale
from marl_market.env.interface.signatures import reward
from marl_market.exchange.publication import twice_profit
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return minus the penalty in the step in which the drawdown passes its limit, else zero."""
    memory = seat.agent.reward_memory[part]
    twice = twice_profit(public, seat.account)
    if twice > memory[0]:
        memory[0] = twice
        memory[1] = 0.0
    elif memory[1] == 0.0 and memory[0] - twice > params.reward_value[part, 0]:
        memory[1] = 1.0
        return -params.reward_value[part, 1]
    return 0.0


@dataclass(frozen=True)
class Drawdown:
    """A penalty when equity falls too far below the session's peak.

    The peak is the highest equity of the session, its start included. The penalty is charged once, in the step in
    which the drawdown passes `share` of `capital`, and again only after a new peak: a seat below its peak is not
    charged in each step.

    Attributes:
        weight: of this part in the reward.
        capital: nominal capital of the seat, in price scales times size scales.
        share: largest drawdown without a penalty, as a share of the capital.
        penalty: charge for a larger one.
    """

    reward = score
    weight: float = 1.0
    capital: float = 40.0
    share: float = 0.25
    penalty: float = 10.0

    def __post_init__(self) -> None:
        for name in ("capital", "share", "penalty"):
            require(getattr(self, name) > 0, f"reward.drawdown.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the largest fall of twice the equity in cash units, and the penalty."""
        return (2.0 * self.share * self.capital * money_scale(spec), self.penalty)
