"""Reads recordings that hold one JSON message a line, alone or after the time at which it was received.

A line is `{...}`, `<time>: {...}` (cryptofeed) or `<time> {...}` (the Binance collectors); the time is an epoch in
seconds, milli-, micro- or nanoseconds, as its size shows. Lines that start with an address (`wss://`, `https://`)
are cryptofeed's log of the connection and are passed over. Numbers are loaded as the text that stands in the file, so
that no digit is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from marl_market.calibration.readers.source import Source
from marl_market.market.units import NANOSECONDS_PER_SECOND

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
_ADDRESS = re.compile(r"[a-z]+://")
_LINE = re.compile(r"(?:(?P<time>\d{9,19}(?:\.\d{1,9})?):? +)?(?P<message>\{.*)", re.DOTALL)
_MOMENT = re.compile(
    r"(?P<seconds>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d*))?(?P<zone>Z|[+-]\d{2}:?\d{2})"
)
_EXPECTED = 'a JSON object, alone or after its receive time: "<epoch>: {...}" or "<epoch> {...}"'


class Line(NamedTuple):
    """One message of a recording.

    Attributes:
        source: file it stands in.
        number: of the line, from 1.
        received_ns: time at which it was received, nanoseconds since 1970; None where the line tells none.
        message: the JSON object; its numbers are text.
    """

    source: Source
    number: int
    received_ns: int | None
    message: dict[str, Any]


def json_lines(source: Source) -> Iterator[Line]:
    """Yield the messages of a file; raises DataError on the first line that holds none."""
    for number, text in source.lines():
        if _ADDRESS.match(text):
            continue
        yield parse(source, number, text)


def parse(source: Source, number: int, text: str) -> Line:
    """Return the message of one line; raises DataError where it holds none."""
    found = _LINE.fullmatch(text.strip())
    try:
        message = _DECODER.decode(found["message"]) if found else None
    except (ValueError, RecursionError):
        message = None
    if found is None or not isinstance(message, dict):
        raise source.error(number, text, _EXPECTED)
    return Line(source, number, epoch_nanoseconds(found["time"]) if found["time"] else None, message)


def epoch_nanoseconds(text: str) -> int:
    """Return nanoseconds since 1970 of an epoch in seconds, milli-, micro- or nanoseconds; raises ValueError."""
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdecimal() or len(whole) > 19:
        raise ValueError(f"time {text}")
    # Ten digits of seconds last until 2286; each finer unit adds three.
    places = 0 if len(whole) <= 11 else 3 * -(-(len(whole) - 11) // 3)
    finest = 9 - places
    return int(whole) * 10**finest + int(fraction.ljust(finest, "0")[:finest] or "0")


def utc_nanoseconds(moment: object) -> int:
    """Return nanoseconds since 1970 of a date and time in ISO 8601 with its zone, or of an epoch; raises ValueError."""
    text = str(moment)
    found = _MOMENT.fullmatch(text)
    if not found:
        return epoch_nanoseconds(text)
    zone = "+00:00" if found["zone"] == "Z" else found["zone"]
    try:
        whole = int(datetime.fromisoformat(found["seconds"] + zone).timestamp())
    except OverflowError:
        raise ValueError(f"time {text}") from None
    return whole * NANOSECONDS_PER_SECOND + int((found["fraction"] or "").ljust(9, "0")[:9])
