"""A market and its reactive background as one value, with the free parameters of both by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marl_market.agents.scripted.activity import Activity
from marl_market.agents.scripted.belief import Belief
from marl_market.agents.scripted.reactive_makers import ReactiveMakers
from marl_market.agents.scripted.reactive_takers import ReactiveTakers
from marl_market.env.population.group import Group
from marl_market.market.free_parameter import FreeParameter, free_parameters
from marl_market.market.latency import Delay, Latency
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import did_you_mean, require

REACTIONS = Latency(entry=Delay(floor_ns=20_000.0))
"""Delay of the background, without which its commands would not have times of their own in a step."""


@dataclass(frozen=True)
class ReactiveMarket:
    """Makers and takers of one belief and one activity in a market.

    The free parameters are named by their part: "belief.learning", "makers.following", "fundamental.volatility".

    Attributes:
        spec: the market, with conditional flow; of a fundamental value that moves.
        belief: of all traders.
        activity: of all traders.
        makers: without their belief and activity, which are replaced.
        takers: likewise.
        maker_seats: seats of the makers; a seat holds 32 orders.
        taker_seats: seats of the takers.
        latency: of all seats.
    """

    spec: MarketSpec
    belief: Belief = field(default_factory=Belief)
    activity: Activity = field(default_factory=Activity)
    makers: ReactiveMakers = field(default_factory=ReactiveMakers)
    takers: ReactiveTakers = field(default_factory=ReactiveTakers)
    maker_seats: int = 24
    taker_seats: int = 5
    latency: Latency = REACTIONS

    @property
    def parts(self) -> dict[str, object]:
        """Return all that has free parameters, by name."""
        parts = {"belief": self.belief, "activity": self.activity, "makers": self.makers, "takers": self.takers}
        return parts if self.spec.fundamental is None else {**parts, "fundamental": self.spec.fundamental}

    def free_parameters(self) -> dict[str, FreeParameter]:
        """Return the free parameters by their names."""
        return {
            f"{part}.{name}": parameter
            for part, value in self.parts.items()
            for name, parameter in free_parameters(value).items()
        }

    def values(self) -> dict[str, float]:
        """Return the values of the free parameters by their names."""
        parts = self.parts
        return {
            name: float(getattr(parts[name.partition(".")[0]], name.partition(".")[2]))
            for name in self.free_parameters()
        }

    def with_values(self, values: Mapping[str, float]) -> ReactiveMarket:
        """Return a market with other values of some free parameters; raises ConfigError for an unknown name."""
        known, parts = self.free_parameters(), self.parts
        for name, value in values.items():
            require(name in known, "parameter", name, f"a free parameter of the market; {did_you_mean(name, known)}")
            part, _, parameter = name.partition(".")
            parts[part] = replace(parts[part], **{parameter: value})  # type: ignore[type-var]
        fundamental = parts.pop("fundamental", None)
        return replace(self, spec=replace(self.spec, fundamental=fundamental), **parts)  # type: ignore[arg-type]

    def groups(self) -> list[Group]:
        """Return the groups of the background."""
        makers = replace(self.makers, belief=self.belief, activity=self.activity)
        takers = replace(self.takers, belief=self.belief, activity=self.activity)
        return [
            Group("makers", makers, self.maker_seats, latency=self.latency),
            Group("takers", takers, self.taker_seats, latency=self.latency),
        ]
