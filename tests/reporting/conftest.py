"""A run folder that no run wrote: plausible numbers, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marl_market.evaluation.comparison import compare_paired
from marl_market.evaluation.outcomes import summarize_group
from marl_market.evaluation.results import Conservation, Evaluation
from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape
from marl_market.market.tape_file import save_tape
from marl_market.reporting.run_folder import CONFIG_FILE, write_evaluation, write_metadata
from marl_market.reporting.sinks.local import LocalSink

LEARNERS = ("ppo", "dqn", "evolution")

METADATA: dict[str, str | float] = {
    "title": "Mixed population on BTC-USD",
    "seed": 20260131,
    "currency": "USD",
    "market": "btc_usd, calibrated to btc_usd_l2.csv.gz (2026-01-12, 1,204,518 messages)",
    "learning_rate": 0.0003,
    "python": "3.11.7",
    "git_commit": "0123abc",
}

CONFIG = "seed: 20260131\nmarket:\n  name: btc_usd\n  note: <script>alert('config')</script> & more\n"


def metrics_row(iteration: int) -> dict[str, float]:
    """Return the metrics of one iteration; the rewards rise and level off."""
    random = np.random.default_rng(iteration)
    row: dict[str, float] = {
        "iteration": iteration,
        "env_steps": 12_800 * iteration,
        "seconds": 1.7 * iteration,
        "env_steps_per_second": 7500 + float(random.normal(0, 150)),
        "agent_steps_per_second": 210_000 + float(random.normal(0, 4000)),
        "market/spread_ticks": 3 + float(random.normal(0, 0.2)),
        "market/trades_per_step": 1.4,
        "market/volatility_ticks": 2.2,
    }
    for place, group in enumerate((*LEARNERS, "noise")):
        level = 0.0 if group == "noise" else (1.4 - 0.5 * place) * (1 - np.exp(-iteration / (15 + 15 * place)))
        row[f"group/{group}/reward"] = float(level + random.normal(-0.6, 0.18))
        row[f"group/{group}/pnl"] = 100 * row[f"group/{group}/reward"]
        row[f"group/{group}/closing_pnl"] = row[f"group/{group}/pnl"] - 5
        row[f"group/{group}/fees"] = 12.0 - place
        row |= {f"group/{group}/orders": 60.0, f"group/{group}/fills": 12.0, f"group/{group}/fill_ratio": 0.4}
        row[f"group/{group}/rejections"] = 0.25 if group == "dqn" and iteration > 60 else 0.0
        if group == "dqn" and iteration > 60:
            row["group/dqn/rejections/would_take"] = 0.25
        if group != "noise":
            row[f"learner/{group}/loss"] = float(np.exp(-iteration / 30))
    return row


def invented_evaluation() -> Evaluation:
    """Return an evaluation in which one group got better, one got worse and one is undecided."""
    random = np.random.default_rng(1)
    comparisons = []
    for group, gain in zip(LEARNERS, (0.9, 0.02, -0.6), strict=True):
        untrained = random.normal(-0.6, 0.3, 24)
        comparisons.append(compare_paired(group, untrained, untrained + random.normal(gain, 0.35, 24)))
    outcomes = []
    for group, seats, pnl in (
        ("ppo", 4, 61),
        ("dqn", 4, -22),
        ("evolution", 2, -70),
        ("makers", 2, 38),
        ("noise", 20, -6),
    ):
        shape = (24, seats)
        fees = random.gamma(4, 3, shape)
        lots = random.integers(20, 400, shape)
        position = random.integers(-30, 30, shape)
        pnl_array = random.normal(pnl, 60, shape)
        values = {"pnl": pnl_array, "closing_pnl": pnl_array - 5, "fees": fees, "traded_lots": lots}
        values |= {"trades": lots // 6, "final_position": position}
        values |= {"orders": lots // 2, "rejections": lots // 40, "fill_ratio": np.full(shape, 0.4)}
        outcomes.append(summarize_group(group, values))
    return Evaluation(tuple(comparisons), tuple(outcomes), Conservation(24, 0, 0))


def invented_tape(seconds: int = 200) -> Tape:
    """Return a session of a price that wanders, quoted about five times a second and traded once a second."""
    random = np.random.default_rng(2)
    rows = 5 * seconds
    quotes = np.zeros(rows, QUOTE)
    quotes["time_ns"] = np.sort(random.integers(0, seconds * 10**9, rows))
    mid = 4_350_000 + np.cumsum(random.integers(-2, 3, rows))
    quotes["bid_price_ticks"] = mid - random.integers(1, 4, rows)
    quotes["ask_price_ticks"] = mid + random.integers(1, 4, rows)
    quotes["bid_quantity_lots"] = quotes["ask_quantity_lots"] = random.integers(1, 50, rows)
    gone = slice(rows // 2, rows // 2 + 12)
    quotes["ask_price_ticks"][gone] = quotes["ask_quantity_lots"][gone] = 0
    at = np.sort(random.choice(np.arange(rows // 2), seconds, replace=seconds > rows // 2) * 2)
    at = at[quotes["ask_quantity_lots"][at] > 0]
    trades = np.zeros(len(at), TRADE)
    trades["time_ns"] = quotes["time_ns"][at]
    trades["aggressor_side"] = random.choice([1, -1], len(at))
    buy = trades["aggressor_side"] == 1
    trades["price_ticks"] = np.where(buy, quotes["ask_price_ticks"][at], quotes["bid_price_ticks"][at])
    trades["quantity_lots"] = random.integers(1, 9, len(at))
    return Tape(0.01, 0.0001, quotes, trades, np.zeros(0, FLOW))


def write_run(folder: Path) -> None:
    """Write every file that a run leaves into `folder`, except the table and the report."""
    sink = LocalSink(folder)
    for iteration in range(1, 121):
        sink.log(metrics_row(iteration), iteration)
    write_evaluation(folder, invented_evaluation())
    write_metadata(folder, METADATA)
    save_tape(folder / "tape.npz", invented_tape())
    (folder / CONFIG_FILE).write_text(CONFIG, encoding="utf-8")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    write_run(folder)
    return folder


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    return invented_evaluation()


@pytest.fixture(scope="session")
def tape() -> Tape:
    return invented_tape()


@pytest.fixture(scope="session")
def row() -> Callable[[int], dict[str, float]]:
    return metrics_row
