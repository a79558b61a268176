"""A fundamental value that moves by jumps alone, more wildly at some times than at others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marl_market.market.free_parameter import free, free_parameters
from marl_market.market.validation import is_number, require

if TYPE_CHECKING:
    from marl_market.market.spec import MarketSpec

SHORTEST_SECONDS, HALF_LIVES, RATIO = 15.0, 4, 4.0
"""Half-lives of the parts of the slow volatility: 15 seconds, a minute, 4 and 16 minutes."""


@dataclass(frozen=True)
class JumpingValue:
    """A value that jumps at Poisson times by lognormal mixtures of normal sizes (Merton 1976; Clark 1973).

    Its variance in a second is volatility**2 at every jump rate. It follows the profile of the day, and a slow
    volatility: the exponential of a sum of Ornstein-Uhlenbeck processes, whose half-lives rise by a factor of four,
    which approximates long memory (Corsi 2009; Gatheral, Jaisson and Rosenbaum 2018).

    Attributes:
        jump_rate: jumps a second.
        volatility: standard deviation of the change in a second, in price scales of the market.
        size_deviation: standard deviation of the logarithm of the size of a jump.
        clustering: standard deviation of the logarithm of the slow volatility; 0 for none.
        profile: volatility in each of equally long parts of the session, relative to its mean square.
        published: see `marl_market.market.fundamental.Fundamental`.
    """

    jump_rate: float = free(0.65, 0.02, 10.0, "log")
    volatility: float = free(0.2, 0.01, 2.0, "log")
    size_deviation: float = free(0.76, 0.05, 2.0, "log")
    clustering: float = free(0.25, 0.01, 1.5, "log")
    profile: Sequence[float] = (1.0,)
    published: bool = False

    def __post_init__(self) -> None:
        for name in free_parameters(self):
            value = getattr(self, name)
            least = name == "jump_rate"
            good = is_number(value) and (value > 0 if least else value >= 0)
            require(good, f"market.fundamental.{name}", value, "above zero" if least else "zero or more")
        profile = tuple(self.profile)
        good = bool(profile) and all(is_number(value) and value >= 0 for value in profile)
        require(good, "market.fundamental.profile", profile, "one or more numbers of zero or more")
        object.__setattr__(self, "profile", tuple(float(value) for value in profile))

    def path(self, spec: MarketSpec, steps: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the value at the beginning of each step, in ticks; it starts at the initial price."""
        came = np.flatnonzero(random.random(steps - 1) < -math.expm1(-self.jump_rate * spec.step_seconds))
        part = (came + 1 - spec.warmup_steps) / max(spec.session_steps, 1) * len(self.profile)
        profile = np.array(self.profile)[np.clip(part.astype(np.int64), 0, len(self.profile) - 1)]
        mixture = np.exp(self.size_deviation * random.standard_normal(came.size) - self.size_deviation**2)
        slow = self._slow_volatility(np.asarray(came * spec.step_seconds, np.float64), random)
        deviation = self.volatility * spec.price_scale_ticks / math.sqrt(self.jump_rate)
        jumps = deviation * profile * mixture * slow * random.standard_normal(came.size)
        path = np.zeros(steps)
        path[came + 1] = jumps
        return np.asarray(spec.initial_price_ticks + np.cumsum(path))

    def _slow_volatility(self, seconds: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
        """Return the slow volatility at rising times, of mean square 1."""
        logarithm = np.zeros(seconds.size)
        elapsed = np.diff(seconds, prepend=-math.inf)
        part = self.clustering / math.sqrt(HALF_LIVES)
        for number in range(HALF_LIVES):
            kept = np.exp2(-elapsed / (SHORTEST_SECONDS * RATIO**number))
            shocks = part * np.sqrt(1.0 - kept * kept) * random.standard_normal(seconds.size)
            logarithm += _autoregression(kept, shocks)
        return np.exp(logarithm - self.clustering**2)


def _autoregression(kept: NDArray[np.float64], shocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x with x[i] = kept[i] * x[i - 1] + shocks[i]."""
    found, value = np.empty(len(shocks)), 0.0
    for index, (share, shock) in enumerate(zip(kept.tolist(), shocks.tolist(), strict=True)):
        value = share * value + shock
        found[index] = value
    return found
