"""Remembers what was derived from a tape, for as long as the tape lives.

Why by identity: a tape does not change, many functions share its best quotes and its grids, and a search scores
thousands of simulated tapes against one real one.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from marl_market.market.tape import Tape

P = ParamSpec("P")
R = TypeVar("R")


def remembered(function: Callable[Concatenate[Tape, P], R]) -> Callable[Concatenate[Tape, P], R]:
    """Let a function of a tape, and of other arguments without keywords, compute each result once."""
    results: dict[int, dict[tuple[Any, ...], R]] = {}

    @functools.wraps(function)
    def wrapper(tape: Tape, *arguments: P.args, **named: P.kwargs) -> R:
        if id(tape) not in results:
            results[id(tape)] = {}
            weakref.finalize(tape, results.pop, id(tape), None)
        of_tape = results[id(tape)]
        if arguments not in of_tape:
            of_tape[arguments] = function(tape, *arguments, **named)
        return of_tape[arguments]

    # mypy tells the name of the first argument apart.
    return wrapper  # type: ignore[return-value]
