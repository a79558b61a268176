"""A trader who takes at random times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.position_target import take_at_any_price
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.random_streams import poisson, uniform
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def take(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy or sell at market, at the times of a Poisson process."""
    for _ in range(min(16, poisson(seat, params.value[0]))):
        take_at_any_price(seat, 1 if uniform(seat) < 0.5 else -1, int(params.value[1]), params.value[2])
    return DECIDED


@dataclass(frozen=True)
class Noise:
    """Trade for reasons of one's own: the liquidity traders of Glosten and Milgrom (1985) and Kyle (1985).

    Sees: nothing.
    Does: buys or sells `size` at market with an even chance, at the times of a Poisson process.

    Attributes:
        rate: orders a second of each seat.
        size: quantity of each order, in size scales of the market.
        auction: whether it trades in call auctions, which take no market orders: then limit orders at any price.
    """

    trader = take
    observes = False
    warms_up = True
    params_per_market = False
    rate: float = 0.1
    size: float = 1.0
    auction: bool = False

    def __post_init__(self) -> None:
        for name in ("rate", "size"):
            require(getattr(self, name) > 0, f"noise.{name}", getattr(self, name), "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the mean orders a step, the size in lots and whether they go to an auction."""
        return (self.rate * spec.step_seconds, spec.lots(self.size), self.auction)
