"""The remaining time of the session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.env.interface.signatures import encoder
from marl_market.env.interface.values import Value

VALUES = (Value("remaining", "sessions", 0.0, 1.0),)


@encoder
def encode(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write the remaining share of the session, from 1 at the open to 0 at the close."""
    observation[0] = np.float32(1.0 - public.step / public.session_steps)


@dataclass(frozen=True)
class Clock:
    """The remaining share of the session."""

    encoder = encode
    tracks_history = False
    shared = True
    shows_clock = True
    values = VALUES
    size = len(VALUES)
