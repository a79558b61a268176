"""Realism: seconds to measure an hour of data, and how real the calibrated market is where there are its data."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import hydra
import numpy as np
from benchmarks.measurement import REPEATS, Figure, best_seconds

from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.configs import environment_of
from marl_market.evaluation.realism.catalogue import ALL, EIGHT, numbers
from marl_market.evaluation.realism.populations import played
from marl_market.evaluation.realism.score import score, values
from marl_market.market.seeding import Stream, derive_keys
from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, FlowKind, Outcome, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

ROOT = Path(__file__).resolve().parents[2]
HOUR, QUICK_HOUR = 3600, 360
MESSAGES_A_SECOND = 20
DAYS = (
    "TSLA_2015-01-29_34200000_43200000_replay_message_0.csv.gz",
    "TSLA_2015-01-30_34200000_57600000_message_10.csv.gz",
)
START, END, SECONDS = "09:30", "12:00", 9000
MARKET, POPULATION, SESSIONS = "tsla_2015_01_29", "reactive", 5
TICK_NS = 10_000_000
"""Of the market's clock: within a coarser one no message follows another by less than a step."""
NEXT_DAY = "realism.tsla_next_day"


def measure(quick: bool) -> Iterator[Figure]:
    """Measure an invented hour, and unless `quick` the market that is calibrated to a day against the next one."""
    seconds = QUICK_HOUR if quick else HOUR
    hour = busy_hour(seconds)
    tapes: list[Tape] = []

    def prepare() -> None:
        # What was measured of a tape is remembered, so that each run needs one of its own.
        tapes.append(Tape(hour.tick_size, hour.lot_size, hour.quotes, hour.trades, hour.flow, hour.orders))

    def work() -> None:
        for name in ALL:
            values(tapes[-1], name)
        numbers(tapes[-1])

    spent = best_seconds(work, prepare) * HOUR / seconds
    conditions = {"messages_a_second": MESSAGES_A_SECOND, "best_of": REPEATS}
    yield Figure("realism.seconds_per_hour_of_data", spent, "seconds", conditions)
    folder = Path(os.environ.get("MARL_MARKET_DATA", ROOT.parent / "shared" / "data")) / "lobster"
    if not quick and all((folder / name).exists() for name in DAYS):
        yield from next_day([folder / name for name in DAYS])


def next_day(paths: Sequence[Path]) -> Iterator[Figure]:
    """Measure the second day against the first, and against the market that is calibrated to the first, if there is."""
    first, second = (LobsterReader(start=START, end=END).read(path) for path in paths)
    kinds = ("l1", "ks")
    conditions = {"hours": f"{START} to {END}", "samples": len(EIGHT)}
    for kind, value in zip(kinds, score(first, second, EIGHT).mean(EIGHT), strict=True):
        yield Figure(f"{NEXT_DAY}.floor_{kind}", value, "distance", conditions)
    if not ((ROOT / f"conf/market/{MARKET}.yaml").exists() and (ROOT / f"conf/population/{POPULATION}.yaml").exists()):
        return
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        overrides = [f"market={MARKET}", f"population={POPULATION}"]
        spec = environment_of(hydra.compose("config", overrides)).spec
        steps = SECONDS * NANOSECONDS_PER_SECOND // spec.step_ns
        substeps = spec.step_ns // TICK_NS
        overrides += [f"market.session_steps={steps}", f"market.substeps={substeps}"]
        environment = environment_of(hydra.compose("config", overrides))
    seeds = derive_keys(1, Stream.EVALUATION, count=SESSIONS).tolist()
    played(environment, seeds[:1])  # compiles
    found, began = [], time.perf_counter()
    for seed in seeds:
        found.append(played(environment, [seed]))
    spent = time.perf_counter() - began
    conditions |= {"market": MARKET, "population": POPULATION, "sessions": SESSIONS, "tick_seconds": TICK_NS / 1e9}
    yield Figure("realism.simulated_seconds_per_second", SESSIONS * SECONDS / spent, "s/s", conditions)
    means = np.mean([score(tape, second, EIGHT).mean(EIGHT) for tape in found], axis=0)
    for kind, value in zip(kinds, means.tolist(), strict=True):
        yield Figure(f"{NEXT_DAY}.mean_{kind}", value, "distance", conditions)


def busy_hour(seconds: int) -> Tape:
    """Return a tape of as many messages as a busy share has, which says nothing of how real ones behave."""
    random, count = np.random.default_rng(1), MESSAGES_A_SECOND * seconds
    time_ns = np.sort(random.integers(0, seconds * NANOSECONDS_PER_SECOND, count))
    mid = 20_000 + np.cumsum(random.integers(-1, 2, count))
    quotes, trades, flow, orders = (np.zeros(count, dtype) for dtype in (QUOTE, TRADE, FLOW, ORDER))
    for table in (quotes, trades, flow, orders):
        table["time_ns"] = time_ns
    quotes["bid_price_ticks"], quotes["ask_price_ticks"] = mid - 5, mid + random.integers(1, 9, count)
    quotes["bid_quantity_lots"], quotes["ask_quantity_lots"] = random.integers(1, 900, (2, count))
    side = random.choice([-1, 1], count)
    flow["kind"] = random.choice(np.array(FlowKind), count, p=[0.5, 0.45, 0.05])
    flow["price_ticks"] = mid - side * random.integers(1, 50, count)
    flow["offset_ticks"], flow["quantity_lots"] = random.integers(0, 60, count), random.integers(1, 400, count)
    orders["price_ticks"], orders["quantity_lots"] = flow["price_ticks"], flow["quantity_lots"]
    orders["end_ns"] = np.minimum(time_ns + (random.exponential(10, count) * 1e9).astype(np.int64), time_ns[-1])
    orders["outcome"] = Outcome.CANCELED
    flow["side"] = orders["side"] = trades["aggressor_side"] = side
    trades["price_ticks"], trades["quantity_lots"] = mid + side, random.integers(1, 400, count)
    limits = flow["kind"] == FlowKind.LIMIT
    return Tape(0.01, 1.0, quotes, trades[flow["kind"] == FlowKind.MARKET], flow, orders[limits])
