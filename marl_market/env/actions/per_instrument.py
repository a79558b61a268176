"""An action for each of several instruments: the numbers of one instrument after those of another."""

from __future__ import annotations

from dataclasses import dataclass

from gymnasium.spaces import MultiDiscrete, Tuple

from marl_market.env.interface.schemes import WrappedAction
from marl_market.env.interface.spaces import ActionSpace, continuous, num_choices_of, parts_of


@dataclass(frozen=True)
class Repeated(WrappedAction):
    """The same action once for each instrument, which decodes and masks its own numbers.

    Attributes:
        instruments: how many there are.
    """

    instruments: int

    @property
    def size(self) -> int:
        """Return how many numbers there are."""
        return self.instruments * self.action.size

    @property
    def space(self) -> ActionSpace:
        """Return the space of all instruments' numbers."""
        if isinstance(self.action.space, Tuple):
            return Tuple(self.instruments * parts_of(self.action.space))
        choices = num_choices_of(self.action.space)
        return continuous(self.size) if choices is None else MultiDiscrete(self.instruments * choices.tolist())
