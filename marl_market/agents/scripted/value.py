"""A trader with a noisy opinion of what the traded thing is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.exchange.random_streams import normal, uniform
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@trader
def trade(public, seat, params):  # type: ignore[no-untyped-def]
    """Now and then look at the value, and offer to trade at a gain on it."""
    table = params.value
    if uniform(seat) >= table[0]:
        return DECIDED
    side = 1 if uniform(seat) < 0.5 else -1
    estimate = seat.agent.signal + table[1] * normal(seat)
    shade = table[2] + (table[3] - table[2]) * uniform(seat)
    cancel_all(seat)
    if side * seat.account.position < table[5]:
        submit_limit(seat, side, estimate - side * shade, int(table[4]))
    return DECIDED


@dataclass(frozen=True)
class Value:
    """Trade on a noisy signal of the fundamental value (the background traders of Wah, Wright and Wellman 2017).

    Sees: the fundamental value plus a normal error, its own position.
    Does: at the times of a Poisson process, replaces its order by one of a random side at a surplus demanded of the
        estimate, drawn evenly between `least_shade` and `most_shade`; where that crosses the touch it trades at once.
        Never holds more than `position_limit`.

    Attributes:
        rate: looks a second.
        noise: standard deviation of the error, in price scales of the market.
        least_shade: least surplus it demands, in price scales of the market.
        most_shade: most surplus it demands, in price scales of the market.
        size: quantity of each order, in size scales of the market.
        position_limit: position at which it stops to add to it, in orders of that size.
    """

    trader = trade
    observes = False
    warms_up = True
    params_per_market = False
    privileges = ("fundamental",)
    rate: float = 0.5
    noise: float = 0.5
    least_shade: float = 0.0
    most_shade: float = 1.0
    size: float = 1.0
    position_limit: float = 10.0

    def __post_init__(self) -> None:
        for name in ("rate", "size", "position_limit"):
            require(getattr(self, name) > 0, f"value.{name}", getattr(self, name), "above zero")
        require(self.noise >= 0, "value.noise", self.noise, "zero or more")
        good = self.least_shade <= self.most_shade
        require(good, "value.least_shade", self.least_shade, f"at most most_shade {self.most_shade}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the chance of a look a step, noise and both shades in ticks, size and position limit in lots."""
        chance, scale, lots = -math.expm1(-self.rate * spec.step_seconds), spec.price_scale_ticks, spec.lots(self.size)
        shades = (self.least_shade * scale, self.most_shade * scale)
        return (chance, self.noise * scale, *shades, lots, self.position_limit * lots)
