"""The tables of a report that follow from declared outcome columns and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from marl_market.evaluation import metrics, outcomes, replay_impact
from marl_market.evaluation.metrics import Metric
from marl_market.evaluation.outcomes import CURRENCY, GroupOutcome, OutcomeColumn
from marl_market.evaluation.replay_impact import ReplayImpact
from marl_market.reporting.report import text


@dataclass(frozen=True)
class Cell:
    """One cell: its text, and whether it is set in bold."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """One table of a page.

    Attributes:
        header: label and description of each column after the first.
        rows: name and cells of each row.
    """

    header: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def unit_text(unit: str, currency: str) -> str:
    """Return a declared unit, money in `currency`."""
    return currency if unit == CURRENCY else unit


def metric_text(metric: Metric, currency: str) -> str:
    """Return label and unit of a metric."""
    unit = unit_text(metric.unit, currency)
    return metric.label if unit == metric.label else f"{metric.label} ({unit})"


def outcome_table(groups: Sequence[GroupOutcome], currency: str) -> Table:
    """Return one row a group: its seats, and mean and interval of each declared column."""
    header = [("seats", "seats of the group in one market")]
    cells = [[Cell(str(group.seats))] for group in groups]
    for column in outcomes.OUTCOME_COLUMNS:
        header.append((column.label, f"{column.description}; {unit_text(column.unit, currency)} per seat and session"))
        if column.interval:
            header.append(("interval", f"{outcomes.CONFIDENCE:.0%} interval over sessions"))
        for row, added in zip(cells, _column_cells(column, groups), strict=True):
            row += added
    return Table(header, [(group.group, row) for group, row in zip(groups, cells, strict=True)])


def _column_cells(column: OutcomeColumn, groups: Sequence[GroupOutcome]) -> list[list[Cell]]:
    """Return the cells of each group: mean and interval in as many decimals as it resolves, or the mean."""
    means = [group.statistics[column.mean_field] for group in groups]
    if not column.interval:
        return [[cell] for cell in _mean_cells(means)]
    cells = []
    for group, mean in zip(groups, means, strict=True):
        low, high = (group.statistics[name] for name in column.interval_fields)
        decimals = text.decimals_for(low, high)
        cells.append([Cell(text.number(mean, decimals, True), strong=True), Cell(text.interval(low, high, decimals))])
    return cells


def replay_table(impact: ReplayImpact) -> Table:
    """Return one row a declared measure of a replay: its mean and its interval over sessions."""
    rows = []
    for measure in replay_impact.REPLAY_MEASURES:
        mean, low, high = (impact.statistics[f"{measure.name}{end}"] for end in ("", "_low", "_high"))
        decimals = text.decimals_for(low, high)
        cells = [Cell(text.number(mean, decimals), strong=True), Cell(text.interval(low, high, decimals))]
        rows.append((measure.label, [*cells, Cell(f"{measure.unit}: {measure.description}")]))
    interval = f"{outcomes.CONFIDENCE:.0%} interval over sessions"
    return Table([("mean", "over sessions"), ("interval", interval), ("", "unit and meaning")], rows)


def group_table(rows: pd.DataFrame, currency: str) -> Table:
    """Return one row a group: the mean of each declared metric over iterations, one row of `rows` each."""
    groups = dict.fromkeys(name.split("/")[1] for name in map(str, rows) if name.startswith("group/"))
    return _metric_table(metrics.GROUP_METRICS, {group: f"group/{group}/" for group in groups}, rows, currency)


def market_table(rows: pd.DataFrame, currency: str) -> Table:
    """Return one row: the mean of each declared metric of the market over iterations, one row of `rows` each."""
    declared = (*metrics.MARKET_METRICS, *metrics.REPLAY_METRICS)
    return _metric_table(declared, {"market": "market/"}, rows, currency)


def _metric_table(declared: Sequence[Metric], prefixes: dict[str, str], rows: pd.DataFrame, currency: str) -> Table:
    """Return the table of the declared metrics with a column in `rows`; a missing value is an empty cell."""
    columns = {}
    for metric in declared:
        keys = [prefix + metric.name for prefix in prefixes.values()]
        if any(key in rows for key in keys):
            columns[metric] = _mean_cells([_mean(metric, rows[key]) if key in rows else None for key in keys])
    header = [(metric_text(metric, currency), metric.description) for metric in columns]
    cells = zip(*columns.values(), strict=True)
    return Table(header, list(zip(prefixes, cells, strict=True)) if columns else [])


def _mean(metric: Metric, values: pd.Series) -> float:
    """Return the mean over iterations; a rare metric was zero where it was not logged."""
    return float((values.fillna(0.0) if metric.rare else values).mean())


def _mean_cells(means: Sequence[float | None]) -> list[Cell]:
    """Return cells of means with as many decimals, alike in the whole column."""
    decimals = text.column_decimals([mean for mean in means if mean is not None])
    return [Cell("" if mean is None else text.number(mean, decimals)) for mean in means]
