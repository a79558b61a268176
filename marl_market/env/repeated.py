"""An action for each of several instruments: the numbers of one instrument after those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gymnasium.spaces import MultiDiscrete

from marl_market.env.scheme import ActionScheme, ActionSpace, choices_of, continuous
from marl_market.market.spec import MarketSpec


@dataclass(frozen=True)
class Repeated:
    """The same action once for each instrument.

    Attributes:
        action: what is done in one instrument.
        instruments: how many there are.
    """

    action: ActionScheme
    instruments: int

    @property
    def decoder(self) -> Any:
        """Return the action's own decoder: each instrument decodes its own numbers."""
        return self.action.decoder

    @property
    def mask(self) -> Any | None:
        """Return the action's own mask function: each instrument masks its own choices."""
        return self.action.mask

    @property
    def size(self) -> int:
        """Return how many numbers there are."""
        return self.instruments * self.action.size

    @property
    def space(self) -> ActionSpace:
        """Return the space of all instruments' numbers."""
        choices = choices_of(self.action.space)
        return continuous(self.size) if choices is None else MultiDiscrete(self.instruments * choices.tolist())

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the decoder reads, in the units of one instrument."""
        return self.action.parameters(spec)
