"""Differential of a running Sharpe ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import reward
from marl_market.env.rewards.money_reward import MoneyReward
from marl_market.exchange.publication import twice_profit
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@reward
def score(public, seat, params, part):  # type: ignore[no-untyped-def]
    """Return dS/d(adaptation) at the step's profit R, with A and B the running means of R and of its square."""
    adaptation = params.reward_value[part, 1]
    memory = seat.agent.reward_memory[part]
    twice = twice_profit(public, seat.account)
    profit = (twice - memory[0]) * params.reward_value[part, 0]
    mean_change = profit - memory[1]
    square_change = profit * profit - memory[2]
    variance = max(memory[2] - memory[1] * memory[1], params.reward_value[part, 2])
    result = (memory[2] * mean_change - 0.5 * memory[1] * square_change) / (variance * math.sqrt(variance))
    memory[0] = twice
    memory[1] += adaptation * mean_change
    memory[2] += adaptation * square_change
    return result


@dataclass(frozen=True)
class DifferentialSharpe(MoneyReward):
    """The differential Sharpe ratio of the profit marked to the market, after fees.

    D = (B dA - A dB / 2) / (B - A^2)^(3/2), where A and B are exponential averages of a step's profit and of its
    square, dA and dB the distances of the new profit and of its square from them (Moody and Saffell 2001, "Learning
    to trade via direct reinforcement", equation 12). A session starts from A = B = 0, so its first reward is 0. The
    variance is kept above `least_deviation` squared: after calm steps the ratio would otherwise have no bound.

    Attributes (weight as of `MoneyReward`; its scale makes a profit of 1):
        adaptation: weight of a new step in the averages.
        least_deviation: lower bound of the standard deviation of a step's profit, in the same unit.
    """

    reward = score
    name = "differential_sharpe"
    adaptation: float = 0.01
    least_deviation: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.adaptation < 1, f"reward.{self.name}.adaptation", self.adaptation, "between 0 and 1")
        deviation = self.least_deviation
        require(deviation > 0, f"reward.{self.name}.least_deviation", deviation, "above zero")

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return the profit of one cash unit of twice the equity, the adaptation and the least variance."""
        return (0.5 / self.cash_units(spec), self.adaptation, self.least_deviation**2)
