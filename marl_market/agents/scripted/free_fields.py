"""Checks of the free fields of traders, see `marl_market.market.free_parameter`."""

from __future__ import annotations

from marl_market.market.free_parameter import free_parameters
from marl_market.market.validation import is_number, require


def require_free(described: object, owner: str) -> None:
    """Raise ConfigError for a free field that is no number of zero or more, or above 1 where it is a share."""
    for name, parameter in free_parameters(described).items():
        value = getattr(described, name)
        require(is_number(value) and value >= 0, f"{owner}.{name}", value, "a number of zero or more")
        if parameter.transform == "logit":
            require(value <= 1, f"{owner}.{name}", value, "at most 1")
