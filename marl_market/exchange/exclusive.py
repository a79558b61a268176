"""One thread at a time: two that step one market at once would write into each other's orders."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def exclusive(
    method: Callable[Concatenate[Any, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Result]:
    """Let a method raise RuntimeError while another thread is in an exclusive method of the same object.

    The object has a lock `in_use`, which is held while a thread uses it.
    """

    @functools.wraps(method)
    def guarded(self: Any, *arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        if not self.in_use.acquire(False):
            raise in_use_error(self, method.__name__)
        try:
            return method(self, *arguments, **named)
        finally:
            self.in_use.release()

    return cast("Callable[Concatenate[Any, Parameters], Result]", guarded)


def in_use_error(user: Any, method: str) -> RuntimeError:
    """Return the error of a method that was called while another thread uses the object."""
    return RuntimeError(
        f"{type(user).__name__}.{method} was called while another thread uses the same object; give each thread its "
        "own, for example a clone()"
    )
