"""Interrupts: the first SIGINT or SIGTERM ends the training and not the program, a later one the program at once.

Python runs a signal's handler between two of its own instructions, so never while a compiled step runs, which may be
for ever where a trader has an endless loop. A thread therefore learns of signals from the pipe to which the
interpreter's handler in C writes them (`signal.set_wakeup_fd`), and ends the process where the main thread does not
answer, or where a second signal comes.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TOGETHER_SECONDS = 1.0
"""Signals within this time are one: schedulers send one to the process and one to its group."""

GRACE_SECONDS = 10.0
"""Time after the first signal in which the main thread must run its handler."""

STEP_SOURCE = "step/kernels.py"


class Interrupts:
    """A context in which signals are handled; in another thread than the main one it does nothing.

    Attributes:
        received: the first signal within `deferred`, if there was one.
    """

    def __init__(self, safe: Callable[[], str]) -> None:
        """Prepare; `safe` returns in words what of the run is safe, for the last line of a process that is ended."""
        self.received: list[int] = []
        self._safe = safe
        self._saving = threading.RLock()
        self._answered = threading.Event()
        self._is_deferring = False
        self._first: float | None = None

    def __enter__(self) -> Interrupts:
        self._is_active = threading.current_thread() is threading.main_thread()
        if self._is_active:
            self._before = {number: signal.getsignal(number) for number in SIGNALS}
            self._reading, self._writing = os.pipe()
            os.set_blocking(self._writing, False)
            self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
            self._install()
            self._watching = threading.Thread(target=self._watch, name="interrupts", daemon=True)
            self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_active:
            return
        if self._first is not None:  # the second of two signals at once may still come
            time.sleep(max(0.0, self._first + TOGETHER_SECONDS - time.monotonic()))
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.write(self._writing, b"\0")
        self._watching.join()
        os.close(self._reading)
        os.close(self._writing)

    @contextmanager
    def deferred(self, save: Callable[[], None]) -> Iterator[list[int]]:
        """Turn the first signal into an entry of the list it yields, instead of ending what runs.

        `save` is called then: at once, between any two instructions, or in another thread if the main thread does not
        answer.
        """
        self._save = save
        if self._is_active:
            self._install()  # again: Ray sets handlers of its own as it starts
        self._is_deferring = True
        try:
            yield self.received
        finally:
            self._is_deferring = False

    def _install(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: object) -> None:
        """Handle a signal in the main thread."""
        self._first = self._first or time.monotonic()
        if self._answered.is_set():
            return
        self._answered.set()
        if not self._is_deferring:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        self.received.append(number)
        with self._saving:
            self._save()

    def _watch(self) -> None:
        """Read signals as they come, and end the process where the main thread cannot."""
        first: tuple[float, int] | None = None
        while True:
            waits = first is not None and not self._answered.is_set()
            left = first[0] + GRACE_SECONDS - time.monotonic() if first is not None and waits else None
            ready, _, _ = select.select([self._reading], [], [], None if left is None else max(0.0, left))
            numbers = os.read(self._reading, 64) if ready else b""
            if 0 in numbers:
                return
            for number in numbers:
                if number in SIGNALS:
                    first = first or (time.monotonic(), number)
                    if time.monotonic() - first[0] > TOGETHER_SECONDS:
                        self._end(number, f"a second signal ({signal.Signals(number).name}) ends everything")
            if not ready and first is not None and not self._answered.is_set():
                self._save_aside()
                self._end(first[1], f"{self._place()} has not returned for {GRACE_SECONDS:.0f} s")

    def _save_aside(self) -> None:
        """Save while the main thread is inside a step, if this can be done in time."""

        def save() -> None:
            with self._saving:
                self._save()

        if self._is_deferring:
            saving = threading.Thread(target=save, daemon=True)
            saving.start()
            saving.join(GRACE_SECONDS)

    def _place(self) -> str:
        """Return where the main thread is."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        if frame is None:
            return "the main thread"
        in_step = Path(frame.f_code.co_filename).as_posix().endswith(STEP_SOURCE)
        step = "the step, called in" if in_step else "what is called in"
        loop = " (an endless loop in a trader?)" if in_step else ""
        return f"{step} {frame.f_code.co_filename}, line {frame.f_lineno}{loop}"

    def _end(self, number: int, why: str) -> None:
        """End the process without a word of the main thread, which may never come."""
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{why}; {self._safe()}\n".encode())
        os._exit(128 + number)
