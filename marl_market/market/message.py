"""Write and read one JSON message, field by field; errors name the field."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from marl_market.market.tape import Side
from marl_market.market.units import NANOSECONDS_PER_SECOND

SIDE_NAMES = {Side.BUY: "buy", Side.SELL: "sell"}
SIDES = {name: side for side, name in SIDE_NAMES.items()}
AMOUNT = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Value = TypeVar("Value")


class MessageError(ValueError):
    """A message has a field that its format does not allow."""


def format_time(time_ns: int) -> str:
    """Return an ISO 8601 time in UTC with six decimals of a second, nine where six would round."""
    seconds, rest = divmod(time_ns, NANOSECONDS_PER_SECOND)
    fraction = f"{rest:09d}" if rest % 1000 else f"{rest // 1000:06d}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def format_amount(value: Decimal) -> str:
    """Return the plain decimal, never with an exponent."""
    return format(value, "f")


def dump_object(**fields: object) -> str:
    """Return one line of JSON."""
    return json.dumps(fields, separators=(",", ":"))


def parse_object(text: str) -> dict[str, Any]:
    """Return the fields of a JSON object; raises MessageError for any other text."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise MessageError(f"a message is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise MessageError(f"a message is {text[:60]!r}; it must be a JSON object")
    return message


def invalid_field(name: str, value: object, wanted: str) -> MessageError:
    """Return the error of an invalid field: its name, its value and the wanted one."""
    return MessageError(f"{name} is {value!r}; it must be {wanted}")


def parse_amount(name: str, value: object) -> Decimal:
    """Return a decimal written in quotes; raises MessageError for any other value."""
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise invalid_field(name, value, "a decimal in quotes")
    return Decimal(value)


def parse_size(name: str, value: object, above_zero: bool = False) -> Decimal:
    """Return a quantity written in quotes; raises MessageError for any other value."""
    size = parse_amount(name, value)
    if size < 0 or (above_zero and size == 0):
        raise invalid_field(name, value, "above zero" if above_zero else "zero or more")
    return size


def parse_side(name: str, value: object) -> Side:
    """Return the side named `buy` or `sell`; raises MessageError for any other value."""
    if not isinstance(value, str) or value not in SIDES:
        raise invalid_field(name, value, "buy or sell")
    return SIDES[value]


class MessageFields:
    """The fields of one message, each read once, none left over; an invalid field raises MessageError with its name."""

    def __init__(self, text: str, kind: str) -> None:
        """Parse a message of type `kind`; raises MessageError for any other text or type."""
        self._kind = kind
        self._left = parse_object(text)
        if (found := self._take("type")) != kind:
            raise invalid_field("type", found, kind)

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise MessageError(f"{self._kind}.{name} is missing")
        return self._left.pop(name)

    def text(self, name: str) -> str:
        """Return a text field."""
        value = self._take(name)
        if not isinstance(value, str) or not value:
            raise invalid_field(f"{self._kind}.{name}", value, "text")
        return value

    def whole(self, name: str) -> int:
        """Return an integer field of zero or more."""
        value = self._take(name)
        if type(value) is not int or value < 0:  # True is an int too
            raise invalid_field(f"{self._kind}.{name}", value, "a whole number of zero or more")
        return value

    def amount(self, name: str, above_zero: bool = False) -> Decimal:
        """Return a field of a decimal in quotes."""
        value, name = self._take(name), f"{self._kind}.{name}"
        return parse_size(name, value, above_zero=True) if above_zero else parse_amount(name, value)

    def side(self, name: str) -> Side:
        """Return a side field."""
        return parse_side(f"{self._kind}.{name}", self._take(name))

    def time(self, name: str) -> int:
        """Return a field of a UTC time, in nanoseconds since 1970."""
        value = self._take(name)
        match = TIME.fullmatch(value) if isinstance(value, str) else None
        try:
            moment = datetime.fromisoformat(f"{match[1]}+00:00") if match else None
        except ValueError:
            moment = None
        if match is None or moment is None:
            raise invalid_field(f"{self._kind}.{name}", value, "a UTC time such as 2020-01-01T00:00:00.000001Z")
        since = moment - EPOCH
        return (since.days * 86_400 + since.seconds) * NANOSECONDS_PER_SECOND + int((match[2] or "").ljust(9, "0"))

    def rows(self, name: str, width: int, shape: str) -> list[tuple[str, list[Any]]]:
        """Return each row with its own name, for errors about its content."""
        value = self._take(name)
        name = f"{self._kind}.{name}"
        if not isinstance(value, list):
            raise invalid_field(name, value, f"a list of {shape}")
        for place, row in enumerate(value):
            if not isinstance(row, list) or len(row) != width:
                raise invalid_field(f"{name}[{place}]", row, shape)
        return [(f"{name}[{place}]", row) for place, row in enumerate(value)]

    def all_read(self, value: Value) -> Value:
        """Return `value`; raises MessageError where a field is left over."""
        if self._left:
            name, found = next(iter(self._left.items()))
            raise MessageError(f"{self._kind}.{name} is {found!r}; a {self._kind} has no such field")
        return value
