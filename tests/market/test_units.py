from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_market.market.units import decimal, from_steps, to_steps


def test_a_float_means_what_it_prints() -> None:
    assert decimal(0.1) == Decimal("0.1")
    assert decimal("63514.59") == Decimal("63514.59")
    assert decimal(Decimal("1e-8")) == Decimal("0.00000001")


def test_known_amounts() -> None:
    assert to_steps(585.63, 0.01, "price") == 58_563
    assert to_steps("0.00000015", 1e-8, "quantity") == 15
    assert from_steps(58_563, 0.01) == Decimal("585.63")


def test_an_amount_between_two_steps_is_named() -> None:
    with pytest.raises(ValueError, match=r"^price 100\.005 is not a whole multiple of 0\.01$"):
        to_steps(100.005, 0.01, "price")


@given(
    steps=st.integers(min_value=-(10**15), max_value=10**15),
    size=st.sampled_from([1, 0.25, 0.01, 1e-8, "0.00001"]),
)
def test_steps_survive_the_way_out_and_back(steps: int, size: float | str) -> None:
    assert to_steps(from_steps(steps, size), size, "amount") == steps
