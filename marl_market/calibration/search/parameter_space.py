"""The named free parameters of a search, and the unit cube on which it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.market.free_parameter import FreeParameter, free_parameters
from marl_market.market.validation import ConfigError, did_you_mean, is_number, require

Point = NDArray[np.float64]
"""A point of the unit cube, shape (parameters,)."""


@dataclass(frozen=True)
class ParameterSpace:
    """Named parameters with bounds and a start.

    Attributes:
        parameters: bounds and scale by name.
        start: value of each parameter before the search, such as a default or a direct estimate.
    """

    parameters: Mapping[str, FreeParameter]
    start: Mapping[str, float]

    def __post_init__(self) -> None:
        require(len(self.parameters) > 1, "parameters", list(self.parameters), "two parameters or more")
        for name in self.start.keys() - self.parameters.keys():
            hint = did_you_mean(name, self.parameters)
            raise ConfigError(f"start has {name!r}, which is no free parameter; {hint or ', '.join(self.parameters)}")
        for name, each in self.parameters.items():
            value = self.start.get(name)
            good = is_number(value) and each.low <= value <= each.high  # type: ignore[operator]
            require(good, f"start of {name}", value, f"a number between its bounds {each.low:g} and {each.high:g}")

    @classmethod
    def of(cls, owners: Mapping[str, object]) -> ParameterSpace:
        """Return the space of the free fields of dataclass instances: <owner>.<field>, started at their values."""
        found = {
            f"{owner}.{name}": (parameter, float(getattr(held, name)))
            for owner, held in owners.items()
            for name, parameter in free_parameters(held).items()
        }
        return cls(
            {name: each for name, (each, _) in found.items()}, {name: value for name, (_, value) in found.items()}
        )

    @property
    def names(self) -> list[str]:
        """The names, in the order of a point's coordinates."""
        return list(self.parameters)

    def to_unit(self, values: Mapping[str, float]) -> Point:
        """Return the point of parameter values."""
        return np.array([each.to_unit(values[name]) for name, each in self.parameters.items()])

    def from_unit(self, point: Point) -> dict[str, float]:
        """Return the parameter values of a point."""
        return {
            name: each.from_unit(float(position))
            for (name, each), position in zip(self.parameters.items(), point, strict=True)
        }
