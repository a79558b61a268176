from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.market.fundamental import MeanReverting, PriceSeries, TwoValues, price_series_from
from tests.builders import market_spec

SPEC = market_spec()  # 1000 ticks, a price scale of four


def path(process: Any, steps: int, spec: Any = SPEC, seed: int = 1) -> Any:
    values = process.path(spec, steps, np.random.default_rng(seed))
    assert values.shape == (steps,)
    return values


@pytest.mark.parametrize("step_seconds", [0.5, 1.0])
def test_a_mean_reverting_value_has_its_deviation_and_half_life_whatever_the_step(step_seconds: float) -> None:
    spec = market_spec(step_ns=int(step_seconds * 1e9))
    values = path(MeanReverting(half_life_seconds=10.0, volatility=0.5), 200_000, spec) - 1000
    assert values[0] == 0
    theta = np.log(2) / 10
    assert values.std() == pytest.approx(0.5 * 4 / np.sqrt(2 * theta), rel=0.04)
    lag = int(10 / step_seconds)
    assert np.corrcoef(values[:-lag], values[lag:])[0, 1] == pytest.approx(0.5, abs=0.04)


def test_without_a_half_life_it_is_a_random_walk() -> None:
    moves = np.diff(path(MeanReverting(half_life_seconds=None, volatility=0.5), 50_000))
    assert moves.std() == pytest.approx(2.0, rel=0.02)
    assert abs(np.corrcoef(moves[:-1], moves[1:])[0, 1]) < 0.02


def test_it_jumps_at_its_rate() -> None:
    process = MeanReverting(half_life_seconds=None, volatility=0.0, jump_rate=0.05, jump_deviation=3.0)
    moves = np.diff(path(process, 50_000))
    jumps = moves[moves != 0]
    assert jumps.size / moves.size == pytest.approx(1 - np.exp(-0.05), rel=0.06)
    assert np.sqrt((moves**2).sum() / (0.05 * moves.size)) == pytest.approx(12.0, rel=0.06)


def test_two_values_stay_and_are_high_as_often_as_they_should() -> None:
    process = TwoValues(half_range=2.5, probability=0.3)
    values = np.array([path(process, 4, seed=seed) for seed in range(600)])
    assert (values == values[:, :1]).all()
    assert set(values[:, 0]) == {990.0, 1010.0}
    assert (values[:, 0] > 1000).mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 600))


def test_a_series_starts_at_the_initial_price_and_moves_by_its_relative_changes() -> None:
    values = path(PriceSeries((50.0, 55.0, 45.0), steps_per_price=2), 5)
    np.testing.assert_allclose(values, [1000, 1050, 1100, 1000, 900])


def test_the_seed_chooses_where_a_long_series_starts() -> None:
    prices = tuple(float(price) for price in range(100, 110))
    starts = {round(1000 / (path(PriceSeries(prices), 2, seed=seed)[1] - 1000)) for seed in range(200)}
    assert starts == set(range(100, 109))


def test_a_series_can_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("Date,Close\n1999-01-04,100.0\n1999-01-05,\n1999-01-06,110.0\n")
    assert price_series_from(str(tmp_path / "index.csv"), "Close", 3, published=True) == PriceSeries(
        (100, 110), 3, True
    )
    with pytest.raises(KeyError, match="Open"):
        price_series_from(str(tmp_path / "index.csv"), "Open")


def test_a_series_that_is_too_short_says_so() -> None:
    with pytest.raises(ValueError, match=r"fundamental.prices has 3 prices; 4 steps of market test need 4"):
        path(PriceSeries((1.0, 2.0, 3.0)), 4)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: MeanReverting(half_life_seconds=0.0), "fundamental.half_life_seconds is 0.0; it must be above zero"),
        (lambda: MeanReverting(jump_rate=-1.0), "fundamental.jump_rate is -1.0; it must be zero or more"),
        (lambda: TwoValues(half_range=0.0), "fundamental.half_range is 0.0; it must be above zero"),
        (lambda: TwoValues(probability=1.5), "fundamental.probability is 1.5; it must be between 0 and 1"),
        (lambda: PriceSeries((1.0,)), r"fundamental.prices is .*\(1\)"),
        (lambda: PriceSeries((1.0, -2.0)), "fundamental.prices is"),
        (lambda: PriceSeries((1.0, 2.0), 0), "fundamental.steps_per_price is 0; it must be one or more"),
    ],
)
def test_a_parameter_that_is_none_is_named(make: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()
