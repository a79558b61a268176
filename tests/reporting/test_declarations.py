"""One metric and one outcome column more are one declaration more: all files, tables and figures of a run hold them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from marl_market.evaluation import metrics, outcomes
from marl_market.evaluation.metrics import GROUP_METRICS, Metric
from marl_market.evaluation.outcomes import OUTCOME_COLUMNS, OutcomeColumn, outcomes_of
from marl_market.evaluation.results import Conservation, Evaluation
from marl_market.exchange.codes import Reason
from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import load_run, write_evaluation
from marl_market.reporting.sinks.local import LocalSink
from marl_market.reporting.sinks.wandb import WandbSink
from tests.wandb_files import history

COLUMN = OutcomeColumn(
    "risk", "reward at risk", "reward", "invented for a test", lambda match: 2 * match.reward,
    interval=True, figure="Reward at risk",
)  # fmt: skip
METRIC = Metric("risk", "risk", "lots", "invented for a test", lambda session: session.reward, "sum", curve=True)


class TwoGroups:
    """Seats 0 and 1 are makers, seat 2 is ppo."""

    groups = (SimpleNamespace(name="makers"), SimpleNamespace(name="ppo"))

    def seats_of(self, group: str) -> slice:
        return slice(0, 2) if group == "makers" else slice(2, 3)


@pytest.fixture
def one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "OUTCOME_COLUMNS", (*OUTCOME_COLUMNS, COLUMN))
    monkeypatch.setattr(metrics, "GROUP_METRICS", (*GROUP_METRICS, METRIC))


def evaluation_of_a_match() -> Evaluation:
    names = ("reward", "profit", "closing_profit", "fees", "traded_lots", "trades", "position_lots")
    arrays = {name: np.arange(9.0).reshape(3, 3) + place for place, name in enumerate(names)}
    counts = dict.fromkeys(("orders", "ordered_lots", "traded_lots"), np.ones((3, 3), np.int64))
    counts["rejections"] = np.zeros((3, 3, len(Reason)), np.int64)
    match = SimpleNamespace(environment=TwoGroups(), counts=SimpleNamespace(**counts), **arrays)
    return Evaluation((), outcomes_of(cast(Any, match)), Conservation(3, 0, 0))


@pytest.mark.usefixtures("one_more")
def test_a_declared_column_is_in_the_evaluation_and_survives_json(tmp_path: Path) -> None:
    evaluation = evaluation_of_a_match()
    write_evaluation(tmp_path, evaluation)
    kept = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(kept["outcomes"][0])[-3:] == ["risk_mean", "risk_low", "risk_high"]
    assert [row["risk_mean"] for row in kept["outcomes"]] == [7.0, 10.0]
    assert Evaluation.from_dict(kept) == evaluation


@pytest.mark.usefixtures("one_more")
def test_a_declared_column_and_metric_are_in_every_file_of_a_run(
    tmp_path: Path, row: Callable[[int], dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "true")
    of_seats = ("reward", "profit", "closing_profit", "fees", "fills", "orders", "ordered_lots", "traded_lots")
    session = SimpleNamespace(**dict.fromkeys(of_seats, np.ones((2, 3))))
    session.rejections = np.zeros((2, 3, len(Reason)))
    session.spread = session.trades = session.price = np.ones((4, 2))
    session.replay = None
    environment = TwoGroups()
    environment.spec = SimpleNamespace(cash_unit=0.01)  # type: ignore[attr-defined]
    logged = {**row(1), **metrics.session_metrics(session, cast(Any, environment))}
    evaluation = evaluation_of_a_match()
    for sink in (LocalSink(tmp_path), WandbSink(tmp_path, "offline", "study")):
        sink.log(logged, 1)
        sink.finish(evaluation, None)

    assert pd.read_parquet(tmp_path / "metrics.parquet")["group/ppo/risk"].tolist() == [2.0]
    written = {name: value for entry in history(tmp_path) for name, value in entry.items()}
    assert (written["group/makers/risk"], written["group/ppo/risk"]) == (4.0, 2.0)
    (files,) = tmp_path.glob("wandb/offline-run-*/files")
    table = json.loads((files / written["evaluation/outcomes"]["path"]).read_text())
    assert table["columns"][-3:] == ["risk_mean", "risk_low", "risk_high"]
    assert [line[-3] for line in table["data"]] == [7.0, 10.0]

    assert load_run(tmp_path).evaluation == evaluation
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "reward at risk</th>" in page, "a column of the outcomes"
    assert 'aria-label="Reward at risk in reward per seat and session"' in page, "bars of the outcomes"
    assert "risk (lots)</th>" in page, "a column of the metrics"
    assert 'aria-label="Risk (lots) of ppo against environment steps"' in page, "a learning curve"
