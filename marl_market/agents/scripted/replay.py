"""Recorded messages of a real market as the background of a simulated one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marl_market.env.trading import DECIDED, MarketSpec, Traits, require, trader
from marl_market.market.replay_tape import ReplayTape
from marl_market.market.validation import is_number, require_instance


@trader
def wait(public, seat, params):  # type: ignore[no-untyped-def]
    """Decide nothing: the recorded messages of the seats arrive at times of their own."""
    return DECIDED


class RecordedMessages(Protocol):
    """A source of recorded messages."""

    def replay_tape(self, tick_size: float, lot_size: float) -> ReplayTape:
        """Return the messages in ticks and lots of these sizes."""
        ...


@dataclass(frozen=True)
class Replay:
    """Send the recorded messages of a real market, whatever has become of the book; see `marl_market.env.step.replay`.

    Sees: nothing: the senders of the messages saw the real market, and do not react to the simulated one.
    Does: submits, cancels and takes what the record says, when it says so; its last seat takes, the others hold one
    order in each of their places.

    Attributes:
        recording: of the messages.
        start_seconds: seconds after the beginning of the recording at which each session begins, its warm-up steps
            before; None: a time drawn from its seed.
    """

    recording: RecordedMessages
    start_seconds: float | None = None

    trader = wait
    traits = Traits()

    def __post_init__(self) -> None:
        require_instance("replay.recording", self.recording, "a source of recorded messages", ("replay_tape",))
        start = self.start_seconds
        right = start is None or (is_number(start) and start >= 0)
        require(right, "replay.start_seconds", start, "zero or more, or null")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return none: what its seats send is no decision."""
        return ()

    def replay_tape(self, spec: MarketSpec) -> ReplayTape:
        """Return the messages, in ticks and lots of the market."""
        return self.recording.replay_tape(float(spec.tick_size), float(spec.lot_size))
