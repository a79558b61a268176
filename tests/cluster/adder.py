"""A worker that adds, or fails in one way or another."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


class Adder:
    """Adds the number of its shard; the methods that fail do so for one shard, and once if they are given a marker."""

    def __init__(self, shard: int) -> None:
        self.shard = shard

    def add(self, values: list[int]) -> int:
        if self.shard == sum(values) == 0:
            raise ZeroDivisionError("nothing to add")
        return self.shard + sum(values)

    def stop(self, shard: int, marker: str) -> int:
        if shard == self.shard and is_first(marker):
            os.kill(os.getpid(), signal.SIGSTOP)
        return self.shard

    def work(self, shard: int, marker: str) -> int:
        if shard == self.shard and is_first(marker):
            time.sleep(1000)
        return self.shard

    def die(self, shard: int) -> int:
        if shard == self.shard:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.shard


def is_first(marker: str) -> bool:
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def stop_once(marker: str) -> type[Adder]:
    """Return the class, but in the first process that asks, which stops."""
    if is_first(marker):
        os.kill(os.getpid(), signal.SIGSTOP)
    return Adder
