"""One thread at a time: two that step one market at once would write into each other's orders."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Exclusive(Protocol):
    """An object that only one thread at a time may use.

    Attributes:
        in_use: held while a thread uses it.
    """

    in_use: threading.Lock


def exclusive(
    method: Callable[Concatenate[Any, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Result]:
    """Let a method raise RuntimeError while another thread is in an exclusive method of the same object."""

    @functools.wraps(method)
    def guarded(self: Exclusive, *arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        if not self.in_use.acquire(blocking=False):
            raise RuntimeError(
                f"{type(self).__name__}.{method.__name__} was called while another thread uses the same object; "
                "give each thread its own, for example a clone()"
            )
        try:
            return method(self, *arguments, **named)
        finally:
            self.in_use.release()

    return guarded
