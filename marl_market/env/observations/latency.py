"""How far the seat is from its venue."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.env.trader import encoder


@encoder
def encode(public, seat, offset):  # type: ignore[no-untyped-def]
    """Write the orders of magnitude of the mean entry and data delays, log10(1 + microseconds) / 6."""
    seat.observation[offset] = seat.entry_delay
    seat.observation[offset + 1] = seat.data_delay
    return offset + 2


@dataclass(frozen=True)
class LatencyTier:
    """The seat's delays, from 0 for none over a half for a millisecond to 1 for a second."""

    encoder = encode
    digests = False
    shared = False
    size = 2
