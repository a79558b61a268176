"""How far a market is from real data, as a part of a report and as a page of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from marl_market.evaluation.realism.assessment import Assessment, Row
from marl_market.evaluation.realism.catalogue import EIGHT
from marl_market.evaluation.realism.intervals import CONFIDENCE
from marl_market.evaluation.realism.shapes import Shape
from marl_market.market.whole_file import replace_file
from marl_market.reporting.report import text
from marl_market.reporting.report.page_templates import render
from marl_market.reporting.report.svg import MUTED, ORANGE, draw
from marl_market.reporting.report.tables import Cell, Table

PANEL_WIDTH, PANEL_HEIGHT = 440, 240
INTERVAL = f"{CONFIDENCE:.0%} interval"
DISTANCES = tuple(
    column
    for kind, meaning in (("L1", "half the sum of differences of bin shares"), ("KS", "Kolmogorov-Smirnov distance"))
    for column in ((kind, meaning), ("interval", INTERVAL), ("floor", f"{kind} of real data against real data"))
)
NUMBERS = (
    ("market", "simulated"), ("data", "real"), ("difference", "market - data"), ("interval", INTERVAL),
    ("floor", "difference of real data and real data"),
)  # fmt: skip


@dataclass(frozen=True)
class RealismSection:
    """What a page shows of one assessment.

    Attributes:
        means: table of means.
        distances: table of distances, one row a fact.
        numbers: table of numbers.
        drawings: distributions over each other, as SVG.
        floor: what the floor is.
        missing: each fact that is not compared, in words; empty where all are.
        confidence: of the intervals.
    """

    means: Table
    distances: Table
    numbers: Table
    drawings: Sequence[str]
    floor: str
    missing: str
    confidence: float = CONFIDENCE


def realism_sections(realism: Mapping[str, Assessment]) -> dict[str, RealismSection]:
    """Return what is shown of each assessment, by its name."""
    return {name: _section(f"realism-{index}", each) for index, (name, each) in enumerate(realism.items())}


def write_realism_page(path: Path, title: str, realism: Mapping[str, Assessment]) -> None:
    """Write one self-contained HTML page of assessments by name."""
    replace_file(path, render("realism_page.html", title=title, realism=realism_sections(realism)).encode())


def _section(prefix: str, found: Assessment) -> RealismSection:
    drawings = [
        distribution(f"{prefix}-{fact.replace('_', '-')}", words(fact), found.shapes[fact])
        for fact in (*EIGHT, *(each for each in found.shapes if each not in EIGHT))
        if fact in found.shapes
    ]
    return RealismSection(
        means=_distance_table(found, "mean_l1", "mean_ks"),
        distances=_distance_table(found, "l1", "ks"),
        numbers=_number_table(found),
        drawings=drawings,
        floor=found.floor,
        missing=", ".join(map(words, found.missing)),
    )


def words(fact: str) -> str:
    """Return the name of a fact for people."""
    return fact.replace("_", " ")


def distribution(name: str, title: str, shape: Shape) -> str:
    """Draw two distributions over each other: data filled, market as a line.

    Args:
        name: name of the figure on its page.
        title: quantity.
        shape: shares of both.
    """

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(title)
        panel.set_ylabel("share")
        panel.stairs(shape.real, shape.edges, fill=True, color=MUTED, alpha=0.35, label="data")
        panel.stairs(shape.simulated, shape.edges, color=ORANGE, linewidth=2, label="market")
        panel.yaxis.set_major_locator(MaxNLocator(4))
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.legend(loc="upper right")
        panel.grid(axis="x", visible=False)

    return draw(name, f"Distributions of {title}, data and market", PANEL_WIDTH, PANEL_HEIGHT, (1.0,), paint)


def _distance_table(found: Assessment, l1: str, ks: str) -> Table:
    by_fact: dict[str, dict[str, Row]] = {}
    for row in found.rows:
        if row.distance in (l1, ks):
            by_fact.setdefault(row.fact, {})[row.distance] = row
    rows = [
        (words(fact), [cell for kind in (l1, ks) for cell in _distance_cells(pair[kind])])
        for fact, pair in by_fact.items()
    ]
    return Table(DISTANCES, rows)


def _distance_cells(row: Row) -> list[Cell]:
    return [
        Cell(text.number(row.value, 3), strong=True),
        Cell(text.interval(row.low, row.high, 3)),
        Cell(_known(row.floor, 3)),
    ]


def _number_table(found: Assessment) -> Table:
    rows = []
    for row in found.rows:
        if row.real is not None and row.simulated is not None and math.isfinite(row.value):
            places = text.decimals_for(row.low, row.high) if math.isfinite(row.high - row.low) else 3
            cells = [Cell(text.number(each, places)) for each in (row.simulated, row.real)]
            cells.append(Cell(text.number(row.value, places, True), strong=True))
            cells.append(Cell(text.interval(row.low, row.high, places) if math.isfinite(row.high - row.low) else ""))
            rows.append((words(row.fact), [*cells, Cell(_known(row.floor, places))]))
    return Table(NUMBERS, rows)


def _known(value: float, places: int) -> str:
    return text.number(value, places) if math.isfinite(value) else ""
