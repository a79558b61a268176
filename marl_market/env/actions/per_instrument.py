"""One action for each of several instruments, concatenated."""

from __future__ import annotations

from dataclasses import dataclass

from gymnasium.spaces import MultiDiscrete, Tuple

from marl_market.env.interface.schemes import WrappedAction
from marl_market.env.interface.spaces import ActionSpace, continuous, num_choices_of, parts_of


@dataclass(frozen=True)
class PerInstrumentAction(WrappedAction):
    """The same action scheme for each instrument; its decoder and mask function are called for each in turn.

    Attributes:
        instruments: their number.
    """

    instruments: int

    @property
    def size(self) -> int:
        """Return the size of an action."""
        return self.instruments * self.action.size

    @property
    def space(self) -> ActionSpace:
        """Return the product of the instruments' action spaces."""
        if isinstance(self.action.space, Tuple):
            return Tuple(self.instruments * parts_of(self.action.space))
        choices = num_choices_of(self.action.space)
        return continuous(self.size) if choices is None else MultiDiscrete(self.instruments * choices.tolist())
