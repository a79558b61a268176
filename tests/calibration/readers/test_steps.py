from pathlib import Path

import pytest

from marl_market.calibration.readers.source import DataError, Source
from marl_market.calibration.readers.steps import Grid, Step, choose_step
from marl_market.calibration.readers.summary import Summary


def test_the_step_is_the_greatest_common_divisor() -> None:
    assert choose_step(None, [1_000_500, 1_000_250, 999_000], 4, "tick_size") == Step(250, 0.025)
    assert choose_step(None, [10, 4, 6], 8, "lot_size") == Step(2, 2e-8)


@pytest.mark.parametrize("given", [0.01, "0.010", 0.05, 0.02, 0.1])
def test_a_given_step_is_taken(given: float | str) -> None:
    assert choose_step(given, [1_000_000, 1_000_500], 4, "tick_size").size == float(given)


@pytest.mark.parametrize("given", [0, -0.01])
def test_a_given_step_that_is_none_raises(given: float) -> None:
    with pytest.raises(ValueError, match=rf"^tick_size is {given}; it must be above zero"):
        choose_step(given, [1_000_000, 1_000_100], 4, "tick_size")


def test_a_step_finer_than_the_format_raises() -> None:
    with pytest.raises(ValueError, match=r"^tick_size 0\.00001 is not a whole multiple of 0\.0001$"):
        choose_step("0.00001", [1_000_000], 4, "tick_size")


def test_a_given_tick_wins_and_what_it_rounds_is_counted() -> None:
    summary, source = Summary(), Source(Path("file"))
    prices, sizes = Grid(0.05, 4, "tick_size", summary), Grid("10", 0, "lot_size", summary)
    orders = ((1_000_300, 1), (1_000_300, -1), (1_000_500, 1))
    assert [prices.price(units, side, source, 1) for units, side in orders] == [1_000_000, 1_000_500, 1_000_500]
    assert [sizes.size(units, source, 2) for units in (15, 20)] == [15, 20]
    assert (prices.step(), sizes.step()) == (Step(500, 0.05), Step(10, 10.0))
    assert {reason: (count.rows, count.first) for reason, count in summary.repaired.items()} == {
        "price rounded to tick_size 0.05": (2, "file, line 1"),
        "size rounded to lot_size 10": (1, "file, line 2"),
    }
    with pytest.raises(DataError, match=r"file, line 3: price rounded to tick_size 0\.05: found '100\.0300'"):
        Grid(0.05, 4, "tick_size", Summary(strict=True)).price(1_000_300, 1, source, 3)
