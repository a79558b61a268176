"""Payoff tables and ratings of games whose solutions are known."""

import numpy as np
import pytest

from marl_market.league.game import profiles
from marl_market.league.payoff_table import PayoffTable
from marl_market.league.ratings import pure_regrets, ratings_of

BIASED = np.array([[0.0, -0.25, 0.5], [0.25, 0.0, -0.05], [-0.5, 0.05, 0.0]])


def table_of(matrix: np.ndarray, noise: float, sessions: int, common: float = 0.0) -> PayoffTable:
    """Return a table whose payoffs are those of a matrix plus noise of each entry and of each session."""
    random, counts = np.random.default_rng(1), profiles(2, len(matrix))
    payoffs = np.full((*counts.shape, sessions), np.nan)
    luck = common * random.standard_normal(sessions)
    for row, count in enumerate(counts):
        played = np.flatnonzero(count)
        for own, other in {(played[0], played[-1]), (played[-1], played[0])}:
            payoffs[row, own] = matrix[own, other] + luck + noise * random.standard_normal(sessions)
    return PayoffTable([f"s{index}" for index in range(len(matrix))], counts, payoffs)


def test_a_table_has_means_errors_and_its_matrix() -> None:
    table = table_of(BIASED, 0.1, 400)
    assert table.players == 2
    assert table.matrix() == pytest.approx(BIASED, abs=0.03)
    assert np.nanmean(table.standard_error) == pytest.approx(0.1 / 20, rel=0.1)


def test_ratings_are_zero_for_what_the_equilibrium_plays() -> None:
    found = ratings_of(table_of(BIASED, 1e-4, 50))
    assert found.equilibrium == pytest.approx(np.array([1, 10, 5]) / 16, abs=5e-3)
    assert found.rating == pytest.approx(np.zeros(3), abs=1e-3)
    assert found.alpha_rank_mass == pytest.approx(np.full(3, 1 / 3), abs=1e-2)
    assert found.regret == pytest.approx([0.25, 0.05, 0.5], abs=1e-3)


def test_a_dominated_strategy_has_a_negative_rating_with_its_interval() -> None:
    matrix = np.array([[1.0, 1.0], [0.0, 0.0]])
    found = ratings_of(table_of(matrix, 0.5, 100))
    assert found.equilibrium == pytest.approx([1.0, 0.0], abs=1e-4)
    assert found.rating[1] == pytest.approx(-1.0, abs=0.25)
    assert found.low[1] < found.rating[1] < found.high[1] < 0.0


def test_luck_that_all_profiles_share_does_not_widen_an_interval() -> None:
    matrix = np.array([[1.0, 1.0], [0.0, 0.0]])
    quiet, loud = (ratings_of(table_of(matrix, 0.1, 100, common)) for common in (0.0, 50.0))
    widths = [float(found.high[1] - found.low[1]) for found in (quiet, loud)]
    assert widths[1] == pytest.approx(widths[0], rel=0.5)


def test_the_intervals_of_pure_regrets_cover_them() -> None:
    table = table_of(BIASED, 0.3, 200)
    low, high = table.interval(pure_regrets)
    assert (low <= pure_regrets(table.game())).all()
    assert (pure_regrets(table.game()) <= high).all()


def test_what_is_no_table_is_named() -> None:
    counts = profiles(2, 2)
    with pytest.raises(ValueError, match="sessions is 1; it must be two or more"):
        PayoffTable(["a", "b"], counts, np.zeros((3, 2, 1)))
    with pytest.raises(ValueError, match="strategies is 1; it must be one a column"):
        PayoffTable(["a"], counts, np.zeros((3, 2, 2)))
    with pytest.raises(ValueError, match="players is 3; it must be 2 for a matrix"):
        PayoffTable(["a", "b"], profiles(3, 2), np.zeros((4, 2, 2))).matrix()
