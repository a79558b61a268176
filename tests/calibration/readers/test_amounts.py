from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_market.calibration.readers.amounts import PLACES, units


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1", 10**12),
        ("63514.59", 63_514_590_000_000_000),
        ("0.00000001", 10_000),
        ("1e-8", 10_000),
        ("1E-08", 10_000),
        ("1.5e-7", 150_000),
        ("2.5e+3", 2_500 * 10**12),
        (".5", 5 * 10**11),
        ("5.", 5 * 10**12),
        ("0.000000000000000000", 0),
        ("0E-20", 0),
        (7, 7 * 10**12),
        (0.25, 25 * 10**10),
        (1e-08, 10_000),
        (Decimal("1E-8"), 10_000),
        ("123456789012345678.123456789012", 123_456_789_012_345_678_123_456_789_012),
    ],
    ids=repr,
)
def test_an_amount_is_read_exactly(amount: object, expected: int) -> None:
    assert units(amount) == expected


@pytest.mark.parametrize(
    "amount",
    [
        *(
            "",
            ".",
            "x",
            "1,5",
            "1_0",
            "1 0",
            "--1",
            "-1",
            "-0.0",
            "nan",
            "NaN",
            "inf",
            "Infinity",
            "0x10",
            "1e",
            "1e-13",
        ),
        *("0.0000000000001", "1e18", "1e999999999", "1" * 19, None, True, [], {}, float("nan")),
    ],
    ids=repr,
)
def test_what_is_no_amount_is_named(amount: object) -> None:
    with pytest.raises(ValueError, match="amount "):
        units(amount)


@given(number=st.decimals(min_value=0, max_value=10**15, places=PLACES, allow_nan=False, allow_infinity=False))
def test_every_spelling_of_a_number_is_the_same_amount(number: Decimal) -> None:
    expected = int(number.scaleb(PLACES))
    assert units(str(number)) == units(f"{number:f}") == units(f"{number:E}") == expected
