"""Interrupts that end the training and not the program."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(respond: Callable[[], None]) -> Iterator[list[int]]:
    """Turn the first SIGINT or SIGTERM into an entry of the list it yields; a second one interrupts as usual.

    `respond` is called at once, between any two instructions.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def receive(number: int, _frame: object) -> None:
        received.append(number)
        restore()
        respond()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, receive)
    try:
        yield received
    finally:
        restore()
