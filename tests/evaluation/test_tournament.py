"""Tournaments: payoffs equal those of matches, resumption after a kill, and what is no tournament."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.ladder import Ladder
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.population.group import External, Group
from marl_market.evaluation.match import play_match
from marl_market.evaluation.tournament.tournament import PROFILES_FILE, Tournament, TournamentError, play_tournament
from tests.builders import environment, market_spec

SEEDS = [3, 4, 5]


@pytest.fixture
def tournament() -> Tournament:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("makers", External(), 2), Group("late", FixedSpread(), 1)]
    described = environment(groups, spec=market_spec(session_steps=30))
    return Tournament(described, "makers", 2, {"spread": FixedSpread(), "ladder": Ladder()}, SEEDS, "pnl")


def test_payoffs_are_those_of_matches(tournament: Tournament, tmp_path: Path) -> None:
    table = play_tournament(tournament, tmp_path)
    assert table.counts.tolist() == [[2, 0], [1, 1], [0, 2]]
    assert table.strategies == ("spread", "ladder")
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("first", FixedSpread(), 1),
        Group("second", Ladder(), 1),
        Group("late", FixedSpread(), 1),
    ]
    match = play_match(replace(tournament.environment, groups=groups), SEEDS)
    assert table.payoffs[1, 0].tolist() == match.profit[:, 4].tolist()
    assert table.payoffs[1, 1].tolist() == match.profit[:, 5].tolist()
    assert np.isnan(table.payoffs[0, 1]).all()
    assert (match.profit[:, 4:6] != 0).any()


def test_a_tournament_that_was_killed_ends_with_the_same_table(tournament: Tournament, tmp_path: Path) -> None:
    whole = play_tournament(tournament, tmp_path / "whole")
    lines = (tmp_path / "whole" / PROFILES_FILE).read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / PROFILES_FILE).write_bytes(lines[0] + lines[1][:20])
    played: list[int] = []
    again = play_tournament(tournament, cut, show=lambda done, total: played.append(done))
    np.testing.assert_array_equal(again.payoffs, whole.payoffs)
    assert (cut / PROFILES_FILE).read_bytes() == b"".join(lines)
    assert played == [0, 1, 2, 3]


def test_results_of_another_tournament_are_not_mixed(tournament: Tournament, tmp_path: Path) -> None:
    play_tournament(tournament, tmp_path)
    for other in (replace(tournament, seeds=[3, 4, 6]), replace(tournament, measure="reward")):
        with pytest.raises(TournamentError, match="holds the results of another tournament"):
            play_tournament(other, tmp_path)
    (tmp_path / PROFILES_FILE).write_text(json.dumps({"counts": [1, 1]}) + "\n")
    with pytest.raises(TournamentError, match="line 1: KeyError"):
        play_tournament(tournament, tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"group": "nobody"}, "group is 'nobody'; it must be one of noise, makers, late"),
        ({"players": 0}, "players is 0"),
        ({"entrants": {"spread": FixedSpread()}}, "entrants is 1; it must be two or more"),
        ({"seeds": [1]}, "sessions is 1"),
        ({"measure": "luck"}, "measure is 'luck'; it must be one of closing_pnl, pnl, reward"),
    ],
)
def test_what_is_no_tournament_is_named(tournament: Tournament, changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(tournament, **changes)  # type: ignore[arg-type]
