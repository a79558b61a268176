"""Format numbers, and summarize results in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from marl_market.evaluation.comparison import Comparison
from marl_market.evaluation.results import Conservation

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NARROW NO-BREAK SPACE}"


def number(value: float, decimals: int | None = None, sign: bool = False) -> str:
    """Return `value` with thousands separated; without `decimals`, whole numbers in full and others to four digits."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else f"{MINUS if value < 0 else ''}\N{INFINITY}"
    if decimals is None:
        whole = float(value).is_integer() or abs(value) >= 1000
        decimals = 0 if whole else min(10, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:+z,.{decimals}f}" if sign else f"{value:z,.{decimals}f}"
    return text.replace("-", MINUS)


def decimals_for(low: float, high: float) -> int:
    """Return the number of decimals that resolve the width of an interval to two digits."""
    width = high - low
    return min(10, max(0, 1 - math.floor(math.log10(width)))) if width > 0 and math.isfinite(width) else 2


def column_decimals(values: Sequence[float]) -> int:
    """Return the number of decimals of a column: its largest number gets three digits.

    Up to two more are added where the smallest would else read as zero.
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return 0
    decimals = max(0, 2 - math.floor(math.log10(max(sizes))))
    return min(10, max(decimals, min(decimals + 2, -math.floor(math.log10(min(sizes))))))


def interval(low: float, high: float, decimals: int) -> str:
    """Return both ends in brackets."""
    return f"[{number(low, decimals)}, {number(high, decimals)}]"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    if not math.isfinite(seconds):
        return number(seconds)
    whole = round(seconds)
    if whole < 60:
        return f"{number(seconds, 1)}{SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{SPACE}min {whole % 60}{SPACE}s"
    return f"{number(whole // 3600)}{SPACE}h {whole % 3600 // 60}{SPACE}min"


def comparison_sentence(comparison: Comparison) -> str:
    """Return the effect of training on one group, with its interval and number of seeds."""
    result = {
        "better": "better than its untrained policy",
        "worse": "worse than its untrained policy",
        "undecided": "not distinguishable from its untrained policy",
    }[comparison.verdict]
    low, high = comparison.difference_low, comparison.difference_high
    decimals = decimals_for(low, high)
    return (
        f"{comparison.group}: {result}: {number(comparison.difference_mean, decimals, sign=True)} "
        f"{interval(low, high, decimals)} reward per seat and session over "
        f"{comparison.seeds} paired seeds ({comparison.confidence:.0%} interval)."
    )


def conservation_sentence(conservation: Conservation) -> str:
    """Return whether positions and cash were conserved, with the integers that prove it."""
    errors = (
        f"all positions sum to {number(conservation.position_error_lots)} lots, all cash and fees to "
        f"{number(conservation.cash_error_units)} cash units"
    )
    if conservation.holds:
        return f"Conserved exactly: over {number(conservation.sessions)} sessions, {errors}."
    return f"NOT conserved: over {number(conservation.sessions)} sessions, {errors}. Do not trust this run."
