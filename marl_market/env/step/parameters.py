"""PARAMS records of the seats of a batch, and constants of some of its markets that differ from the rest.

Both may be set before a session and between two steps of it (a regime switch). A record that seats of other markets
share is copied first, so that only the given markets change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from marl_market.env.actions.timed import timing_parameters
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.signatures import PARAM_VALUES, REWARD_VALUES, TIMING_VALUES
from marl_market.env.population.group import Agent, Group
from marl_market.exchange.setup import write_constants
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import ConfigError, require

CAPACITIES = {"PARAM_VALUES": PARAM_VALUES, "REWARD_VALUES": REWARD_VALUES, "TIMING_VALUES": TIMING_VALUES}

ADJUSTABLE = ("name", "flow", "fees", "fee_tiers", "rules", "credit", "provenance", "further_instruments")
"""Fields of a MarketSpec that may differ among the markets of a batch."""


def write_parameters(
    environment: EnvironmentSpec,
    group: Group,
    agent: Agent,
    spec: MarketSpec,
    params: NDArray[np.void],
    rows: slice | NDArray[np.integer],
) -> None:
    """Write the parameters of a group's agent in an instrument into `params[rows]`; weights stay.

    Steps of a scripted agent are ticks of the market's clock; one that observes decides once a step.

    Raises ValueError for too many parameters, and for one that is not finite.
    """
    action = environment.single_action_of(group)
    values = action.parameters(spec) if agent.traits.observes else agent.parameters(spec.clock, group.count)
    write_values(group.name, values, params, rows)
    timing = finite_numbers("timing", timing_parameters(action, environment.timing, spec), "TIMING_VALUES")
    params["timing_value"][rows, : len(timing)] = timing
    for i, (name, part) in enumerate(environment.reward.items()):
        reward = finite_numbers(f"reward.{name}", part.parameters(spec), "REWARD_VALUES")
        params["reward_value"][rows, i, : len(reward)] = reward


def write_values(
    group: str, values: Sequence[float], params: NDArray[np.void], rows: slice | NDArray[np.integer]
) -> None:
    """Write params.value of a group; raises ValueError for too many values, and for one that is not finite."""
    numbers = finite_numbers(f"population.{group}", values, "PARAM_VALUES")
    params["value"][rows, : len(numbers)] = numbers


def finite_numbers(owner: str, values: object, capacity: str) -> NDArray[np.float64]:
    """Return parameters as numbers; raise ConfigError unless they are finite and as many as `capacity` at most."""
    most = CAPACITIES[capacity]
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"parameters of {owner} are {values!r:.80}; they must be numbers") from error
    require(numbers.ndim == 1, f"parameters of {owner}", values, "a sequence of numbers")
    if numbers.size > most:
        raise ConfigError(f"{owner} has {numbers.size} parameters, at most {most} ({capacity})")
    for index in np.flatnonzero(~np.isfinite(numbers)):
        raise ConfigError(f"parameter {index} of {owner} is {numbers[index]}; it must be finite")
    return numbers


def separate_rows(
    params: NDArray[np.void], params_row: NDArray[np.int32], markets: NDArray[np.int64]
) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Return the PARAMS records, with copies of those that `markets` share with others, and the rows of `markets`.

    `params_row` holds the rows of a group's seats in one instrument `(all markets, seats)` and is updated in place.
    """
    own = params_row[markets]
    shared = np.isin(own, np.delete(params_row, markets, axis=0))
    if shared.any():
        rows, copies = np.unique(own[shared], return_inverse=True)
        own[shared] = len(params) + copies
        params_row[markets] = own
        params = np.concatenate([params, params[rows]])
    return params, np.unique(own).astype(np.int64)


def require_adjustable(base: MarketSpec, spec: MarketSpec) -> None:
    """Raise ValueError, naming the field, unless `spec` differs from `base` only in `ADJUSTABLE` fields."""
    count = len(base.instruments)
    require(len(spec.instruments) == count, "instruments", len(spec.instruments), f"{count}, as in the whole batch")
    for given, wanted in zip(spec.instruments, base.instruments, strict=True):
        for field in fields(MarketSpec):
            value, same = getattr(given, field.name), getattr(wanted, field.name)
            adjustable = field.name in ADJUSTABLE
            require(adjustable or value == same, f"market.{field.name}", value, f"{same!r}, as in the whole batch")


def require_same_credit(spec: MarketSpec, current: Sequence[MarketSpec]) -> None:
    """Raise ValueError unless `spec` has the credit of those that the markets play by."""
    credit = [instrument.credit for instrument in spec.instruments]
    for now in ([instrument.credit for instrument in each.instruments] for each in current):
        require(credit == now, "market.credit", credit, f"{now} until the next reset")


def write_spec(instruments: NDArray[np.void], spec: MarketSpec, markets: NDArray[np.int64]) -> None:
    """Write the constants of a spec into the records `(instruments, all markets)` of `markets`."""
    for number, records in enumerate(instruments):
        for market_index in markets:
            record = records[market_index : market_index + 1]
            write_constants(record, spec.clock, number)
            account = record["seat"]["account"]
            account["fee_tier"] = np.minimum(account["fee_tier"], record["fee_tiers"][:, None] - 1)
