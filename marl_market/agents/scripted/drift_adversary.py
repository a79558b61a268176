"""An adversary that picks the drift of the fundamental value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def steer(public, seat, params):  # type: ignore[no-untyped-def]
    """Let the value drift against the position that the makers must have."""
    seat.agent.memory[0] += public.step_lots[1] - public.step_lots[0]
    seat.agent.drift = 0.0
    if seat.agent.memory[0] > 0.0:
        seat.agent.drift = -params.value[0]
    elif seat.agent.memory[0] < 0.0:
        seat.agent.drift = params.value[0]
    return DECIDED


@dataclass(frozen=True)
class DriftAdversary:
    """Pick the drift that hurts the makers most (Spooner and Savani 2020). For robustness research only.

    Sees: the volume that aggressors bought and sold, whose other side the makers hold.
    Does: sets the drift of the fundamental value to -b where the makers are long and b where they are short; it never
        trades. The value moves the price by way of those who are informed, or is the price where it is published.

    An attacker is in the simulator to measure how robust others are to it; it is not meant for any real market.

    Attributes:
        drift: b, in price scales of the market a session.
    """

    trader = steer
    observes = False
    warms_up = False
    params_per_market = False
    moves_fundamental = True
    drift: float = 5.0

    def __post_init__(self) -> None:
        require(self.drift >= 0, "drift_adversary.drift", self.drift, "zero or more")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the drift in ticks a step."""
        return (self.drift * spec.price_scale_ticks / spec.session_steps,)
