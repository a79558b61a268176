"""Numbers that are not finite, caught where they enter a market: observations, rewards and policies' actions.

The step tests every number that an observation's encoder, a reward or a policy gives it, and writes the first one of
each seat that is not finite into the seat's FAULT; the calling `BatchMarket` raises. Actions from outside are tested
before the step, see `marl_market.env.actions.validation`.

Why no exception in the step: it would lose its place, and in a parallel kernel its market.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.finite import first_not_finite
from marl_market.exchange.compiled import compiled

ACTION, REWARD, OBSERVATION = 1, 2, 3
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


def take_fault(
    environment: EnvironmentSpec,
    parts: NDArray[np.void],
    instruments: NDArray[np.void],
    observation: NDArray[np.float32],
    reward: NDArray[np.float32],
) -> NonFiniteError:
    """Return the error of the first seat with a FAULT in the first market with one, and clear all faults.

    Args:
        environment: the description of the markets.
        parts: PART rows of the observation.
        instruments: market records (instruments, markets).
        observation: of the external seats (markets, external seats, observation size); numbers that are not finite
            are set to zero.
        reward: (markets, seats).
    """
    faults = instruments["seat"]["agent"]["fault"]
    order = [(int(m), int(faults["kind"][k, m, seat]), int(seat), int(k)) for k, m, seat in np.argwhere(faults["kind"])]
    market, kind, seat, k = min(order)
    agent, step = instruments[k, market]["seat"][seat]["agent"], int(instruments[k, market]["public"]["step"])
    part, number = int(faults["part"][k, market, seat]), int(faults["number"][k, market, seat])
    group = group_of(environment, seat)
    if kind == ACTION:
        source, value = policy_of(group), agent["action"][number]
    elif kind == REWARD:
        source, value = f"reward.{list(environment.reward)[part]}", reward[market, seat]
    else:
        offset, row = int(parts["offset"][part]), int(agent["external_index"])
        numbers = agent["observation"] if row < 0 else observation[market, row]
        source = f"observation.{_observation_name(environment, offset)}"
        value = numbers[k * environment.observation_size // len(instruments) + offset + number]
    instrument = (environment.spec.name, *environment.spec.further_instruments)[k] if len(instruments) > 1 else None
    step -= kind != OBSERVATION
    place = place_of(group, seat, step, value, None if kind == REWARD else number, instrument)
    faults["kind"] = 0
    np.nan_to_num(observation, copy=False, posinf=0.0, neginf=0.0)
    return NonFiniteError(source, market, place)


def policy_of(group: str) -> str:
    """Return the source of an action that is not finite: the policy, not the environment."""
    return f"the action of population.{group}'s policy"


def group_of(environment: EnvironmentSpec, seat: int) -> str:
    """Return the name of the group of a seat."""
    return next(group.name for group in environment.groups if seat < environment.seats_of(group.name).stop)


def place_of(
    group: str, seat: int, step: int, value: float, number: int | None = None, instrument: str | None = None
) -> str:
    """Return where a number is, for people; a negative step is one of the warm-up."""
    parts = [f"group {group}", f"seat {seat}"]
    parts += [] if instrument is None else [f"instrument {instrument}"]
    parts += [f"step {step}" if step >= 0 else "before the open"]
    parts += [] if number is None else [f"number {number}"]
    return ", ".join([*parts, f"value {value}"])


def _observation_name(environment: EnvironmentSpec, offset: int) -> str:
    """Return the name of the part of an observation whose numbers begin at an offset."""
    ends = np.cumsum([part.size for part in environment.observation.values()])
    return list(environment.observation)[int(np.searchsorted(ends, offset, side="right"))]
