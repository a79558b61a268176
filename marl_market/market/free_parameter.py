"""Fields of a dataclass that only a search can estimate, with the bounds that it keeps to.

Why here: an agent or a fundamental value declares its free fields beside their defaults, and the search reads them
without either knowing the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from marl_market.market.validation import is_number, require

METADATA = "free_parameter"
TRANSFORMS = ("linear", "log", "logit")


@dataclass(frozen=True)
class FreeParameter:
    """The bounds of a parameter, and the scale on which equal steps count alike.

    Attributes:
        low: smallest value.
        high: largest value.
        transform: "linear", "log" for a value above zero, "logit" for one between 0 and 1.
    """

    low: float
    high: float
    transform: str = "linear"

    def __post_init__(self) -> None:
        require(self.transform in TRANSFORMS, "transform", self.transform, f"one of {', '.join(TRANSFORMS)}")
        require(is_number(self.low), "low", self.low, "a number")
        require(is_number(self.high) and self.high > self.low, "high", self.high, f"above low, {self.low:g}")
        if self.transform != "linear":
            require(self.low > 0, "low", self.low, f"above zero for transform {self.transform}")
        if self.transform == "logit":
            require(self.high < 1, "high", self.high, "below 1 for transform logit")

    def to_unit(self, value: float) -> float:
        """Return where a value lies between the bounds on its scale: 0 at low, 1 at high."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(value) - low) / (high - low)

    def from_unit(self, position: float) -> float:
        """Return the value at a position between the bounds, the inverse of `to_unit`."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = low + position * (high - low)
        value = {"linear": _identity, "log": math.exp, "logit": _logistic}[self.transform](scaled)
        return min(max(value, self.low), self.high)

    def _scaled(self, value: float) -> float:
        if self.transform == "linear":
            return value
        return math.log(value) if self.transform == "log" else math.log(value / (1 - value))


def free(default: float, low: float, high: float, transform: str = "linear") -> Any:
    """Return a dataclass field with a default that a search may vary between two bounds, see `FreeParameter`."""
    parameter = FreeParameter(low, high, transform)
    require(low <= default <= high, "default", default, f"between {low:g} and {high:g}")
    return field(default=default, metadata={METADATA: parameter})


def free_parameters(described: object) -> dict[str, FreeParameter]:
    """Return the free fields of a dataclass or of its instance by name; none where it has none."""
    return {each.name: each.metadata[METADATA] for each in fields(described) if METADATA in each.metadata}  # type: ignore[arg-type]


def _identity(value: float) -> float:
    return value


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
