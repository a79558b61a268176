"""When the seats of a group send what they decide in a step: one after another, as fast as in the data."""

from __future__ import annotations

import math

from marl_market.env.trading import compiled, quantile, send_after, uniform
from marl_market.market.reactive_flow import DELAYS, ReactiveFlow
from marl_market.market.units import NANOSECONDS_PER_SECOND

LAST_NS = 0
CHAIN_MEMORY = 1
CHAIN_PARAMETERS = DELAYS


@compiled
def begin_chain(public, seat, memory, first):  # type: ignore[no-untyped-def]
    """Begin the messages of a step at a random time in it: a step has no meaning in a real market."""
    memory[first + LAST_NS] = uniform(seat) * public.step_seconds * NANOSECONDS_PER_SECOND


@compiled
def send_next(seat, memory, first, table, start):  # type: ignore[no-untyped-def]
    """Send the seat's last command behind the last of its group; return its nanoseconds since the step began."""
    memory[first + LAST_NS] += drawn_ns(seat, table, start)
    send_after(seat, memory[first + LAST_NS])
    return memory[first + LAST_NS]


@compiled
def drawn_ns(seat, table, start):  # type: ignore[no-untyped-def]
    """Return a draw from quantiles of the logarithm of a delay, in nanoseconds."""
    return math.exp(quantile(seat, table, start, DELAYS))


def log_nanoseconds(seconds: float) -> float:
    """Return the logarithm of a delay in nanoseconds."""
    return math.log(seconds * NANOSECONDS_PER_SECOND)


def chain_parameters(flow: ReactiveFlow) -> tuple[float, ...]:
    """Return the quantiles of the time between two messages."""
    return tuple(log_nanoseconds(seconds) for seconds in flow.reaction)
