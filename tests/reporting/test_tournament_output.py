"""Pages and tables of a tournament."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marl_market.league.game import profiles
from marl_market.league.payoff_table import PayoffTable
from marl_market.league.ratings import ratings_of
from marl_market.reporting.tournament.output import TournamentResult, leaderboard, payoff_rows, to_text, write_files


def result_of(players: int) -> TournamentResult:
    random, counts = np.random.default_rng(1), profiles(players, 2)
    payoffs = np.where(counts > 0, np.array([1.0, 0.0]), np.nan)[:, :, None] + 0.1 * random.standard_normal((1, 1, 20))
    table = PayoffTable(["good", "bad"], counts, payoffs)
    return TournamentResult(table, ratings_of(table), "closing_pnl (USD)", "market", {"profiles": str(len(counts))})


@pytest.mark.parametrize("players", [2, 3])
def test_the_better_entrant_leads(players: int) -> None:
    result = result_of(players)
    board = leaderboard(result)
    assert board["entrant"].tolist() == ["good", "bad"]
    assert board["rating"].tolist() == pytest.approx([0.0, -1.0], abs=1e-3)
    assert board["regret"].tolist() == pytest.approx([0.0, 1.0], abs=1e-3)
    assert ("alpha_rank" in board) == (players == 2)
    rows = payoff_rows(result.table)
    assert rows["profile"].iloc[0] == f"{players} x good"
    assert rows["standard_error"].max() < 0.05
    assert "95% intervals over 20 sessions" in to_text(result)


def test_files_hold_every_row(tmp_path: Path) -> None:
    result = result_of(2)
    page = write_files(tmp_path, result).read_text()
    assert page.count("<svg") == 2
    assert len(pd.read_csv(tmp_path / "payoffs.csv")) == len(payoff_rows(result.table)) == 4
    lines = [json.loads(line) for line in (tmp_path / "leaderboard.jsonl").read_text().splitlines()]
    assert [line["entrant"] for line in lines] == ["good", "bad"]
