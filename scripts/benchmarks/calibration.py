"""Calibration: seconds of a search of 300 points with 3 sessions each, where its data are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.measurement import Figure

from marl_market.calibration.reactive_market import ReactiveMarket
from marl_market.calibration.reactive_spec import reactive_spec
from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.calibration.search.evaluation import Problem, evaluator
from marl_market.calibration.search.moments import resampled_target
from marl_market.calibration.search.proposals import Budget
from marl_market.calibration.search.search import Search
from marl_market.calibration.search.settings import SearchSettings
from marl_market.calibration.search.tape_material import settings_for, tape_material
from marl_market.calibration.search.trial import TrialFile
from marl_market.calibration.targets import market_spec

ROOT = Path(__file__).resolve().parents[2]
DAY = "lobster/TSLA_2015-01-29_34200000_43200000_replay_message_0.csv.gz"
WORKERS = 2
TICK_SECONDS = 0.01
QUICK = Budget(points=6, start=4, around=0, seeds=1)
QUICK_SECONDS = 60.0


def measure(quick: bool) -> Iterator[Figure]:
    """Measure the search alone, without the recovery check before it and the new score after it."""
    path = Path(os.environ.get("MARL_MARKET_DATA", ROOT.parent / "shared" / "data")) / DAY
    if not path.exists():
        return
    recording = LobsterReader().read(path)
    settings = settings_for(recording, SearchSettings())
    spec = market_spec(recording, "benchmark", step_seconds=TICK_SECONDS)
    material = tape_material(ReactiveMarket(reactive_spec(spec, recording)), recording, None, settings, path.name)
    target = resampled_target(
        material.data, material.describe, material.resample, material.seconds, 20, np.random.default_rng(1)
    )
    budget, seconds = (QUICK, QUICK_SECONDS) if quick else (settings.budget, settings.session_seconds)
    search = Search(Problem(material.simulate, material.describe, target, seconds), material.space, budget, seed=1)
    with evaluator(WORKERS) as workers, TemporaryDirectory() as folder:
        workers.evaluate(search.problem, [material.space.start] * WORKERS, [1])  # compiles
        began = time.perf_counter()
        search.run(workers, TrialFile(Path(folder) / "trials.jsonl", {}))
        spent = time.perf_counter() - began
    conditions = {"workers": WORKERS, "session_seconds": seconds, "parameters": len(material.space.names)}
    yield Figure(f"calibration.seconds_for_{budget.points}_points_x_{budget.seeds}_seeds", spent, "seconds", conditions)
