"""Latency of commands and market data: the delays of a seat, as a config writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from marl_market.market.validation import is_number, require

LONGEST_NS = 3_600_000_000_000
EXPONENTIAL_LONGEST = 16.0
NORMAL_LONGEST = 5.2
"""Cutoff of a draw, in means and in standard deviations: one in ten million would be longer."""


@dataclass(frozen=True)
class Delay:
    """A random delay: the sum of a floor and of up to three random parts.

    A floor alone is a constant delay. An exponential or lognormal part is cut off where one draw in ten million would
    be longer, so that a delay is bounded.

    Attributes:
        floor_ns: shortest delay.
        uniform_ns: width of a part that is uniform from zero on.
        exponential_ns: mean of an exponential part.
        lognormal_ns: median of a lognormal part.
        sigma: standard deviation of the logarithm of that part.
    """

    floor_ns: float = 0.0
    uniform_ns: float = 0.0
    exponential_ns: float = 0.0
    lognormal_ns: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            possible = is_number(value) and 0 <= value <= LONGEST_NS
            require(possible, f"delay.{part.name}", value, f"between 0 and {LONGEST_NS}")
        require(self.sigma <= 3, "delay.sigma", self.sigma, "at most 3")
        if self.longest_ns > LONGEST_NS:
            raise ValueError(f"delay can be {self.longest_ns:.4g} ns long; it must be at most {LONGEST_NS} (an hour)")

    @property
    def mean_ns(self) -> float:
        """Return the mean delay, without the cutoff."""
        lognormal = self.lognormal_ns * math.exp(0.5 * self.sigma**2)
        return self.floor_ns + 0.5 * self.uniform_ns + self.exponential_ns + lognormal

    @property
    def longest_ns(self) -> float:
        """Return the longest possible delay."""
        lognormal = self.lognormal_ns * math.exp(NORMAL_LONGEST * self.sigma)
        return self.floor_ns + self.uniform_ns + EXPONENTIAL_LONGEST * self.exponential_ns + lognormal

    def steps(self, step_ns: int) -> int:
        """Return the longest possible delay in steps, rounded up."""
        return math.ceil(self.longest_ns / step_ns)


@dataclass(frozen=True)
class Latency:
    """Latency between a seat and its venue.

    Attributes:
        entry: from a decision until a command of it arrives at the venue; drawn for each command, though the commands
            of a seat arrive in the order in which it sent them.
        data: from the publication of the public record until the seat observes it, rounded up to whole steps, since
            the venue publishes once a step; drawn each step, though a seat never observes an older record than before.
        compute_ns: time of a decision; it is added to the entry of each of its commands.
    """

    entry: Delay = field(default_factory=Delay)
    data: Delay = field(default_factory=Delay)
    compute_ns: float = 0.0

    def __post_init__(self) -> None:
        possible = is_number(self.compute_ns) and 0 <= self.compute_ns <= LONGEST_NS
        require(possible, "latency.compute_ns", self.compute_ns, f"between 0 and {LONGEST_NS}")

    @property
    def entry_mean_ns(self) -> float:
        """Return the mean time from a decision until its command arrives."""
        return self.compute_ns + self.entry.mean_ns

    @property
    def delays(self) -> bool:
        """Return whether any delay is above zero."""
        return self.entry_mean_ns + self.data.mean_ns > 0
