import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import begin_stream, below, exponential, poisson, quantile, uniform
from tests.builders import seat_record

DRAWS = 40_000


@compiled
def draw(record, kind, draws, argument, table, result):  # type: ignore[no-untyped-def]
    for i in range(draws):
        if kind == 0:
            result[i] = uniform(record)
        elif kind == 1:
            result[i] = below(record, np.int64(argument))
        elif kind == 2:
            result[i] = exponential(record)
        elif kind == 3:
            result[i] = poisson(record, argument)
        else:
            result[i] = quantile(record, table, 0, table.size)


def sample(kind: int, argument: float = 0.0, table: Any = (0.0, 1.0), key: int = 7) -> NDArray[np.float64]:
    record, result = seat_record(key), np.empty(DRAWS)
    begin_stream(record, 0)
    draw(record, kind, DRAWS, argument, np.asarray(table, np.float64), result)
    return result


def assert_mean(values: NDArray[np.float64], expected: float, deviation: float) -> None:
    assert abs(values.mean() - expected) < 4 * deviation / math.sqrt(values.size)
    assert values.std() == pytest.approx(deviation, rel=0.03)


def test_words_are_those_of_xorshift64_star() -> None:
    record, mask = seat_record(), 2**64 - 1
    record["random"] = state = 0x9E3779B97F4A7C15
    for _ in range(5):
        state ^= state >> 12
        state ^= state << 25 & mask
        state ^= state >> 27
        drawn = uniform(record)
        assert int(record["random"]) == state
        assert drawn == ((state * 0x2545F4914F6CDD1D & mask) >> 11) / 2**53


def test_uniform_draws_lie_in_the_unit_interval_evenly() -> None:
    values = sample(0)
    assert 0 <= values.min() < 1e-3
    assert 1 - 1e-3 < values.max() < 1
    assert_mean(values, 0.5, math.sqrt(1 / 12))


def test_whole_numbers_below_a_bound_are_even() -> None:
    counts = np.bincount(sample(1, 6).astype(int))
    assert counts.size == 6
    assert np.abs(counts - DRAWS / 6).max() < 5 * math.sqrt(DRAWS / 6)


def test_exponential_and_poisson_draws_have_their_mean_and_deviation() -> None:
    assert_mean(sample(2), 1.0, 1.0)
    assert_mean(sample(3, 2.5), 2.5, math.sqrt(2.5))
    assert not sample(3, 0.0).any()


def test_a_quantile_table_gives_back_its_quantiles() -> None:
    table = [-3.0, 0.0, 1.0, 10.0, 10.0]
    values = sample(4, table=table)
    assert np.quantile(values, [0, 0.25, 0.5, 0.75, 1]) == pytest.approx(table, abs=0.2)
    assert values.min() >= -3.0
    assert values.max() <= 10.0


def test_a_stream_is_that_of_its_key_and_step_alone() -> None:
    def first(key: int, step: int) -> float:
        record = seat_record(key)
        record["random"] = 99
        begin_stream(record, step)
        assert int(record["random"]) != 0
        return float(uniform(record))

    pairs = [(key, step) for key in range(20) for step in range(-20, 20)]
    assert all(first(*pair) == first(*pair) for pair in pairs)
    assert len({first(*pair) for pair in pairs}) == len(pairs)
