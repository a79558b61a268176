from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.readers.lobster import LobsterReader
from marl_market.evaluation.realism.catalogue import ALL, EIGHT, LOB_BENCH, NUMBERS, SETS, numbers
from marl_market.evaluation.realism.score import score, values
from marl_market.market.tape import Tape
from tests.evaluation.realism.toy import BUY, CANCEL, LIMIT, MARKET, tape

DAYS = (
    "lobster/TSLA_2015-01-29_34200000_43200000_replay_message_0.csv.gz",
    "lobster/TSLA_2015-01-30_34200000_57600000_message_10.csv.gz",
)


def small(shift: int = 0) -> Tape:
    """Return ten seconds of a market with all kinds of messages."""
    return tape(
        [(0.0, 100, 102 + shift, 5, 5), (4.0, 101, 103, 5, 4)],
        [(4.0, 102, BUY, 3)],
        [
            (1.0, LIMIT, BUY, 99, 3, 2),
            (2.0, CANCEL, BUY, 99, 3, 2),
            (4.0, MARKET, BUY, 102, 0, 3),
            (5.0, LIMIT, BUY, 99, 3, 2),
        ],
        sessions=[(0.0, 10.0)],
    )


def test_the_sets_of_facts_are_facts() -> None:
    assert [len(EIGHT), len(LOB_BENCH)] == [8, 21]
    for names in SETS.values():
        assert set(names) <= set(ALL)
        assert len(set(names)) == len(names)


def test_equal_tapes_are_at_no_distance_and_what_is_unknown_is_missing() -> None:
    found = score(small(), small())
    assert set(found.l1.values()) == set(found.ks.values()) == {0.0}
    assert found.mean(EIGHT) == found.mean(ALL) == (0.0, 0.0)
    assert "log_time_to_cancel" in found.missing
    assert set(found.l1) | set(found.missing) == set(ALL)


def test_the_mean_is_over_the_facts_that_there_are() -> None:
    found = score(small(shift=4), small(), ("spread", "limit_size", "log_time_to_cancel"))
    assert found.l1["spread"] == found.ks["spread"] == pytest.approx(39 / 99)
    assert found.mean(("spread", "limit_size", "log_time_to_cancel")) == pytest.approx((39 / 198, 39 / 198))
    assert np.isnan(found.mean(("log_time_to_cancel",))).all()


def test_an_unknown_fact_is_named() -> None:
    with pytest.raises(ValueError, match="fact is gini; it must be one of log_inter_arrival, limit_size"):
        values(small(), "gini")


def test_every_number_is_measured_or_not_a_number_on_any_tape() -> None:
    for market in (tape(), small(), tape([(0.0, 1, 2, 1, 1)], sessions=[(0.0, 0.0)])):
        found = numbers(market)
        assert list(found) == list(NUMBERS)
        assert all(isinstance(value, float) for value in found.values())
        score(market, market)


@pytest.mark.slow
def test_two_mornings_of_tesla_are_as_far_apart_as_measured_before(data: Callable[[str], Path]) -> None:
    first, second = (LobsterReader(start="09:30", end="12:00").read(data(name)) for name in DAYS)
    # The prototype's figures, with this project's reader.
    found = score(first, second, EIGHT)
    assert found.mean() == pytest.approx((0.107, 0.066), abs=0.001)
    assert [round(found.l1[name], 3) for name in EIGHT] == [0.045, 0.038, 0.038, 0.151, 0.112, 0.166, 0.251, 0.052]
    assert [round(found.ks[name], 3) for name in EIGHT] == [0.021, 0.021, 0.024, 0.066, 0.105, 0.139, 0.119, 0.029]
    expected = {
        "mean_spread": 15.28, "mean_best_lots": 163.7, "volatility_1s": 3.021, "volatility_10s": 10.06,
        "volatility_60s": 29.23, "variance_ratio_60s": 1.560, "kurtosis_1s": 45.12, "still_share": 0.6783,
        "volatility_clustering_1": 0.1651, "volatility_clustering_30": 0.0256, "sign_memory_1": 0.6832,
        "sign_memory_10": 0.2172, "response_1s": 4.836, "response_10s": 7.850, "response_30s": 10.03,
        "half_spread_earned": 5.082, "mark_out_1s": -0.2562, "mark_out_10s": -3.250, "mark_out_30s": -4.971,
        "takers_a_second": 0.3978, "imbalance_r2": 0.4544,
    }  # fmt: skip
    measured = numbers(first)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=2e-3)
