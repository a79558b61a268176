"""What a function returns in another process."""

import multiprocessing
from collections.abc import Callable
from typing import Any


def in_another_process(method: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a function in a process started by "fork" or "spawn", which must end by itself."""
    context: Any = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_send, args=(queue, function, *arguments))
    process.start()
    found = queue.get(timeout=120)
    process.join(60)
    assert process.exitcode == 0
    return found


def _send(queue: Any, function: Callable[..., Any], *arguments: Any) -> None:
    queue.put(function(*arguments))
