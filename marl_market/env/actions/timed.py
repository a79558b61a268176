"""An action with one more number: the choice of a decision timing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Tuple

from marl_market.env.actions.decoding import choice, rescale
from marl_market.env.interface.schemes import ActionScheme, TimingScheme, WrappedAction
from marl_market.env.interface.signatures import TIMING_VALUES
from marl_market.env.interface.spaces import ActionSpace, continuous, num_choices_of, parts_of
from marl_market.exchange.compiled import inlined
from marl_market.market.spec import MarketSpec

INDEX, DISCRETE, CHOICES, FIRST_PARAMETER = range(4)
MAXIMUM_PARAMETERS = TIMING_VALUES - FIRST_PARAMETER


@inlined
def timing_choice(seat, params):  # type: ignore[no-untyped-def]
    """Return the action's choice of a decision timing.

    Its number is the choice where actions are discrete or mixed; else the choices divide [-1, 1] evenly.
    """
    count = params.timing_value[CHOICES]
    number = seat.agent.action[np.int64(params.timing_value[INDEX])]
    if params.timing_value[DISCRETE] == 1.0:
        return choice(number, count)
    position = rescale(number, 0.0, count)
    if not position > 0.0:  # NaN too
        return np.int64(0)
    return np.int64(min(position, count - 1.0))


@dataclass(frozen=True)
class TimedAction(WrappedAction):
    """An action and, as one more number, the choice of a decision timing, which is never masked.

    Attributes:
        timing: the choices.
    """

    timing: TimingScheme

    @property
    def size(self) -> int:
        """Return the size of an action."""
        return self.action.size + 1

    @property
    def space(self) -> ActionSpace:
        """Return the product of the action's space and of the choice."""
        if isinstance(self.action.space, Tuple):
            return Tuple((*parts_of(self.action.space), Discrete(self.timing.choices)))
        choices = num_choices_of(self.action.space)
        return continuous(self.size) if choices is None else MultiDiscrete([*choices.tolist(), self.timing.choices])


def timing_parameters(action: ActionScheme, timing: TimingScheme, spec: MarketSpec) -> Sequence[float]:
    """Return the numbers of params.timing_value; raises ValueError for too many parameters."""
    own = timing.parameters(spec)
    if len(own) > MAXIMUM_PARAMETERS:
        raise ValueError(f"timing has {len(own)} parameters, at most {MAXIMUM_PARAMETERS}")
    return (action.size, not isinstance(action.space, Box), timing.choices, *own)
