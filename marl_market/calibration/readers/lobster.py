"""Reads LOBSTER message files: NASDAQ order messages, one line each.

`lobster_messages` has the format of a line, and `lobster_book` the rules by which the book is rebuilt.

Times in the tape are nanoseconds after midnight, New York time, of the first file's day; later files are so many days
later as the dates in their names say (without dates: the next day where the time of day falls).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from marl_market.calibration.readers.lobster_book import LobsterBook
from marl_market.calibration.readers.lobster_messages import (
    LINE,
    RESTING,
    Messages,
    MessageType,
    is_message_file,
    messages_of,
)
from marl_market.calibration.readers.reader import Reader, Reading
from marl_market.calibration.readers.source import DataError, Head, Source
from marl_market.calibration.readers.times import DAY_NS
from marl_market.market.fees import Fees

NASDAQ_FEES = Fees(taker_per_unit=0.0030, maker_per_unit=-0.0020)
"""Order of magnitude of NASDAQ's 2012 schedule, dollars per share, no volume tiers: replace it by your own tier."""

CONSTANT_DIRECTION_FROM = date(2014, 7, 14)
"""First day whose hidden executions all have direction 1."""
FEWEST_CONSTANT, FEWEST_CONSTANT_EARLIER = 2, 10
"""Hidden executions of one direction that show that it is constant, in a file without a date and in an earlier one."""

_NAME = re.compile(r"(?P<ticker>.+?)_(?P<date>\d{4}-\d{2}-\d{2})_")


@dataclass(frozen=True)
class LobsterReader(Reader):
    """Read LOBSTER message files; see `Reader` for the attributes."""

    fees: Fees = NASDAQ_FEES

    format = "lobster"
    price_places = 4
    size_places = 0

    @staticmethod
    def recognizes(head: Head) -> bool:
        """Return whether the first lines are messages."""
        return is_message_file(head)

    def take(self, source: Source, reading: Reading) -> None:
        """Record the messages of one file."""
        _require_ticker(source, reading.sources[0])
        messages = Messages()
        for message in messages_of(source, reading.summary):
            if message.type in RESTING:
                reading.sizes.size(message.size, source, message.line)
                price = reading.prices.price(message.price, message.direction, source, message.line)
                message = message._replace(price=price)
            elif message.type == MessageType.HIDDEN_EXECUTION:
                reading.sizes.size(message.size, source, message.line)
            messages.append(message)
        if not np.isin(messages.array("type"), list(RESTING)).any():
            raise source.error(len(messages) + 1, "the end of the file", f"a message {LINE} of a visible order")
        reading.currency = "USD"
        first_day = _date(reading.sources[0])
        reading.recorder.window.origin_ns = (first_day - date(1970, 1, 1)).days * DAY_NS if first_day else 0
        offset_ns = _offset_ns(_date(source), first_day, messages[0].time_ns, reading)
        directions = _hidden_directions(messages, _date(source))
        LobsterBook(source, reading.recorder, directions).replay(messages, offset_ns)

    def time_text(self, time_ns: int, reading: Reading) -> str:
        """Return a time with the date in the name of the first file, if any."""
        day = _date(reading.sources[0])
        moment = datetime.combine(day or date(1970, 1, 1), datetime.min.time()) + timedelta(
            microseconds=time_ns // 1000
        )
        return (moment if day else moment.time()).isoformat()


def _hidden_directions(messages: Messages, day: date | None) -> bool:
    """Return whether the directions of the hidden executions mean something."""
    if day is not None and day >= CONSTANT_DIRECTION_FROM:
        return False
    directions = messages.array("direction")[messages.array("type") == MessageType.HIDDEN_EXECUTION]
    fewest = FEWEST_CONSTANT if day is None else FEWEST_CONSTANT_EARLIER
    return len(directions) < fewest or len(np.unique(directions)) > 1


def _offset_ns(day: date | None, first_day: date | None, first_ns: int, reading: Reading) -> int:
    if day and first_day:
        return (day - first_day).days * DAY_NS
    last_ns = reading.recorder.last_ns
    return (last_ns // DAY_NS + (first_ns < last_ns % DAY_NS)) * DAY_NS


def _require_ticker(source: Source, first: Source) -> None:
    names = [_NAME.match(each.path.name) for each in (first, source)]
    tickers = [name["ticker"] if name else None for name in names]
    if tickers[0] != tickers[1]:
        raise DataError(f"path names {first.path.name} and {source.path.name}; the files must be of one ticker")


def _date(source: Source) -> date | None:
    name = _NAME.match(source.path.name)
    return date.fromisoformat(name["date"]) if name else None
