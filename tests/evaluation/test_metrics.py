from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.population.group import Group
from marl_market.evaluation import metrics
from marl_market.evaluation.metrics import GROUP_METRICS, MARKET_METRICS, session_metrics
from marl_market.exchange.codes import Reason
from tests.builders import environment

NAN = math.nan


@dataclass(frozen=True)
class Arrays:
    """Two steps of two markets of three seats."""

    reward: np.ndarray
    profit: np.ndarray
    closing_profit: np.ndarray
    fees: np.ndarray
    spread: np.ndarray
    trades: np.ndarray
    price: np.ndarray
    fills: np.ndarray
    orders: np.ndarray
    rejections: np.ndarray
    ordered_lots: np.ndarray
    traded_lots: np.ndarray
    replay: None = None


REJECTIONS = np.zeros((2, 3, len(Reason)), np.int64)
REJECTIONS[0, 0, Reason.PRICE_OUT_OF_RANGE] = 3
REJECTIONS[1, 1, Reason.SHORT_LIMIT] = 1
SESSION = Arrays(
    reward=np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 8.0]]),
    profit=np.array([[10.0, 20.0, 60.0], [30.0, 40.0, 80.0]]),
    closing_profit=np.array([[8.0, 20.0, 50.0], [30.0, 34.0, 80.0]]),
    fees=np.array([[1, 1, 5], [1, 1, 7]]),
    spread=np.array([[2.0, NAN], [4.0, 6.0]]),
    trades=np.array([[1, 0], [2, 5]]),
    price=np.array([[100.0, 100.0], [103.0, 101.0]]),
    fills=np.array([[1, 2, 0], [3, 6, 0]]),
    orders=np.array([[8, 4, 0], [2, 2, 0]]),
    rejections=REJECTIONS,
    ordered_lots=np.array([[50, 20, 0], [10, 20, 0]]),
    traded_lots=np.array([[5, 5, 0], [10, 5, 0]]),
)
DESCRIBED = environment([Group("noise", ZeroIntelligence(), 2), Group("other", ZeroIntelligence(), 1)])


def test_metrics_are_means_of_the_market_and_of_the_seats_of_each_group_in_currency() -> None:
    unit = DESCRIBED.spec.cash_unit
    assert session_metrics(SESSION, DESCRIBED) == pytest.approx(
        {
            "market/spread_ticks": 4.0,
            "market/trades_per_step": 2.0,
            "market/volatility_ticks": 1.0,
            "group/noise/reward": 2.5,
            "group/noise/pnl": 25.0 * unit,
            "group/noise/closing_pnl": 23.0 * unit,
            "group/noise/fees": 1.0 * unit,
            "group/noise/orders": 4.0,
            "group/noise/fills": 3.0,
            "group/noise/fill_ratio": 0.25,
            "group/noise/rejections": 4 / 16,
            "group/noise/rejections/price_out_of_range": 3 / 16,
            "group/noise/rejections/short_limit": 1 / 16,
            "group/other/reward": 7.0,
            "group/other/pnl": 70.0 * unit,
            "group/other/closing_pnl": 65.0 * unit,
            "group/other/fees": 6.0 * unit,
            "group/other/orders": 0.0,
            "group/other/fills": 0.0,
            "group/other/fill_ratio": 0.0,
            "group/other/rejections": 0.0,
        }
    )


def test_a_spread_that_was_never_quoted_is_not_a_number() -> None:
    never = replace(SESSION, spread=np.full((2, 2), NAN))
    assert math.isnan(session_metrics(never, DESCRIBED)["market/spread_ticks"])


def test_a_metric_declares_unit_and_description_and_has_a_name_of_its_own() -> None:
    for declared in (GROUP_METRICS, MARKET_METRICS):
        assert len({metric.name for metric in declared}) == len(declared)
        assert all(metric.label and metric.unit and metric.description for metric in declared)


def test_a_declared_metric_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    total = replace(GROUP_METRICS[0], name="total_fees", values=lambda session: session.fees, aggregate="sum")
    monkeypatch.setattr(metrics, "GROUP_METRICS", (*GROUP_METRICS, total))
    logged = session_metrics(SESSION, DESCRIBED)
    assert (logged["group/noise/total_fees"], logged["group/other/total_fees"]) == (4.0, 12.0)
