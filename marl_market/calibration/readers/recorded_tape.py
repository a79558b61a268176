"""Reads tapes that `save_tape` wrote, such as those of a simulated market, so that it is calibrated from its record.

A tape has no fees and no currency; they are given here. Several tapes, of one tick and lot, have sessions of their own:
each begins a second after the one before, whatever its own origin of time. Auction trades have side 0 already.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.readers.detect import require_format
from marl_market.calibration.readers.reader import Paths
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError, Head, Source, sources_of
from marl_market.calibration.readers.summary import Gap, Summary
from marl_market.market.fees import Fees
from marl_market.market.provenance import Provenance
from marl_market.market.tape import Tape
from marl_market.market.tape_file import load_tape
from marl_market.market.tape_parts import in_a_row
from marl_market.market.units import NANOSECONDS_PER_SECOND

ARCHIVE = b"PK\x03\x04"
TABLES = ("quotes", "trades", "flow")
"""Tables whose rows are counted; each order has rows of the flow."""


@dataclass(frozen=True)
class TapeReader:
    """Read tapes.

    Attributes:
        fees: of the venue.
        currency: of the prices.
    """

    fees: Fees = field(default_factory=Fees)
    currency: str = "USD"

    format = "tape"

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the file is an archive of arrays."""
        return head.data.startswith(ARCHIVE)

    def read(self, path: Paths) -> Recording:
        """Return the recording of a tape, or of several (a list, or a pattern).

        Raises DataError for a file that is no tape, holds no rows, or has another tick or lot than the first.
        """
        sources = sources_of(path)
        tapes = [self._load(source) for source in sources]
        whole = in_a_row(tapes)
        sessions = whole.sessions
        summary = Summary(rows=sum(len(getattr(whole, name)) for name in TABLES))
        summary.active_ns = int(np.diff(sessions).sum())
        firsts = set(np.cumsum([len(tape.sessions) for tape in tapes]).tolist())
        summary.gaps = [
            Gap(end, begin, "between files" if number in firsts else "between sessions")
            for number, (end, begin) in enumerate(
                zip(sessions[:-1, 1].tolist(), sessions[1:, 0].tolist(), strict=True), 1
            )
        ]
        first = tapes[0]
        for source, tape in zip(sources, tapes, strict=True):
            if (tape.tick_size, tape.lot_size) != (first.tick_size, first.lot_size):
                found = f"a tick of {tape.tick_size} and a lot of {tape.lot_size}"
                raise source.error(1, found, f"{first.tick_size} and {first.lot_size}, as in {sources[0].path.name}")
        return Recording(
            whole.tick_size,
            whole.lot_size,
            whole.quotes,
            whole.trades,
            whole.flow,
            whole.orders,
            sessions,
            provenance=_provenance(sources, sessions, summary.rows),
            fees=self.fees,
            currency=self.currency,
            hidden=np.zeros(len(whole.trades), np.bool_),
            summary=summary,
        )

    def _load(self, source: Source) -> Tape:
        require_format(self, source)  # type: ignore[arg-type]  # reads whole tapes, so has no rows to take
        try:
            tape = load_tape(source.path)
        except ValueError as error:
            raise DataError(str(error)) from None
        if not any(getattr(tape, name).size for name in TABLES):
            raise source.error(1, "a tape without rows", "a tape of a session")
        return tape


def _provenance(sources: list[Source], sessions: NDArray[np.int64], rows: int) -> Provenance:
    each = [source.sha256() for source in sources]
    digest = each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()
    start, end = (f"{time / NANOSECONDS_PER_SECOND:.6f} s" for time in (sessions[0, 0], sessions[-1, 1]))
    return Provenance(sources[0].path.name, TapeReader.format, start, end, rows, digest)
