"""Who sits where in a batch: what its records and its minds must hold before anything is played."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marl_market.env.actions.timed import timing_parameters
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import PrivilegedScheme, mask_size_of
from marl_market.env.interface.signatures import PARAM_VALUES, PARAMS, PART, REWARD_VALUES
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.population.group import TrainedAgent


def observation_parts(environment: EnvironmentSpec) -> NDArray[np.void]:
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
    environment: EnvironmentSpec, instruments: NDArray[np.void], external: NDArray[np.int64]
) -> tuple[NDArray[np.void], dict[str, slice]]:
    """Write every seat's functions and what every mind knows; return the minds and their rows by group.

    `instruments` are market records of shape (instruments, markets), `external` are the seats of `external_seats`.
    """
    count = instruments.shape[1]
    rows: dict[str, slice] = {}
    used = 0
    for group in environment.groups:
        row_counts = {"group": 1, "market": count, "seat": group.count}
        rows[group.name] = slice(used, used + row_counts[group.agent.traits.parameters_per])
        used = rows[group.name].stop
    # What follows belongs to the further instruments: in each, a group has one row for its rule or its decoder.
    own, further = used, len(environment.spec.instruments) - 1
    params = np.zeros(own + further * len(environment.groups), PARAMS)
    _place_groups(environment, params, instruments[0], list(rows.values()), 0)
    for number in range(1, further + 1):
        single = [slice(used + i, used + i + 1) for i in range(len(environment.groups))]
        _place_groups(environment, params, instruments[number], single, number)
        used += len(environment.groups)
    for group in environment.groups:
        if isinstance(group.agent, TrainedAgent):
            inputs, seen = group.agent.observation_size, environment.observation_size
            if inputs != seen:
                raise ValueError(f"population.{group.name} has a policy of {inputs} inputs; observations have {seen}")
            group.agent.write_params(params, rows[group.name])
    instruments["seat"]["agent"]["external_index"] = -1
    instruments["seat"]["agent"]["external_index"][..., external] = np.arange(external.size)
    instruments["has_arrivals"] = any(group.participation is not None for group in environment.groups)
    return params, rows


def _place_groups(
    environment: EnvironmentSpec,
    params: NDArray[np.void],
    records: NDArray[np.void],
    rows: Sequence[slice],
    number: int,
) -> None:
    """Write what seats and minds need in instrument `number`, in whose records each group has its `rows` of minds.

    A mind that observes decides in the first instrument; in others its seats play what it has decided there.
    """
    spec = environment.spec.instruments[number]
    for group, param_rows in zip(environment.groups, rows, strict=True):
        agent, traits, seats = group.agent, group.agent.traits, environment.seats_of(group.name)
        action = environment.single_action_of(group)
        parameters = action.parameters(spec) if traits.observes else agent.parameters(spec, group.count)
        if len(parameters) > PARAM_VALUES:
            raise ValueError(f"population.{group.name} has {len(parameters)} parameters, at most {PARAM_VALUES}")
        params["value"][param_rows, : len(parameters)] = parameters
        seat = records["seat"][:, seats]
        follows = traits.observes and number > 0
        seat["agent"]["trader"] = 0 if follows or agent.trader is None else agent.trader.address
        seat["agent"]["decoder"] = action.decoder.address
        seat["agent"]["action_offset"] = number * action.size
        seat["agent"]["timing"] = (
            environment.timing.timing_function.address if traits.observes and environment.timing.timing_function else 0
        )
        scheme = environment.action_of(group.name)
        seat["agent"]["mask_function"] = 0 if scheme.mask is None else scheme.mask.address
        # No mask function writes the choices of a pace.
        seat["agent"]["mask"][..., : mask_size_of(scheme)] = 1
        paced = timing_parameters(action, environment.timing, spec)
        params["timing_value"][param_rows, : len(paced)] = paced
        seat["agent"]["observes"] = seat["tracks_queue"] = traits.observes
        seat["agent"]["warms_up"] = (
            traits.warms_up and agent.trader is not None
        )  # nothing comes from outside before the open
        seat["agent"]["observes_fundamental"] = "fundamental" in traits.privileges
        seat["agent"]["moves_fundamental"] = traits.moves_fundamental
        seat["agent"]["group_index"] = np.arange(group.count)
        row = np.arange(param_rows.start, param_rows.stop)
        row = row[None, :] if traits.parameters_per == "seat" else row[:, None]
        seat["agent"]["params_row"] = np.broadcast_to(row, (records.size, group.count))
        for place, (name, part) in enumerate(environment.reward.items()):
            parameters = part.parameters(spec)
            if len(parameters) > REWARD_VALUES:
                raise ValueError(f"reward.{name} has {len(parameters)} parameters, at most {REWARD_VALUES}")
            params["reward_value"][param_rows, place, : len(parameters)] = parameters


def external_seats(environment: EnvironmentSpec) -> NDArray[np.int64]:
    """Return the seats whose actions come from outside, in rising order."""
    outside = [group.agent.trader is None for group in environment.groups for _ in range(group.count)]
    return np.flatnonzero(outside).astype(np.int64)


def num_choices_of_seats(environment: EnvironmentSpec, external: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return how many choices each number of each external seat's action has.

    It has shape (external seats, action size), with 0 for numbers that are no choice; None where none is.
    """
    choices = np.zeros((environment.seats, environment.action_size), np.int64)
    for group in environment.groups:
        scheme, seats = environment.action_of(group.name), environment.seats_of(group.name)
        found = num_choices_of(scheme.space)
        if found is not None:
            choices[seats, : found.size] = found
    own = choices[external]
    return own if own.any() else None
