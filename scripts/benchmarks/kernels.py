"""Start of a fresh process: its imports and its first step, with an empty and with a full kernel cache.

The process is `first_step.py`: sixteen scripted seats, and no seat that acts from outside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Figure

PROGRAM = Path(__file__).with_name("first_step.py")
CACHED_REPEATS = 3
INCLUDED = {
    "kernels.{}_seconds": "from the last import to the end of the first reset (warm-up of 100 steps) and step",
    "kernels.{}_import_seconds": "imports, numba's too, and the traders and encoders that they compile",
}


def measure(quick: bool) -> Iterator[Figure]:
    """Measure a first step cold, once, and cached; with `quick` cached only once too."""
    with tempfile.TemporaryDirectory() as folder:
        cold = first_step(folder)
        runs = [first_step(folder) for _ in range(1 if quick else CACHED_REPEATS)]
    cached = {key: min(run[key] for run in runs) for key in cold}
    for name, seconds, repeats in (("cold_compile", cold, 1), ("cached_start", cached, len(runs))):
        for key, pattern in zip(("first_step_seconds", "import_seconds"), INCLUDED, strict=True):
            conditions = {"includes": INCLUDED[pattern], "best_of": repeats}
            yield Figure(pattern.format(name), seconds[key], "seconds", conditions)


def first_step(cache_folder: str) -> dict[str, float]:
    """Return the seconds of a fresh process with its kernel cache in `cache_folder`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": cache_folder}
    result = subprocess.run([sys.executable, PROGRAM], env=environment, stdout=subprocess.PIPE, check=True)
    return {str(key): float(value) for key, value in json.loads(result.stdout).items()}
