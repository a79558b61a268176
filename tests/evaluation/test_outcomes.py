from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marl_market.evaluation.outcomes import summarize_group


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    return {
        "pnl": random.normal(3, 1, (10, 4)),
        "closing_pnl": random.normal(2, 1, (10, 4)),
        "fees": random.gamma(2, 1, (10, 4)),
        "traded_lots": random.integers(0, 50, (10, 4)),
        "trades": random.integers(0, 9, (10, 4)),
        "orders": random.integers(0, 99, (10, 4)),
        "rejections": random.integers(0, 9, (10, 4)),
        "fill_ratio": random.uniform(0, 1, (10, 4)),
        "final_position": random.integers(-5, 6, (10, 4)),
    }


def test_an_outcome_is_the_mean_over_seats_and_sessions() -> None:
    given = arrays()
    outcome = summarize_group("makers", given)
    low, high = stats.t.interval(0.95, 9, given["pnl"].mean(), stats.sem(given["pnl"].mean(axis=1)))
    assert (outcome.seats, outcome.sessions) == (4, 10)
    assert outcome.statistics["pnl_mean"] == pytest.approx(given["pnl"].mean())
    assert (outcome.statistics["pnl_low"], outcome.statistics["pnl_high"]) == pytest.approx((low, high))
    assert outcome.statistics["fees_mean"] == pytest.approx(given["fees"].mean())
    assert outcome.statistics["traded_lots_mean"] == pytest.approx(given["traded_lots"].mean())
    assert outcome.statistics["trades_mean"] == pytest.approx(given["trades"].mean())
    for name in ("orders", "rejections", "fill_ratio"):
        assert outcome.statistics[f"{name}_mean"] == pytest.approx(given[name].mean())
    assert outcome.statistics["final_position_mean_abs"] == pytest.approx(np.abs(given["final_position"]).mean())


def test_seats_of_one_market_do_not_count_as_independent() -> None:
    given = arrays()
    one = summarize_group("makers", {name: values[:, :1] for name, values in given.items()})
    copies = summarize_group("makers", {name: np.repeat(values[:, :1], 9, axis=1) for name, values in given.items()})
    assert (copies.statistics["pnl_low"], copies.statistics["pnl_high"]) == pytest.approx(
        (one.statistics["pnl_low"], one.statistics["pnl_high"])
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fees": np.zeros((10, 3))}, r"fees has shape \(10, 3\); it must be that of pnl, \(10, 4\)"),
        ({"trades": np.full((10, 4), np.nan)}, r"trades\[0, 0\] is nan"),
        ({name: np.zeros((1, 4)) for name in arrays()}, "1 sessions of 4 seats"),
        ({name: np.zeros((3, 0)) for name in arrays()}, "3 sessions of 0 seats"),
    ],
)
def test_sessions_that_cannot_be_summarized_raise(change: dict[str, np.ndarray], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"makers.*{complaint}"):
        summarize_group("makers", {**arrays(), **change})
