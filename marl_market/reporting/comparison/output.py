"""A comparison as text, CSV, LaTeX, JSON lines and an HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from marl_market.evaluation.statistics import BOOTSTRAP_FROM, CONFIDENCE
from marl_market.evaluation.training_seeds import RESAMPLES, performance_profile
from marl_market.market.whole_file import replace_file
from marl_market.reporting.comparison.comparison import (
    EFFICIENCY,
    Curve,
    Improvement,
    Row,
    curves_of,
    groups_of,
    scores_in,
    table_of,
)
from marl_market.reporting.comparison.variants import Variant
from marl_market.reporting.report import text
from marl_market.reporting.report.page_templates import render
from marl_market.reporting.report.svg import INK, MUTED, draw

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#656d76")
"""Colors of variants: those of Okabe and Ito's palette first."""
PROFILE_POINTS = 200
WIDTH = 640


def interval_note(variants: Sequence[Variant]) -> str:
    """Return what the intervals are over, in one sentence."""
    seeds = sorted({len(variant.runs) for variant in variants})
    counted = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    note = (
        f"{CONFIDENCE:.0%} intervals over {counted} training seeds: of the mean by Student's t or, from "
        f"{BOOTSTRAP_FROM} seeds, bootstrap; of the rest by a two-stage bootstrap of seeds and their sessions "
        f"({RESAMPLES} resamples), too narrow for few seeds"
    )
    return note + ("; a single training seed has none" if seeds[0] < 2 else "")


def to_text(rows: Sequence[Row], improvements: Sequence[Improvement], note: str) -> str:
    """Return the tables for a terminal."""
    lines = []
    width = max([len(row.variant) for row in rows], default=0)
    for group, metric in dict.fromkeys((row.group, row.metric) for row in rows):
        lines.append(f"{group}, {metric.replace('_', ' ')}:")
        for row in rows:
            if (row.group, row.metric) == (group, metric):
                lines.append(f"  {row.variant:{width}}  {_estimate_text(row)}")
    if improvements:
        lines.append("probability that a run has a higher mean reward:")
    for each in improvements:
        ends = "" if np.isnan(each.low) else f" [{each.low:.2f}, {each.high:.2f}]"
        lines.append(f"  {each.group}: {each.variant} over {each.other}: {each.probability:.2f}{ends}")
    return "\n".join([*lines, note])


def _estimate_text(row: Row) -> str:
    found = row.estimate
    decimals = text.decimals_for(found.mean_low, found.mean_high) if found.seeds > 1 else 2
    parts = [f"mean {found.mean:.{decimals}f}", f"IQM {found.iqm:.{decimals}f}"]
    if found.seeds > 1:
        ends = ((found.mean_low, found.mean_high), (found.iqm_low, found.iqm_high))
        parts = [
            f"{part} [{low:.{decimals}f}, {high:.{decimals}f}]" for part, (low, high) in zip(parts, ends, strict=True)
        ]
    return f"{'  '.join(parts)}  ({found.seeds} seeds x {found.sessions} sessions)"


def to_json_lines(rows: Sequence[Row]) -> str:
    """Return one JSON object a row."""
    return "".join(json.dumps(row.to_dict(), allow_nan=False) + "\n" for row in rows)


def write_files(
    folder: Path, variants: Sequence[Variant], rows: Sequence[Row], improvements: Sequence[Improvement]
) -> Path:
    """Write comparison.csv, comparison.tex and comparison.html into `folder`, made where missing; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    table = table_of(rows)
    replace_file(folder / "comparison.csv", table.to_csv(index=False).encode())
    replace_file(folder / "comparison.tex", to_latex(rows).encode())
    page = folder / "comparison.html"
    replace_file(page, to_html(variants, rows, improvements).encode())
    return page


def to_latex(rows: Sequence[Row]) -> str:
    """Return a tabular with one line a row: interquartile mean, its interval, mean and number of seeds."""
    lines = [r"\begin{tabular}{lllrrrr}", r"group & variant & metric & IQM & interval & mean & seeds \\", r"\hline"]
    for row in rows:
        found = row.estimate
        ends = "--" if found.seeds < 2 else f"[{found.iqm_low:.4g}, {found.iqm_high:.4g}]"
        names = " & ".join(_escaped(name) for name in (row.group, row.variant, row.metric))
        lines.append(rf"{names} & {found.iqm:.4g} & {ends} & {found.mean:.4g} & {found.seeds} \\")
    return "\n".join([*lines, r"\end{tabular}", ""])


def _escaped(name: str) -> str:
    for character in "&%$#_{}":
        name = name.replace(character, "\\" + character)
    return name


def to_html(variants: Sequence[Variant], rows: Sequence[Row], improvements: Sequence[Improvement]) -> str:
    """Return one page that needs no other file."""
    colors = {variant.name: COLORS[index % len(COLORS)] for index, variant in enumerate(variants)}
    return render(
        "comparison.html",
        "marl_market.reporting.comparison",
        title="comparison of runs",
        note=interval_note(variants),
        variants=[(each.name, colors[each.name], [run.seed for run in each.runs]) for each in variants],
        rows=[{name: ("none" if value is None else value) for name, value in row.to_dict().items()} for row in rows],
        improvements=[each.to_dict() for each in improvements],
        figures=[
            *(figure for over in EFFICIENCY for figure in _curve_figures(curves_of(variants, over), over, colors)),
            *(_profile_figure(variants, group, colors) for group in groups_of(variants)),
        ],
    )


def _curve_figures(curves: Sequence[Curve], over: str, colors: dict[str, str]) -> list[str]:
    names = {"env_steps": "environment steps", "seconds": "seconds of training"}
    figures = []
    for index, group in enumerate(dict.fromkeys(curve.group for curve in curves)):
        own = [curve for curve in curves if curve.group == group]

        def paint(axes: list[Axes], own: Sequence[Curve] = own, group: str = group) -> None:
            (panel,) = axes
            panel.set_title(f"{group}: {EFFICIENCY[over]}")
            panel.set_xlabel(names[over])
            panel.set_ylabel("IQM of training reward")
            for curve in own:
                panel.fill_between(curve.position, curve.low, curve.high, color=colors[curve.variant], alpha=0.2, lw=0)
                panel.plot(curve.position, curve.iqm, color=colors[curve.variant], label=curve.variant)
            panel.xaxis.set_major_formatter(EngFormatter(sep=" "))
            panel.xaxis.set_major_locator(MaxNLocator(5))
            panel.legend(labelcolor=INK, fontsize=10)

        figures.append(
            draw(f"{over}-{index}", f"Learning curves of {group} over {names[over]}", WIDTH, 340, (1.0,), paint)
        )
    return figures


def _profile_figure(variants: Sequence[Variant], group: str, colors: dict[str, str]) -> str:
    scores = {variant.name: scores_in(variant, group, "reward") for variant in variants}
    known = {name: each for name, each in scores.items() if each is not None}
    low, high = min(each.min() for each in known.values()), max(each.max() for each in known.values())
    thresholds = np.linspace(low, high, PROFILE_POINTS)

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(f"{group}: performance profile")
        panel.set_xlabel("reward per seat and session")
        panel.set_ylabel("share of sessions above")
        panel.axhline(0.5, color=MUTED, linewidth=1)
        for name, each in known.items():
            panel.plot(thresholds, performance_profile(each, thresholds), color=colors[name], label=name)
        panel.legend(labelcolor=INK, fontsize=10)

    number = groups_of(variants).index(group)
    return draw(f"profile-{number}", f"Performance profile of {group}", WIDTH, 340, (1.0,), paint)
