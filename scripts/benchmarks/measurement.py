"""A measured figure, its timing and its machine."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba

REPEATS = 5
NAME_WIDTH = 62


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: of the quantity; a name never changes its meaning.
        value: the number.
        unit: of the number.
        conditions: of the measurement.
    """

    name: str
    value: float
    unit: str
    conditions: Mapping[str, Any]

    def line(self) -> str:
        """Return the figure for a reader: name, value, unit and conditions, in columns."""
        digits = 0 if self.value >= 1000 else 2 if self.value >= 1 else 4
        conditions = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in self.conditions.items())
        return f"{self.name:{NAME_WIDTH}} {self.value:>14,.{digits}f} {self.unit:<14} {conditions}"

    def json_line(self) -> str:
        """Return the figure for a program; its conditions include the machine and its load at this moment."""
        return json.dumps({**asdict(self), "conditions": {**machine(), **self.conditions}})


def machine() -> dict[str, Any]:
    """Return the machine: processor, cores, load average of the last minute, versions."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numba": numba.__version__,
    }


def best_seconds(work: Callable[[], object], prepare: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least wall time of `work` over `repeats` runs, each after a `prepare` that is not timed.

    The first run comes on top and does not count: it compiles and warms up.
    """
    seconds = []
    for _ in range(repeats + 1):
        prepare()
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:])
