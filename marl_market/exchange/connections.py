"""Connections between seats and venues: the memory of their delays, of commands in flight and of late market data.

The rules are in `marl_market.exchange.latency`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import carray
from numpy.typing import NDArray

from marl_market.exchange.compiled import inlined
from marl_market.exchange.pointers import pointer
from marl_market.exchange.records import COMMAND, PUBLIC, SEAT_COMMANDS, SEAT_IN_FLIGHT, SEAT_ORDERS
from marl_market.market.latency import Delay, Latency

DELAY = np.dtype(
    [
        ("floor_ns", np.float64),
        ("uniform_ns", np.float64),
        ("exponential_ns", np.float64),
        ("lognormal_ns", np.float64),
        ("sigma", np.float64),
        ("longest_ns", np.float64),
    ],
    align=True,
)
IN_FLIGHT = np.dtype([("arrival_ns", np.int64), ("command", COMMAND)], align=True)
CONNECTION = np.dtype(
    [
        ("entry", DELAY),
        ("data", DELAY),
        ("compute_ns", np.float64),
        ("random", np.uint64),
        ("random_key", np.uint64),
        ("last_arrival_ns", np.int64),
        ("data_steps", np.int64),  # age of the public record that the seat observes
        ("new_records", np.int64),  # public records that it observes since the last step and has not before
        ("sent", np.int64),  # commands so far; those from `delivered` on are in flight, i at i % SEAT_IN_FLIGHT
        ("delivered", np.int64),
        ("taken", np.int64),  # delivered in this step
        ("next_ns", np.int64),  # arrival of the next command
        ("arrival_rank", np.int32),  # of the seat in the shuffled order of the step
        ("heap", np.int32),  # row i of all connections holds entry i of the heap of seats
        ("in_flight", IN_FLIGHT, (SEAT_IN_FLIGHT,)),
    ],
    align=True,
)
"""The connection between a seat and its venue."""

DELIVERY = np.dtype(
    [
        ("after_ns", np.int64),  # since the beginning of the step
        ("seat", np.int64),
        ("rejection", np.int64),  # Reason of a command that the venue does not process
        ("command", COMMAND),
    ],
    align=True,
)
"""A command that arrives, or is rejected in flight."""


QUEUE = np.dtype(
    [
        ("order_id", np.int64, (SEAT_ORDERS,)),
        ("since_ns", np.int64, (SEAT_ORDERS,)),
        ("ahead_lots", np.int64, (SEAT_ORDERS,)),
    ],
    align=True,
)
"""The queue positions of a seat's orders in a step, each with the time at which the order took it."""


class Connections(NamedTuple):
    """The memory of a batch's connections; its markets hold addresses in it, so it must outlive them.

    Attributes:
        connection: (markets, seats) CONNECTION rows.
        delivery: (markets, deliveries) DELIVERY rows of the last step, `market.delivery_count` of them are valid.
        history: (markets, steps) PUBLIC rows, the record of step t at t % steps; no steps where no data are delayed.
        queue_history: (markets, steps * seats) QUEUE rows of the same steps, written to where the market has a history.
    """

    connection: NDArray[np.void]
    delivery: NDArray[np.void]
    history: NDArray[np.void]
    queue_history: NDArray[np.void]

    def addresses(self) -> list[NDArray[np.int64]]:
        """Return the addresses of each market's rows (markets,), field by field."""
        return [memory.ctypes.data + memory.strides[0] * np.arange(len(memory)) for memory in self]


def connect(
    markets: NDArray[np.void], latencies: Sequence[Latency], step_ns: int, substeps: int = 1
) -> Connections | None:
    """Connect every market's seats with these `latencies`, one a seat; return the memory, None without delays.

    The clock ticks every `step_ns`, and a seat that observes looks back over `substeps` ticks.
    """
    if not any(latency.delays for latency in latencies):
        return None
    longest = max(latency.data.steps(step_ns) for latency in latencies)
    depth = 0 if longest == 0 else 1 + longest + (substeps if substeps > 1 else 0)
    connections = Connections(
        np.zeros((markets.size, len(latencies)), CONNECTION),
        np.zeros((markets.size, len(latencies) * (SEAT_IN_FLIGHT + SEAT_COMMANDS)), DELIVERY),
        np.zeros((markets.size, depth), PUBLIC),
        np.zeros((markets.size, depth * len(latencies)), QUEUE),
    )
    for seat, latency in enumerate(latencies):
        row = connections.connection[:, seat]
        _write_delay(row["entry"], latency.entry)
        _write_delay(row["data"], latency.data)
        row["compute_ns"] = latency.compute_ns
        markets["seat"]["entry_delay"][:, seat] = magnitude(latency.entry_mean_ns)
        markets["seat"]["data_delay"][:, seat] = magnitude(latency.data.mean_ns)
    markets["history_steps"] = connections.history.shape[1]
    for name, rows in zip(Connections._fields, connections.addresses(), strict=True):
        markets[name] = rows
    return connections


def magnitude(nanoseconds: float) -> float:
    """Return a delay as seats observe it: its order of magnitude, 0 for none and 1 for a second."""
    return math.log10(1.0 + 1e-3 * nanoseconds) / 6.0


def _write_delay(row: NDArray[np.void], delay: Delay) -> None:
    for name in DELAY.names or ():
        row[name] = getattr(delay, name)


@inlined
def connections_of(market):  # type: ignore[no-untyped-def]
    """Return the CONNECTION rows of a market, one a seat."""
    return carray(pointer(market.connection), (market.seat_count,), CONNECTION)


@inlined
def deliveries_of(market):  # type: ignore[no-untyped-def]
    """Return the DELIVERY rows of a market's last step; `market.delivery_count` of them are valid."""
    return carray(pointer(market.delivery), (market.seat_count * (SEAT_IN_FLIGHT + SEAT_COMMANDS),), DELIVERY)


@inlined
def history_of(market):  # type: ignore[no-untyped-def]
    """Return the PUBLIC rows of a market's last `market.history_steps` steps."""
    return carray(pointer(market.history), (market.history_steps,), PUBLIC)


@inlined
def queue_row(market, seat_index, steps_ago):  # type: ignore[no-untyped-def]
    """Return the QUEUE row of a seat of so many steps ago."""
    rows = carray(pointer(market.queue_history), (market.history_steps * market.seat_count,), QUEUE)
    return rows[(market.public.step - steps_ago) % market.history_steps * market.seat_count + seat_index]
