"""A trader on a noisy signal of the fundamental value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.trading import (
    DECIDED,
    MarketSpec,
    Traits,
    cancel_all,
    normal,
    require,
    submit_limit,
    trader,
    uniform,
)


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Observe the value at random times, and quote at a gain on it."""
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
    Does: at the times of a Poisson process, replaces its order by one of a random side at a demanded surplus over the
        estimate, drawn uniformly between `min_shade` and `max_shade`; where that crosses the spread it trades at once.
        Never holds more than `position_limit`.

    Attributes:
        rate: decisions a second.
        noise: standard deviation of the error, in price scales of the market.
        min_shade: minimum demanded surplus, in price scales of the market.
        max_shade: maximum demanded surplus, in price scales of the market.
        size: quantity of each order, in size scales of the market.
        position_limit: maximum position, in orders of that size.
    """

    trader = quote
    traits = Traits(warms_up=True, privileges=("fundamental",))
    rate: float = 0.5
    noise: float = 0.5
    min_shade: float = 0.0
    max_shade: float = 1.0
    size: float = 1.0
    position_limit: float = 10.0

    def __post_init__(self) -> None:
        for name in ("rate", "size", "position_limit"):
            require(getattr(self, name) > 0, f"value.{name}", getattr(self, name), "above zero")
        require(self.noise >= 0, "value.noise", self.noise, "zero or more")
        good = self.min_shade <= self.max_shade
        require(good, "value.min_shade", self.min_shade, f"at most max_shade {self.max_shade}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the probability of a decision, noise and both shades in ticks, size and position limit in lots."""
        chance, scale, lots = -math.expm1(-self.rate * spec.step_seconds), spec.price_scale_ticks, spec.lots(self.size)
        shades = (self.min_shade * scale, self.max_shade * scale)
        return (chance, self.noise * scale, *shades, lots, self.position_limit * lots)
