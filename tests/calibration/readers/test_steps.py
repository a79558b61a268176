import pytest

from marl_market.calibration.readers.steps import Step, choose_step


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
