"""One run of a sweep, in a process of its own: `sweep.py` starts it, and writes its request to its input.

The input stays open as long as the sweep lives: at its end the run is asked to save and stop.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

GRACE = 10.0
"""Seconds in which a run whose sweep has died may save."""


def main() -> None:
    """Train the run that the input describes, and write how it ended to the file that the input names."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        signal.signal(number, handler)  # The process that started this one ignores both.
    sys.path[:] = json.loads(sys.stdin.readline())
    given, answer = json.loads(sys.stdin.readline()), Path(json.loads(sys.stdin.readline()))
    threading.Thread(target=end_with_sweep, daemon=True).start()
    outcome = train(given)
    answer.write_text(json.dumps(outcome), encoding="utf-8")
    sys.exit(int(outcome["status"] == "failed"))


def train(given: dict[str, Any]) -> dict[str, Any]:
    """Return how the run ended, whatever it raised."""
    from command.console import EXPECTED, HINT, message, wants_traceback

    try:
        from command.launch import launch
        from command.request import Request

        return launch(Request(**given)).to_dict()
    except KeyboardInterrupt:
        return failed("KeyboardInterrupt")
    except SystemExit as stopped:
        return failed(f"the run ended itself by SystemExit({stopped.code!r})")
    except BaseException as error:
        expected = isinstance(error, EXPECTED)
        if wants_traceback() or not expected:
            traceback.print_exc()
        text = message(error) if expected else f"{type(error).__name__}: {message(error)}"
        print(f"error: {text}" + ("" if wants_traceback() or not expected else f"\n{HINT}"), flush=True)
        return failed(text)


def failed(error: str) -> dict[str, Any]:
    """Return how a run ended that failed."""
    return {"status": "failed", "error": error}


def end_with_sweep() -> None:
    """Wait for the end of the input; then save and stop, and after some time stop whatever there is to save."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
