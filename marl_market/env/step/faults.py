"""Numbers that are not finite, caught where they enter a market: observations, rewards and actions of compiled agents.

The step tests every number that an observation's encoder, a reward or a policy gives it, and writes the first one of
each market that is not finite into the market's FAULT record; the calling `BatchMarket` raises. Numbers of actions from
outside are tested before the step, see `marl_market.env.actions.validation`.

Why no exception in the step: it would lose its place and, in a parallel kernel, its market.
"""

from __future__ import annotations

import numpy as np
from numba import carray
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.finite import first_not_finite
from marl_market.exchange.compiled import compiled
from marl_market.exchange.pointers import pointer

NO_FAULT, OBSERVATION, REWARD, ACTION = range(4)
LARGEST_FLOAT = float(np.finfo(np.float32).max)

FAULT = np.dtype(
    [
        ("kind", np.int64),
        ("part", np.int64),  # row of the PART or REWARD_PART
        ("seat", np.int64),
        ("instrument", np.int64),
        ("number", np.int64),  # index within the part or action
        ("step", np.int64),  # that an observation precedes, or of the reward or action; negative in the warm-up
        ("value", np.float64),
    ],
    align=True,
)
"""The first number of a market in a step that is not finite."""


class NonFiniteError(ValueError):
    """An observation, a reward or a policy's action holds a NaN or an infinity.

    Attributes:
        source: what gave it, such as "observation.book".
        market: index of its market in the batch.
        place: group, seat, step and value, for people.
    """

    def __init__(self, source: str, market: int, place: str) -> None:
        super().__init__(source, market, place)
        self.source, self.market, self.place = source, market, place

    def __str__(self) -> str:
        return f"{self.source} is not finite: market {self.market}, {self.place}"


@compiled
def write_fault(market, market_index, context, kind, part, seat_index, number, step, value):  # type: ignore[no-untyped-def]
    """Write a fault of a market, unless it has one already in this step."""
    fault = carray(pointer(context.faults), (market_index + 1,), FAULT)[market_index]
    context.fault = 1
    if fault.kind == NO_FAULT:
        fault.kind = kind
        fault.part = part
        fault.seat = seat_index
        fault.instrument = market.public.instrument
        fault.number = number
        fault.step = step
        fault.value = value


@compiled
def write_action_fault(market, market_index, context, seat_index):  # type: ignore[no-untyped-def]
    """Write the fault of a compiled policy's action."""
    action = market.seat[seat_index].agent.action
    number = first_not_finite(action.ctypes.data, action.size)
    write_fault(market, market_index, context, ACTION, 0, seat_index, number, market.public.step, action[number])


def fault_error(environment: EnvironmentSpec, parts: NDArray[np.void], faults: NDArray[np.void]) -> NonFiniteError:
    """Return the error of the first market with a FAULT; `parts` are the PART rows of the observation."""
    market = int(np.flatnonzero(faults["kind"])[0])
    fault = {name: faults[market][name].item() for name in FAULT.names or ()}
    group = next(
        group for group in environment.groups if fault["seat"] in range(environment.seats)[environment.seats_of(group.name)]
    )
    return NonFiniteError(_source(environment, parts, fault, group.name), market, _place(environment, fault, group.name))


def _source(environment: EnvironmentSpec, parts: NDArray[np.void], fault: dict[str, float], group: str) -> str:
    """Return the config key of the part that gave the number."""
    if fault["kind"] == ACTION:
        return f"the action of population.{group}'s policy"
    if fault["kind"] == REWARD:
        return f"reward.{list(environment.reward)[int(fault['part'])]}"
    offsets = np.cumsum([0, *(part.size for part in environment.observation.values())])
    place = np.flatnonzero(offsets == parts["offset"][int(fault["part"])])[0]
    return f"observation.{list(environment.observation)[place]}"


def _place(environment: EnvironmentSpec, fault: dict[str, float], group: str) -> str:
    """Return group, seat, instrument, step, index and value."""
    names = [environment.spec.name, *environment.spec.further_instruments]
    instrument = f", instrument {names[int(fault['instrument'])]}" if len(names) > 1 else ""
    number = "" if fault["kind"] == REWARD else f", number {fault['number']}"
    step = int(fault["step"])
    return (
        f"group {group}, seat {int(fault['seat'])}{instrument}, "
        f"{f'step {step}' if step >= 0 else f'step {step} (warm-up)'}{number}, value {fault['value']}"
    )
