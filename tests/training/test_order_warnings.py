"""A group whose orders are refused, or that sends none, is told so: in the run's output, the evaluation, the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import Group
from marl_market.exchange.commands import cancel_all, submit_limit
from marl_market.training.trainer import Trainer
from tests.builders import Rule


@trader
def quote_nan(public, seat, params):  # type: ignore[no-untyped-def]
    submit_limit(seat, 1, public.reference_ticks, np.nan)
    return DECIDED


@trader
def cancel_only(public, seat, params):  # type: ignore[no-untyped-def]
    cancel_all(seat)
    return DECIDED


def test_a_run_warns_once_a_group_and_its_files_hold_the_counts(
    train: Callable[..., Trainer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused, mute = Group("nan", Rule(quote_nan), 2), Group("mute", Rule(cancel_only), 1)
    train(tmp_path, changes={"groups": (Group("noise", ZeroIntelligence(), 4), refused, mute)}, iterations=2)
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning:")]
    assert printed == [
        "warning: population.nan had 100% of its 96 orders rejected, most as QUANTITY_NOT_POSITIVE: a quantity must be "
        "one lot or more, and no NaN",
        "warning: population.mute sent no order in 4 sessions; an agent that trades must submit one",
    ]
    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert {name: row[f"group/nan/{name}"] for name in ("orders", "fills", "fill_ratio", "rejections")} == {
        "orders": 12.0, "fills": 0.0, "fill_ratio": 0.0, "rejections": 1.0
    }  # fmt: skip
    assert row["group/nan/rejections/quantity_not_positive"] == 1.0
    assert "group/nan/rejections/price_out_of_range" not in row
    assert row["group/noise/orders"] > 0
    assert 0 < row["group/noise/fill_ratio"] < 1
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    assert [line.partition(" ")[0] for line in evaluation["warnings"]] == ["population.nan", "population.mute"]
    (nan,) = (row for row in evaluation["outcomes"] if row["group"] == "nan")
    assert (nan["orders_mean"], nan["rejections_mean"], nan["fill_ratio_mean"]) == (12.0, 12.0, 0.0)
    page = (tmp_path / "report.html").read_text()
    assert page.count("Warning: population.") == 2
    assert "rejected</th>" in page, "a column of the outcomes"
