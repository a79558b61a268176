"""Provenance of a market spec."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """Source of the constants of a market spec.

    Attributes:
        source: name of the data file, without its folder.
        format: reader that read it.
        start: first time stamp in the data, ISO 8601.
        end: last time stamp in the data, ISO 8601.
        rows: number of messages read.
        sha256: digest of the file's bytes.
    """

    source: str
    format: str
    start: str
    end: str
    rows: int
    sha256: str
