"""Where those learners learn that follow gradients: on processors, wherever nobody says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_DEVICE = ContextVar("device", default="cpu")


@contextmanager
def learning_on(device: str) -> Iterator[None]:
    """Let learners that are born within learn on `device`, "cpu" or "cuda"; they act on the CPU all the same."""
    before = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(before)


def learning_device() -> str:
    """Return where a learner that is born now is to learn."""
    return _DEVICE.get()
