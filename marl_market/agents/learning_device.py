"""The device of gradient learners: the CPU by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_DEVICE = ContextVar("device", default="cpu")


@contextmanager
def learning_on(device: str) -> Iterator[None]:
    """Let learners that are built within learn on `device`, "cpu" or "cuda"; they act on the CPU in any case."""
    before = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(before)


def learning_device() -> str:
    """Return the device of a learner that is built now."""
    return _DEVICE.get()
