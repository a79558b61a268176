"""Setup of a batch: the functions and parameters of its seats, before anything is played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import PrivilegedScheme, mask_size_of
from marl_market.env.interface.signatures import PARAMS, PART
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.population.group import Group, TrainedAgent, group_update_of
from marl_market.env.population.lineup import Member
from marl_market.env.population.participation import write_participation
from marl_market.env.step.parameters import write_parameters


def observation_parts(environment: EnvironmentSpec) -> NDArray[np.void]:
    """Return the PART rows of an environment's observation, those that differ from seat to seat first."""
    rows, offset, debug = [], 0, environment.debug
    for scheme in environment.observation.values():
        if isinstance(scheme, PrivilegedScheme):
            rows.append((scheme.privileged_encoder.address_in(debug), offset, scheme.size, False, True))
        else:
            rows.append((scheme.encoder.address_in(debug), offset, scheme.size, scheme.shared, False))
        offset += scheme.size
    parts = np.array(rows, PART)
    return parts[np.argsort(parts["shared"], kind="stable")]


def compile_functions(environment: EnvironmentSpec) -> None:
    """Compile all functions of an environment; raises FunctionError for one that does not compile."""
    functions = [part.reward for part in environment.reward.values()] + [environment.timing.timing_function]
    for scheme in environment.observation.values():
        functions.append(scheme.privileged_encoder if isinstance(scheme, PrivilegedScheme) else scheme.encoder)
    for group in environment.groups:
        action = environment.single_action_of(group)
        functions += [group.agent.trader, group_update_of(group.agent), action.decoder, action.mask]
    for function in functions:
        if function is not None:
            function.address_in(environment.debug)


def external_seats(environment: EnvironmentSpec, agents: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the seats that have an external agent in a market of `agents` `(markets, groups)`, ascending."""
    external = [
        any(agent.trader is None for agent in column)
        for group, column in zip(environment.groups, agents.T, strict=True)
        for _ in range(group.count)
    ]
    return np.flatnonzero(external).astype(np.int64)


def num_choices_of_seats(environment: EnvironmentSpec, external: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the number of choices of each value of each external seat's action `(external seats, action size)`.

    It is 0 for a continuous value; None if all are.
    """
    num_choices = np.zeros((environment.seats, environment.action_size), np.int64)
    for group in environment.groups:
        of_values = num_choices_of(environment.action_of(group.name).space)
        if of_values is not None:
            num_choices[environment.seats_of(group.name), : of_values.size] = of_values
    external_choices = num_choices[external]
    return external_choices if external_choices.any() else None


def seat_agents(
    environment: EnvironmentSpec,
    instruments: NDArray[np.void],
    members: Mapping[str, Sequence[Member]],
    external: NDArray[np.int64],
) -> NDArray[np.void]:
    """Write the agent records of all seats of market records `(instruments, markets)`; return the PARAMS records.

    Raises ValueError for a compiled policy with another number of inputs than observations have values.
    """
    placed = [(group, member) for group in environment.groups for member in members[group.name]]
    first_rows = placed[-1][1].rows.stop
    # Each further instrument has one more row for each member, of its trader or decoder there.
    params = np.zeros(first_rows + (len(instruments) - 1) * len(placed), PARAMS)
    instruments["seat"]["agent"]["external_index"] = -1
    for k, (records, spec) in enumerate(zip(instruments, environment.spec.instruments, strict=True)):
        for i, (group, member) in enumerate(placed):
            further_row = first_rows + (k - 1) * len(placed) + i
            rows = slice(further_row, further_row + 1) if k else member.rows
            write_parameters(environment, group, member.agent, spec, params, rows)
            _write_agents(environment, group, member, rows, records["seat"], k)
    for group, member in placed:
        _write_external_index(instruments["seat"]["agent"]["external_index"], environment, group, member, external)
        if isinstance(member.agent, TrainedAgent):
            _require_inputs(environment, group, member.agent)
            member.agent.write_params(params, member.rows)
    instruments["has_arrivals"] = any(group.participation is not None for group in environment.groups)
    return params


def _write_agents(
    environment: EnvironmentSpec, group: Group, member: Member, rows: slice, seat: NDArray[np.void], k: int
) -> None:
    """Write a member's functions and traits into its `seat` records `(markets, seats)` of instrument `k`.

    An agent that observes decides in the first instrument; in others its seats play what it has decided there.
    """
    trader, traits, debug = member.agent.trader, member.agent.traits, environment.debug
    update = group_update_of(member.agent)
    single, action, timing = environment.single_action_of(group), environment.action_of(group.name), environment.timing
    seats = environment.seats_of(group.name)
    where = np.ix_(member.markets, np.arange(seats.start, seats.stop))
    fields: dict[str, Any] = {
        "trader": 0 if trader is None or (traits.observes and k > 0) else trader.address_in(debug),
        "decoder": single.decoder.address_in(debug),
        "action_offset": k * single.size,
        "timing": timing.timing_function.address_in(debug) if traits.observes and timing.timing_function else 0,
        "mask_function": 0 if action.mask is None else action.mask.address_in(debug),
        "group_update": 0 if update is None else update.address_in(debug) * (np.arange(group.count) == 0),
        "observes": traits.observes,
        "warms_up": traits.warms_up and trader is not None,  # there are no external actions before the open
        "observes_fundamental": "fundamental" in traits.privileges,
        "moves_fundamental": traits.moves_fundamental,
        "group_index": np.arange(group.count),
        "params_row": _rows_of_seats(group, member, rows),
    }
    agent = seat["agent"]
    for name, value in fields.items():
        agent[name][where] = value
    # No mask function writes the choices of a decision timing.
    agent["mask"][where[0], where[1], : mask_size_of(action)] = 1
    seat["tracks_queue"][where] = traits.observes


def _rows_of_seats(group: Group, member: Member, rows: slice) -> NDArray[np.int64]:
    """Return the PARAMS row of each seat of a member, broadcastable to `(markets, seats)`."""
    indices = np.arange(rows.start, rows.stop)
    return indices[None, :] if member.agent.traits.parameters_per == "seat" else indices[:, None]


def _write_external_index(
    external_index: NDArray[np.int32],
    environment: EnvironmentSpec,
    group: Group,
    member: Member,
    external: NDArray[np.int64],
) -> None:
    """Write the indices of an external member's seats into `external_index` `(instruments, markets, seats)`."""
    if member.agent.trader is None:
        seats = environment.seats_of(group.name)
        first = np.searchsorted(external, seats.start)
        external_index[:, member.markets, seats] = first + np.arange(group.count)


def _require_inputs(environment: EnvironmentSpec, group: Group, agent: TrainedAgent) -> None:
    inputs, size = agent.observation_size, environment.observation_size
    if inputs != size:
        raise ValueError(f"population.{group.name} has a policy of {inputs} inputs; observations have {size}")


def write_privileges(environment: EnvironmentSpec, instruments: NDArray[np.void], agents: NDArray[np.object_]) -> bool:
    """Let markets keep the history that agents or observations need; return whether agents need paths."""
    observed = any(part.tracks_history for part in environment.observation.values())
    traits = [[agent.traits for agent in of_market] for of_market in agents]
    instruments["public"]["tracks_history"] = [
        observed or any("events" in each.privileges for each in market) for market in traits
    ]
    return any("fundamental" in each.privileges or each.moves_fundamental for market in traits for each in market)


def draw_participation(environment: EnvironmentSpec, instruments: NDArray[np.void], keys: NDArray[np.uint64]) -> None:
    """Draw arrival and departure of every seat from the last of the markets' random `keys` and write them."""
    of_seats = keys[:, -environment.seats :]
    for group in environment.groups:
        if group.participation is not None:
            seats = environment.seats_of(group.name)
            for records in instruments:
                write_participation(
                    group.participation, of_seats[:, seats], records["seat"][:, seats], environment.spec
                )
