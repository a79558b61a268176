"""Compiled pieces of an environment called one at a time on hand-made records."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.interface.records import SEAT_OBSERVATION
from marl_market.env.interface.schemes import PrivilegedScheme
from marl_market.env.interface.signatures import call_encoder, call_privileged_encoder, call_reward, call_trader
from marl_market.exchange.compiled import compiled
from marl_market.exchange.pointers import floats_at
from tests.builders import commands_of, market_spec, params_record, public_record, seat_record

PART = 15
"""The row that a reward under test is given: not the first, so that one that ignores its row fails."""


@compiled
def call_reward_at(address, public, seat, params, part):  # type: ignore[no-untyped-def]
    return call_reward(address, public, seat, params, part)


@compiled
def call_encoder_at(address, public, seat, observation, size):  # type: ignore[no-untyped-def]
    call_encoder(address, public, seat, floats_at(observation, size))


@compiled
def call_privileged_encoder_at(address, public, seats, index, observation, size):  # type: ignore[no-untyped-def]
    call_privileged_encoder(address, public, seats, index, floats_at(observation, size), size)


@compiled
def call_trader_at(address, public, seat, params):  # type: ignore[no-untyped-def]
    return call_trader(address, public, seat, params)


class Scored:
    """A seat scored by one reward scheme step by step; money is in cash units of the shared small market.

    A price scale is 4 ticks, a size scale 6 lots and a tick on a lot 10000 cash units: a reward of scale 1 counts
    240000 cash units.
    """

    UNIT = 240000.0

    def __init__(self, scheme: Any) -> None:
        self.public = public_record()
        self.seat = seat_record()
        self.params = params_record(reward_parameters=scheme.parameters(market_spec()), part=PART)
        self._address = scheme.reward.address

    def step(self, twice_mark_ticks: int = 2000, reference_ticks: float = 1000.0, **account: int) -> float:
        """Score a step after which the account and the mark are as given; the reference is the one at its start."""
        self.public["step"] += 1
        self.public["twice_mark_ticks"] = twice_mark_ticks
        self.public["previous_reference_ticks"] = reference_ticks
        for name, value in account.items():
            self.seat["account"][name] = value
        return float(call_reward_at(self._address, self.public, self.seat, self.params, PART))


def encode(scheme: Any, public: Any, seat: Any, numbers: NDArray[np.float32]) -> None:
    """Encode an observation into `numbers`; a privileged scheme reads a market of this seat alone."""
    address = numbers.ctypes.data
    if not isinstance(scheme, PrivilegedScheme):
        call_encoder_at(scheme.encoder.address, public, seat, address, scheme.size)
        return
    seats = np.array([seat])
    before = seats.tobytes()
    call_privileged_encoder_at(scheme.privileged_encoder.address, public, seats, 0, address, scheme.size)
    assert seats.tobytes() == before


def observe(scheme: Any, public: Any, seat: Any, offset: int = 5) -> list[float]:
    """Return the finite numbers a scheme writes at `offset`, and fail where it writes anything else."""
    observation = np.full(SEAT_OBSERVATION, 777.0, np.float32)
    public_before, seat_before = public.tobytes(), seat.tobytes()
    encode(scheme, public, seat, observation[offset:])
    written = observation[offset : offset + scheme.size].copy()
    assert np.isfinite(written).all()
    assert (written != 777.0).all()
    observation[offset : offset + scheme.size] = 777.0
    assert (observation == 777.0).all()
    assert seat.tobytes() == seat_before
    assert public.tobytes() == public_before
    return [float(number) for number in written]


def decide_by(scheme: Any, action: Sequence[float], public: Any, seat: Any) -> list[tuple[int, int, int, int]]:
    """Return (kind, side, price, quantity) of the decoded commands of an action in the small market."""
    seat["agent"]["action"][: len(action)] = action
    seat["command_count"] = 0
    params = params_record(scheme.parameters(market_spec()))
    call_trader_at(scheme.decoder.address, public, seat, params)
    return commands_of(seat)


def mask_of(scheme: Any, public: Any, seat: Any) -> list[int]:
    """Return the mask that a scheme writes in the small market."""
    seat["agent"]["mask"][:] = 7
    choices = call_trader_at(scheme.mask.address, public, seat, params_record(scheme.parameters(market_spec())))
    assert (seat["agent"]["mask"][choices:] == 7).all()
    assert np.isin(seat["agent"]["mask"][:choices], (0, 1)).all()
    return [int(number) for number in seat["agent"]["mask"][:choices]]
