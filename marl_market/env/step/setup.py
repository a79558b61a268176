"""Who sits where in a batch: what its records and its minds must hold before anything is played."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl_market.env.population.group import TrainedAgent
from marl_market.env.environment import Environment
from marl_market.env.actions.timed import pace_parameters
from marl_market.env.interface.schemes import PrivilegedScheme, choices_of, mask_size_of
from marl_market.env.interface.signatures import MIND, MIND_PARAMETERS, PART, REWARD_PARAMETERS


def parts_of_observation(environment: Environment) -> NDArray[np.void]:
    """Return the PART rows of an environment's observation, those that differ from seat to seat first."""
    rows, offset = [], 0
    for scheme in environment.observation.values():
        if isinstance(scheme, PrivilegedScheme):
            rows.append((scheme.privileged_encoder.address, offset, scheme.size, False, True))
        else:
            rows.append((scheme.encoder.address, offset, scheme.size, scheme.shared, False))
        offset += scheme.size
    parts = np.array(rows, PART)
    return parts[np.argsort(parts["shared"], kind="stable")]


def seat_groups(
    environment: Environment, instruments: NDArray[np.void], external: NDArray[np.int64]
) -> tuple[NDArray[np.void], dict[str, slice]]:
    """Write every seat's functions and what every mind knows; return the minds and their rows by group.

    `instruments` are market records of shape (instruments, markets), `external` are the seats of `external_seats`.
    """
    count = instruments.shape[1]
    rows: dict[str, slice] = {}
    used = 0
    for group in environment.groups:
        own_minds = group.count if group.mind_per_seat else 1
        rows[group.name] = slice(used, used + (count if group.agent.mind_per_market else own_minds))
        used = rows[group.name].stop
    # What follows belongs to the further instruments: in each, a group has one row for its rule or its decoder.
    own, further = used, len(environment.spec.instruments) - 1
    minds = np.zeros(own + further * len(environment.groups), MIND)
    _place_groups(environment, minds, instruments[0], list(rows.values()), 0)
    for number in range(1, further + 1):
        single = [slice(used + i, used + i + 1) for i in range(len(environment.groups))]
        _place_groups(environment, minds, instruments[number], single, number)
        used += len(environment.groups)
    for group in environment.groups:
        if isinstance(group.agent, TrainedAgent):
            inputs, seen = group.agent.observation_size, environment.observation_size
            if inputs != seen:
                raise ValueError(f"population.{group.name} has a policy of {inputs} inputs; observations have {seen}")
            group.agent.write_minds(minds, rows[group.name])
    instruments["seat"]["row"] = -1
    instruments["seat"]["row"][..., external] = np.arange(external.size)
    instruments["visited"] = any(group.presence is not None for group in environment.groups)
    return minds, rows


def _place_groups(
    environment: Environment, minds: NDArray[np.void], records: NDArray[np.void], rows: Sequence[slice], number: int
) -> None:
    """Write what seats and minds need in instrument `number`, in whose records each group has its `rows` of minds.

    A mind that observes decides in the first instrument; in others its seats play what it has decided there.
    """
    spec = environment.spec.instruments[number]
    for group, mind_rows in zip(environment.groups, rows, strict=True):
        agent, seats = group.agent, environment.seats_of(group.name)
        action = environment.single_action_of(group)
        parameters = action.parameters(spec) if agent.observes else agent.parameters(spec, group.count)
        if len(parameters) > MIND_PARAMETERS:
            raise ValueError(f"population.{group.name} has {len(parameters)} parameters, at most {MIND_PARAMETERS}")
        minds["parameter"][mind_rows, : len(parameters)] = parameters
        seat = records["seat"][:, seats]
        follows = agent.observes and number > 0
        seat["trader"] = 0 if follows or agent.trader is None else agent.trader.address
        seat["decoder"] = action.decoder.address
        seat["action_offset"] = number * action.size
        seat["pace"] = environment.pace.pacer.address if agent.observes and environment.pace.pacer else 0
        scheme = environment.action_of(group.name)
        seat["masker"] = 0 if scheme.mask is None else scheme.mask.address
        # No mask function writes the choices of a pace.
        seat["mask"][..., : mask_size_of(scheme)] = 1
        paced = pace_parameters(action, environment.pace, spec)
        minds["pace_parameter"][mind_rows, : len(paced)] = paced
        seat["observes"] = agent.observes
        seat["warms_up"] = agent.warms_up and agent.trader is not None  # nothing comes from outside before the open
        seat["informed"] = "fundamental" in group.sees
        seat["steers"] = group.steers
        seat["place"] = np.arange(group.count)
        mind = np.arange(mind_rows.start, mind_rows.stop)
        mind = mind[None, :] if group.mind_per_seat else mind[:, None]
        seat["mind"] = np.broadcast_to(mind, (records.size, group.count))
        for place, (name, part) in enumerate(environment.reward.items()):
            parameters = part.parameters(spec)
            if len(parameters) > REWARD_PARAMETERS:
                raise ValueError(f"reward.{name} has {len(parameters)} parameters, at most {REWARD_PARAMETERS}")
            minds["reward_parameter"][mind_rows, place, : len(parameters)] = parameters


def external_seats(environment: Environment) -> NDArray[np.int64]:
    """Return the seats whose actions come from outside, in rising order."""
    outside = [group.agent.trader is None for group in environment.groups for _ in range(group.count)]
    return np.flatnonzero(outside).astype(np.int64)


def choices_of_seats(environment: Environment, external: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return how many choices each number of each external seat's action has.

    It has shape (external seats, action size), with 0 for numbers that are no choice; None where none is.
    """
    choices = np.zeros((environment.seats, environment.action_size), np.int64)
    for group in environment.groups:
        scheme, seats = environment.action_of(group.name), environment.seats_of(group.name)
        found = choices_of(scheme.space)
        if found is not None:
            choices[seats, : found.size] = found
    own = choices[external]
    return own if own.any() else None
