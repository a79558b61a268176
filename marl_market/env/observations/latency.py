"""Delays between the seat and its venue."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import Value

VALUES = tuple(Value(name, "log10(1 + microseconds) / 6", low=0.0) for name in ("entry_delay", "data_delay"))


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write the orders of magnitude of the mean entry and data delays, log10(1 + microseconds) / 6."""
    observation[0] = seat.entry_delay
    observation[1] = seat.data_delay


@dataclass(frozen=True)
class LatencyTier:
    """The seat's mean delays, from 0 for none over 0.5 for a millisecond to 1 for a second."""

    encoder = encode
    tracks_history = False
    shared = False
    values = VALUES
    size = len(VALUES)
