"""Acting in every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.market.spec import MarketSpec


@dataclass(frozen=True)
class EveryStep:
    """No seat ever sleeps, and actions have no number for it."""

    timing_function = None
    choices = 0

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return none."""
        return ()
