"""An adversary that sets the drift of the fundamental value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader


@trader
def set_drift(public, seat, params):  # type: ignore[no-untyped-def]
    """Set the drift against the position that the makers must hold."""
    seat.agent.memory[0] += public.step_lots[1] - public.step_lots[0]
    seat.agent.drift = 0.0
    if seat.agent.memory[0] > 0.0:
        seat.agent.drift = -params.value[0]
    elif seat.agent.memory[0] < 0.0:
        seat.agent.drift = params.value[0]
    return DECIDED


@dataclass(frozen=True)
class DriftAdversary:
    """Set the drift that costs the makers most (Spooner and Savani 2020). For robustness research only.

    Sees: the volume that aggressors bought and sold, whose counterparty the makers are.
    Does: sets the drift of the fundamental value to -b where the makers are long and b where they are short; never
        trades. The value moves the price through the orders of informed traders, or is the price where it is published.

    Attackers serve to measure the robustness of other agents in simulation; not for use in any real market.

    Attributes:
        drift: b, in price scales of the market a session.
    """

    trader = set_drift
    traits = Traits(moves_fundamental=True)
    drift: float = 5.0

    def __post_init__(self) -> None:
        require(self.drift >= 0, "drift_adversary.drift", self.drift, "zero or more")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the drift in ticks a step."""
        return (self.drift * spec.price_scale_ticks / spec.session_steps,)
