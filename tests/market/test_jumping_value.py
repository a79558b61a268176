"""A value that jumps: its variance, its profile, its slow volatility, its tails."""

from typing import Any

import numpy as np
import pytest

from marl_market.market.jumping_value import JumpingValue
from marl_market.market.validation import ConfigError
from tests.builders import market_spec

PLAIN: dict[str, Any] = {"size_deviation": 0.0, "clustering": 0.0}


def moves(process: JumpingValue, steps: int = 400_000, seed: int = 1, **changes: Any) -> Any:
    spec = market_spec(session_steps=steps, warmup_steps=0, **changes)  # 1000 ticks, a price scale of four
    path = process.path(spec, steps, np.random.default_rng(seed))
    assert path.shape == (steps,)
    assert path[0] == 1000.0
    return np.diff(path)


@pytest.mark.parametrize("step_seconds", [0.1, 1.0])
@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_its_variance_in_a_second_is_that_of_its_volatility(rate: float, step_seconds: float) -> None:
    found = moves(JumpingValue(jump_rate=rate, volatility=0.5, **PLAIN), step_ns=int(step_seconds * 1e9))
    chance = 1 - np.exp(-rate * step_seconds)
    assert (found != 0).mean() == pytest.approx(chance, rel=0.03)
    # two jumps of a step count as one: a share (1 - exp(-x)) / x of the variance is left
    assert found.var() == pytest.approx(2.0**2 * step_seconds * chance / (rate * step_seconds), rel=0.04)


def test_sizes_are_a_lognormal_mixture_of_the_same_variance() -> None:
    found = moves(JumpingValue(jump_rate=0.1, volatility=0.5, size_deviation=0.4, clustering=0.0))
    jumps = found[found != 0]
    assert jumps.var() == pytest.approx(4.0 / 0.1, rel=0.1)
    # E x^4 / (E x^2)^2 of a normal times exp(s z): 3 exp(4 s^2)
    assert (jumps**4).mean() / jumps.var() ** 2 == pytest.approx(3 * np.exp(4 * 0.16), rel=0.25)


def test_its_volatility_follows_the_profile_of_the_session() -> None:
    found = moves(JumpingValue(jump_rate=0.5, volatility=0.5, profile=(1.3, 0.7, 1.0, 0.2), **PLAIN))
    deviations = [part.std() for part in np.array_split(found, 4)]
    assert np.divide(deviations, deviations[2]) == pytest.approx([1.3, 0.7, 1.0, 0.2], rel=0.03)


def test_its_slow_volatility_clusters_over_minutes_and_keeps_the_variance() -> None:
    calm, wild = (
        moves(JumpingValue(jump_rate=0.5, volatility=0.5, size_deviation=0.0, clustering=each)) for each in (0.0, 0.4)
    )
    assert wild.var() == pytest.approx(calm.var(), rel=0.1)
    calm_minutes, wild_minutes = ((each[: 60 * 6000] ** 2).reshape(-1, 60).mean(1) for each in (calm, wild))

    def memory(minutes: Any, lag: int) -> float:
        return float(np.corrcoef(minutes[:-lag], minutes[lag:])[0, 1])

    assert memory(wild_minutes, 1) > memory(wild_minutes, 10) > 0.05
    assert abs(memory(calm_minutes, 1)) < 0.05


def test_the_same_random_numbers_give_the_same_path() -> None:
    assert np.array_equal(moves(JumpingValue(), 1000, seed=3), moves(JumpingValue(), 1000, seed=3))
    assert not np.array_equal(moves(JumpingValue(), 1000, seed=3), moves(JumpingValue(), 1000, seed=4))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"jump_rate": 0.0}, "market.fundamental.jump_rate is 0.0; it must be above zero"),
        ({"clustering": -0.1}, "market.fundamental.clustering is -0.1; it must be zero or more"),
        ({"profile": ()}, "market.fundamental.profile is (); it must be one or more numbers"),
    ],
)
def test_a_field_that_is_impossible_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JumpingValue(**changes)
    assert complaint in str(caught.value)
