"""Numbers that are not finite, caught where they enter a market: observations, rewards and policies' actions.

The step tests every number that an observation's encoder, a reward or a policy gives it, and writes the first one of
each seat that is not finite into the seat's FAULT; the calling `BatchMarket` raises. Actions from outside are tested
before the step, see `marl_market.env.actions.validation`. An account beyond the limits of its market is a fault too,
see `marl_market.exchange.excess`.

Why no exception in the step: it would lose its place, and in a parallel kernel its market.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.finite import first_not_finite
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.excess import ExcessError, excess_of
from marl_market.exchange.portfolio import instrument
from marl_market.exchange.records import NIL

if TYPE_CHECKING:
    from marl_market.env.step.memory import BatchMemory

EXCESS, ACTION, REWARD, OBSERVATION = 1, 2, 3, 4
LARGEST_FLOAT = float(np.finfo(np.float32).max)


class NonFiniteError(ValueError):
    """An observation, a reward or a policy's action holds a NaN or an infinity.

    Attributes:
        source: what gave it, such as "observation.book".
        market: index of its market.
        place: group, seat, step and value, for people.
        iteration: of the training run, from 1 on; None outside one.
    """

    def __init__(self, source: str, market: int, place: str, iteration: int | None = None) -> None:
        super().__init__(source, market, place, iteration)
        self.source, self.market, self.place, self.iteration = source, market, place, iteration

    def __str__(self) -> str:
        when = "" if self.iteration is None else f"iteration {self.iteration}: "
        return f"{when}{self.source} is not finite: market {self.market}, {self.place}"


@compiled
def write_fault(seat, context, kind, part, number):  # type: ignore[no-untyped-def]
    """Write the fault of a seat, unless it has one already."""
    context.fault = 1
    fault = seat.agent.fault
    if fault.kind == 0:
        fault.kind = kind
        fault.part = part
        fault.number = number


@compiled
def write_action_fault(seat, context):  # type: ignore[no-untyped-def]
    """Write the fault of the action of a compiled policy."""
    action = seat.agent.action
    write_fault(seat, context, ACTION, 0, first_not_finite(action.ctypes.data, action.size))


@inlined
def check_excess(first, context):  # type: ignore[no-untyped-def]
    """Write the fault of a market of which an account is beyond the limits of an instrument."""
    for k in range(first.instrument_count):
        market = instrument(first, k)
        if market.excess_seat != NIL:
            write_fault(market.seat[market.excess_seat], context, EXCESS, 0, 0)


def take_fault(environment: EnvironmentSpec, memory: BatchMemory) -> NonFiniteError | ExcessError:
    """Return the error of the first seat with a FAULT in the first market with one, and clear all faults."""
    faults = memory.instruments["seat"]["agent"]["fault"]
    found = [(int(m), int(faults["kind"][k, m, seat]), int(seat), int(k)) for k, m, seat in np.argwhere(faults["kind"])]
    market, kind, seat, k = min(found)
    part, number = int(faults["part"][k, market, seat]), int(faults["number"][k, market, seat])
    agent = memory.instruments[k, market]["seat"][seat]["agent"]
    step = int(memory.markets[market]["public"]["step"]) // environment.spec.substeps
    group = group_of(environment, seat)
    names = (environment.spec.name, *environment.spec.further_instruments)
    place = place_of_seat(environment, seat, step - (kind != OBSERVATION), names[k] if len(names) > 1 else None)
    faults["kind"] = 0
    memory.context["fault"] = 0
    if kind == EXCESS:
        _, account = excess_of(memory.instruments[k, market], environment.spec.instruments[k])
        return ExcessError(seat, account, f"market {market}, {place}")
    if kind == ACTION:
        source, value = policy_of(group), agent["action"][number]
    elif kind == REWARD:
        source, value = f"reward.{list(environment.reward)[part]}", memory.outputs.reward[market, seat]
    else:
        offset, row = int(memory.parts["offset"][part]), int(agent["external_index"])
        numbers = agent["observation"] if row < 0 else memory.outputs.observation[market, row]
        source = f"observation.{_observation_name(environment, offset)}"
        value = numbers[k * environment.observation_size // len(memory.instruments) + offset + number]
    return NonFiniteError(source, market, f"{place}{'' if kind == REWARD else f', number {number}'}, value {value}")


def policy_of(group: str) -> str:
    """Return the source of an action that is not finite: the policy, not the environment."""
    return f"the action of population.{group}'s policy"


def group_of(environment: EnvironmentSpec, seat: int) -> str:
    """Return the name of the group of a seat."""
    return next(group.name for group in environment.groups if seat < environment.seats_of(group.name).stop)


def place_of_seat(environment: EnvironmentSpec, seat: int, step: int, instrument: str | None = None) -> str:
    """Return group, seat and step, for people; a negative step is one of the warm-up."""
    within = "" if instrument is None else f"instrument {instrument}, "
    when = f"step {step}" if step >= 0 else "before the open"
    return f"group {group_of(environment, seat)}, seat {seat}, {within}{when}"


def places_of_seats(environment: EnvironmentSpec, seats: NDArray[np.int64], step: int) -> list[str]:
    """Return the group, number and step of each of these seats, for people."""
    return [place_of_seat(environment, int(seat), step) for seat in seats]


def _observation_name(environment: EnvironmentSpec, offset: int) -> str:
    """Return the name of the part of an observation whose numbers begin at an offset."""
    ends = np.cumsum([part.size for part in environment.observation.values()])
    return list(environment.observation)[int(np.searchsorted(ends, offset, side="right"))]
