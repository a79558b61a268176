"""An action with one number more: what the seat waits for before it acts again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Tuple

from marl_market.env.actions.decoding import between, choice
from marl_market.env.interface.schemes import ActionScheme, TimingScheme, WrappedAction
from marl_market.env.interface.signatures import TIMING_VALUES
from marl_market.env.interface.spaces import ActionSpace, continuous, num_choices_of, parts_of
from marl_market.exchange.compiled import inlined
from marl_market.market.spec import MarketSpec

PLACE, DISCRETE, CHOICES, FIRST_PARAMETER = range(4)
MOST_PARAMETERS = TIMING_VALUES - FIRST_PARAMETER


@inlined
def chosen(seat, params):  # type: ignore[no-untyped-def]
    """Return which of a pace's choices an action names.

    Its number is a choice where actions are discrete or mixed; else the choices share [-1, 1] evenly.
    """
    count = params.timing_value[CHOICES]
    number = seat.agent.action[np.int64(params.timing_value[PLACE])]
    if params.timing_value[DISCRETE] == 1.0:
        return choice(number, count)
    place = between(number, 0.0, count)
    if not place > 0.0:  # NaN too
        return np.int64(0)
    return np.int64(min(place, count - 1.0))


@dataclass(frozen=True)
class TimedAction(WrappedAction):
    """An action and, as one number more, the choice of a pace, which is never masked.

    Attributes:
        pace: when the seat acts again.
    """

    timing: TimingScheme

    @property
    def size(self) -> int:
        """Return how many numbers there are."""
        return self.action.size + 1

    @property
    def space(self) -> ActionSpace:
        """Return the space of the action's numbers and of the choice."""
        if isinstance(self.action.space, Tuple):
            return Tuple((*parts_of(self.action.space), Discrete(self.timing.choices)))
        choices = num_choices_of(self.action.space)
        return continuous(self.size) if choices is None else MultiDiscrete([*choices.tolist(), self.timing.choices])


def timing_parameters(action: ActionScheme, timing: TimingScheme, spec: MarketSpec) -> Sequence[float]:
    """Return what goes into mind.timing_value; raises ValueError for too much of it."""
    own = timing.parameters(spec)
    if len(own) > MOST_PARAMETERS:
        raise ValueError(f"pace has {len(own)} parameters, at most {MOST_PARAMETERS}")
    return (action.size, not isinstance(action.space, Box), timing.choices, *own)
