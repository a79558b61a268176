"""Any commands as an action, and policies that send them: the programs among which pumps are searched."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from marl_market.env.interface.records import SEAT_ACTIONS
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import CommandKind, TimeInForce
from marl_market.exchange.commands import (
    cancel,
    cancel_all,
    replace,
    submit_limit_order,
    submit_market,
    submit_stop,
    submit_stop_limit,
)
from marl_market.market.spec import MarketSpec

FIELDS = 8
COMMANDS = SEAT_ACTIONS // FIELDS
"""Commands of a step, divided among the instruments."""
KIND, SIDE, OFFSET, LOTS, FORCE, DISPLAY, LIFETIME, CHANCE = range(FIELDS)
NONE = 0
LIMIT, MARKET, CANCEL, CANCEL_ALL, REPLACE, STOP, STOP_LIMIT = map(int, list(CommandKind))
KINDS = (NONE, LIMIT, LIMIT, LIMIT, MARKET, CANCEL, CANCEL_ALL, CANCEL_ALL, REPLACE, STOP, STOP_LIMIT)
FORCES = (*[int(TimeInForce.GOOD_TILL_CANCEL)] * 4, *map(int, TimeInForce))
OFFSETS = (-1_000_000, -30, -3, -1, 0, 1, 2, 5, 20, 200, 10_000, 1_000_000)
SIZES = (1, 2, 5, 20, 100, 1000)
LIFETIMES = (0, 0, 0, 1, 3)
SEGMENTS = 4


@trader
def decode(public, seat, params):  # type: ignore[no-untyped-def]
    """Send each command: (kind, side, ticks behind the reference price, lots, time in force, displayed, lifetime)."""
    for number in range(np.int64(params.value[0])):
        field = seat.agent.action[FIELDS * number : FIELDS * (number + 1)]
        kind, side, lots = np.int64(field[KIND]), np.int64(field[SIDE]), np.int64(field[LOTS])
        price = public.reference_ticks - side * np.float64(field[OFFSET])
        if kind == LIMIT:
            force, display, lifetime = np.int64(field[FORCE]), np.int64(field[DISPLAY]), np.int64(field[LIFETIME])
            submit_limit_order(seat, side, price, lots, display, force, lifetime)
        elif kind == MARKET:
            submit_market(seat, side, lots)
        elif kind == CANCEL_ALL:
            cancel_all(seat)
        elif kind == STOP:
            submit_stop(seat, side, price, lots)
        elif kind == STOP_LIMIT:
            submit_stop_limit(seat, side, price, price + 2.0 * side, lots)
        elif (kind == CANCEL or kind == REPLACE) and seat.live != 0:
            order = seat.order[lowest_bit(seat.live)]
            if kind == CANCEL:
                cancel(seat, order.order_id)
            else:
                replace(seat, order, price, lots)
    return DECIDED


@dataclass(frozen=True)
class RawCommands:
    """So many commands of any kind in a step."""

    decoder = decode
    encoder = None
    mask = None
    commands: int = COMMANDS

    @property
    def size(self) -> int:
        return self.commands * FIELDS

    @property
    def space(self) -> Box:
        return Box(-np.inf, np.inf, (self.size,), np.float32)

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        return (float(self.commands),)


def random_programs(count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return programs of two seats: the commands of each segment of a session, each sent with its chance.

    Their shape is (programs, segments, seats, commands, fields).
    """
    shape = (count, SEGMENTS, 2, COMMANDS)
    program = np.zeros((*shape, FIELDS), np.float32)
    for field, values in ((KIND, KINDS), (SIDE, (-1, 1)), (OFFSET, OFFSETS), (LOTS, SIZES), (FORCE, FORCES)):
        program[..., field] = random.choice(values, shape)
    program[..., DISPLAY] = random.choice((0, 0, 0, 1, 5), shape)
    program[..., LIFETIME] = random.choice(LIFETIMES, shape)
    program[..., CHANCE] = random.choice((0.1, 0.5, 1.0), shape)
    return program


def mutated(programs: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return a child of each program, with about a tenth of its commands drawn anew."""
    fresh = random_programs(len(programs), random)
    anew = random.random((*programs.shape[:-1], 1)) < 0.1
    return np.where(anew, fresh, programs)


def actions_of(
    programs: NDArray[np.float32], step: int, steps: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return the actions (programs, seats, action size) of a step."""
    commands = programs[:, step * SEGMENTS // steps].copy()
    sent = random.random(commands.shape[:-1]) < commands[..., CHANCE]
    commands[..., KIND] *= sent
    commands[..., OFFSET] += random.integers(0, 2, commands.shape[:-1])
    return commands.reshape(len(programs), 2, -1)
