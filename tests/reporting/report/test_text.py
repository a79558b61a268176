from __future__ import annotations

import math

import pytest

from marl_market.evaluation.comparison import Comparison
from marl_market.evaluation.results import Conservation
from marl_market.reporting.report.text import (
    column_decimals,
    comparison_sentence,
    conservation_sentence,
    decimals_for,
    duration,
    interval,
    number,
)


def plain(text: str) -> str:
    """Return `text` with its minus signs and thin spaces as a keyboard has them."""
    return text.replace("\N{MINUS SIGN}", "-").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_a_negative_number_has_a_true_minus_sign() -> None:
    assert number(-5) == "\N{MINUS SIGN}5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1_536_000, "1,536,000"),
        (12_345.678, "12,346"),
        (12.34567, "12.35"),
        (-0.00123456, "-0.001235"),
        (math.nan, "not a number"),
        (-math.inf, "-\N{INFINITY}"),
    ],
)
def test_a_number_reads_well(value: float, text: str) -> None:
    assert plain(number(value)) == text


def test_decimals_and_sign_are_obeyed() -> None:
    assert number(1.5, 0, sign=True) == "+2"
    assert number(1234.5, 2) == "1,234.50"
    assert plain(number(-1.0, 3, sign=True)) == "-1.000"
    assert (number(-0.04, 1), number(-0.04, 1, sign=True)) == ("0.0", "+0.0")


@pytest.mark.parametrize(
    ("values", "decimals"),
    [((8.4, -10.15), 1), ((0.02, 0.5), 3), ((104, 0.2), 1), ((5211, 0.0001, 0), 2), ((0, 0), 0), ((math.nan,), 0)],
)
def test_a_column_keeps_its_smallest_number_above_zero(values: tuple[float, ...], decimals: int) -> None:
    assert column_decimals(values) == decimals


@pytest.mark.parametrize(
    ("low", "high", "decimals"), [(0.1, 0.16, 3), (-7, 8, 0), (-700, 800, 0), (2, 2, 2), (0, math.inf, 2)]
)
def test_an_interval_shows_two_digits_of_its_width(low: float, high: float, decimals: int) -> None:
    assert decimals_for(low, high) == decimals


def test_an_interval_stands_in_brackets() -> None:
    assert plain(interval(-0.1234, 5, 2)) == "[-0.12, 5.00]"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.21, "3.2 s"), (59.9, "1 min 0 s"), (204, "3 min 24 s"), (3_600, "1 h 0 min"), (90_061, "25 h 1 min")],
)
def test_a_duration_reads_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert plain(duration(seconds)) == text


def test_a_comparison_is_one_sentence() -> None:
    better = Comparison("PPO", 24, -0.6, 0.2, 0.8134, 0.6712, 0.9587, 0.95)
    assert comparison_sentence(better) == (
        "PPO: better than its untrained policy: +0.81 [0.67, 0.96] reward per seat and session "
        "over 24 paired seeds (95% interval)."
    )
    worse = Comparison("PPO", 5, 1, 0, -1, -1.5, -0.5, 0.9)
    assert "worse than its untrained policy: -1.0 [-1.5, -0.5]" in plain(comparison_sentence(worse))
    assert "(90% interval)" in comparison_sentence(worse)
    undecided = Comparison("PPO", 5, 1, 1.1, 0.1, -0.5, 0.7, 0.95)
    assert "not distinguishable from its untrained policy: +0.1 [-0.5, 0.7]" in plain(comparison_sentence(undecided))


def test_conservation_reads_with_its_integers() -> None:
    assert conservation_sentence(Conservation(1024, 0, 0)) == (
        "Conserved exactly: over 1,024 sessions, all positions sum to 0 lots, all cash and fees to 0 cash units."
    )
    broken = conservation_sentence(Conservation(3, 2, 17))
    assert broken.startswith("NOT conserved")
    assert "2 lots" in broken
    assert "17 cash units" in broken
