"""Results of a tournament as text, CSV, JSON lines and an HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from marl_market.league.payoff_table import CONFIDENCE, RESAMPLES, PayoffTable
from marl_market.league.ratings import Ratings
from marl_market.market.whole_file import replace_file
from marl_market.reporting.report.page_templates import render
from marl_market.reporting.report.svg import BLUE, INK, draw

WIDTH = 640
CELL = 46


@dataclass(frozen=True)
class TournamentResult:
    """What is shown.

    Attributes:
        table: payoffs.
        ratings: of its strategies.
        measure: of the payoffs, with its unit.
        market: name of the market.
        metadata: further lines about the tournament, by name.
    """

    table: PayoffTable
    ratings: Ratings
    measure: str
    market: str
    metadata: Mapping[str, str]


def leaderboard(result: TournamentResult) -> pd.DataFrame:
    """Return one row an entrant, the best rating first."""
    ratings = result.ratings
    columns: dict[str, Any] = {
        "entrant": list(result.table.strategies),
        "rating": ratings.rating,
        "rating_low": ratings.low,
        "rating_high": ratings.high,
        "equilibrium": ratings.equilibrium,
        "payoff_against_uniform": ratings.uniform_payoff,
        "regret": ratings.regret,
        "regret_low": ratings.regret_low,
        "regret_high": ratings.regret_high,
    }
    if ratings.alpha_rank_mass is not None:
        columns["alpha_rank"] = ratings.alpha_rank_mass
    order = ["rating", "equilibrium", "payoff_against_uniform"]
    return pd.DataFrame(columns).sort_values(order, ascending=False, kind="stable", ignore_index=True)


def payoff_rows(table: PayoffTable) -> pd.DataFrame:
    """Return one row a profile and strategy in it: mean payoff, its standard error and number of sessions."""
    mean, error = table.mean, table.standard_error
    rows = [
        {
            "profile": profile_text(table.strategies, counts),
            "entrant": table.strategies[column],
            "players": int(counts[column]),
            "mean": float(mean[row, column]),
            "standard_error": float(error[row, column]),
            "sessions": table.sessions,
        }
        for row, counts in enumerate(table.counts)
        for column in np.flatnonzero(counts).tolist()
    ]
    return pd.DataFrame(rows)


def profile_text(strategies: Sequence[str], counts: Sequence[int]) -> str:
    """Return the strategies of a profile, those of several players with their number."""
    played = [(name, count) for name, count in zip(strategies, counts, strict=True) if count]
    return " + ".join(name if count == 1 else f"{count} x {name}" for name, count in played)


def to_text(result: TournamentResult) -> str:
    """Return the leaderboard and the payoffs for a terminal."""
    board = leaderboard(result)
    width = max(map(len, result.table.strategies))
    lines = [
        f"{'entrant':{width}}  {'rating':>22}  {'equilibrium':>11}  {'vs uniform':>10}  {'regret':>22}  alpha-rank"
    ]
    for row in board.to_dict("records"):
        rank = f"{row['alpha_rank']:10.3f}" if "alpha_rank" in row else f"{'-':>10}"
        lines.append(
            f"{row['entrant']:{width}}  {_with_interval(row, 'rating'):>22}  {row['equilibrium']:11.3f}  "
            f"{row['payoff_against_uniform']:10.4g}  {_with_interval(row, 'regret'):>22}  {rank}"
        )
    lines.append("payoffs (mean +- standard error):")
    for row in payoff_rows(result.table).to_dict("records"):
        lines.append(f"  {row['profile']}: {row['entrant']} {row['mean']:.4g} +- {row['standard_error']:.2g}")
    return "\n".join([*lines, note(result)])


def _with_interval(row: Mapping[Any, Any], name: str) -> str:
    return f"{row[name]:.4g} [{row[f'{name}_low']:.4g}, {row[f'{name}_high']:.4g}]"


def note(result: TournamentResult) -> str:
    """Return what the numbers are, in two sentences."""
    return (
        f"{result.measure} a seat and session in {result.market}, {result.table.players} contested seats; "
        f"{CONFIDENCE:.0%} intervals over {result.table.sessions} sessions that all profiles share "
        f"(bootstrap, {RESAMPLES} resamples), at the equilibrium found, of regret "
        f"{result.ratings.equilibrium_regret:.2g}. "
        "rating: payoff against the equilibrium less that of the equilibrium; regret: the gain of the best deviation "
        "from a market in which all contested seats play the entrant."
    )


def write_files(folder: Path, result: TournamentResult) -> Path:
    """Write leaderboard.csv, payoffs.csv, leaderboard.jsonl and tournament.html into `folder`; return the page."""
    board = leaderboard(result)
    replace_file(folder / "leaderboard.csv", board.to_csv(index=False).encode())
    replace_file(folder / "payoffs.csv", payoff_rows(result.table).to_csv(index=False).encode())
    lines = "".join(json.dumps(row) + "\n" for row in board.to_dict("records"))
    replace_file(folder / "leaderboard.jsonl", lines.encode())
    page = folder / "tournament.html"
    replace_file(page, to_html(result).encode())
    return page


def to_html(result: TournamentResult) -> str:
    """Return one page that needs no other file."""
    return render(
        "tournament.html",
        "marl_market.reporting.tournament",
        title="tournament",
        note=note(result),
        metadata=result.metadata,
        board=leaderboard(result).to_dict("records"),
        payoffs=payoff_rows(result.table).to_dict("records"),
        figures=[*([_heat_map(result)] if result.table.players == 2 else []), _equilibrium_bars(result)],
    )


def _heat_map(result: TournamentResult) -> str:
    names, matrix = result.table.strategies, result.table.matrix()
    limit = float(np.abs(matrix).max()) or 1.0

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title("payoff of the row against the column")
        panel.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit, alpha=0.8)
        for (row, column), value in np.ndenumerate(matrix):
            panel.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=10, color=INK)
        panel.set_xticks(range(len(names)), names, rotation=30, ha="right")
        panel.set_yticks(range(len(names)), names)
        panel.tick_params(labelcolor=INK)
        panel.grid(visible=False)

    return draw("payoffs", "Payoff matrix", WIDTH, 160 + CELL * len(names), (1.0,), paint)


def _equilibrium_bars(result: TournamentResult) -> str:
    names, mass = result.table.strategies, result.ratings.equilibrium

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title("probability in the symmetric equilibrium")
        panel.barh(range(len(names)), mass, height=0.56, color=BLUE, alpha=0.8)
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.4, -0.6)
        panel.set_xlim(0, 1)
        panel.tick_params(axis="y", labelcolor=INK)
        panel.grid(axis="y", visible=False)

    return draw("equilibrium", "Symmetric equilibrium", WIDTH, 96 + 34 * len(names), (1.0,), paint)
