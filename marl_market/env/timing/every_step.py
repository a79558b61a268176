"""Decision timing of agents that act in every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.market.spec import MarketSpec


@dataclass(frozen=True)
class EveryStep:
    """Every agent acts in every step, and actions have no timing choice."""

    timing_function = None
    choices = 0

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return no parameters."""
        return ()
