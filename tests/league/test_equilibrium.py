"""Solvers against games with known solutions, and against brute force on random games."""

import numpy as np
import pytest

from marl_market.league.alpha_rank import alpha_rank, alpha_rank_of_profiles, fixation_probabilities, stationary
from marl_market.league.equilibrium import (
    correlated_equilibrium,
    replicator_path,
    symmetric_equilibrium,
    zero_sum_equilibrium,
)
from marl_market.league.game import Game, SymmetricGame

ROCK_PAPER_SCISSORS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
BIASED = np.array([[0.0, -0.25, 0.5], [0.25, 0.0, -0.05], [-0.5, 0.05, 0.0]])
HAWK_DOVE = np.array([[-1.0, 2.0], [0.0, 1.0]])  # value 2, cost 4
DILEMMA = np.array([[3.0, 0.0], [5.0, 1.0]])
CHICKEN = np.array([[6.0, 2.0], [7.0, 0.0]])


def test_biased_rock_paper_scissors_has_its_known_equilibrium() -> None:
    row, column, value = zero_sum_equilibrium(BIASED)
    assert row == pytest.approx(np.array([1, 10, 5]) / 16, abs=1e-8)
    assert column == pytest.approx(row, abs=1e-8)
    assert value == pytest.approx(0.0, abs=1e-9)
    mixture, regret = symmetric_equilibrium(SymmetricGame.from_matrix(BIASED))
    assert mixture == pytest.approx(np.array([1, 10, 5]) / 16, abs=1e-3)
    assert regret < 1e-4


def test_alpha_rank_of_biased_rock_paper_scissors_is_uniform() -> None:
    assert alpha_rank(BIASED) == pytest.approx(np.full(3, 1 / 3), abs=1e-3)
    assert alpha_rank(ROCK_PAPER_SCISSORS) == pytest.approx(np.full(3, 1 / 3))


def test_hawk_dove_ends_at_one_half() -> None:
    game = SymmetricGame.from_matrix(HAWK_DOVE)
    assert replicator_path(game, np.array([0.9, 0.1]))[-1] == pytest.approx([0.5, 0.5], abs=1e-6)
    mixture, regret = symmetric_equilibrium(game)
    assert mixture == pytest.approx([0.5, 0.5], abs=1e-5)
    assert regret < 1e-5


def test_a_dominant_strategy_takes_all() -> None:
    mixture, regret = symmetric_equilibrium(SymmetricGame.from_matrix(DILEMMA))
    assert mixture == pytest.approx([0.0, 1.0], abs=1e-6)
    assert regret < 1e-6
    assert alpha_rank(DILEMMA)[1] == pytest.approx(1.0)
    profiles = alpha_rank_of_profiles(Game(np.array([DILEMMA, DILEMMA.T])))
    assert profiles[1, 1] == pytest.approx(1.0, abs=1e-6)


def test_the_correlated_equilibrium_of_chicken_is_symmetric_and_beats_the_mixed_one() -> None:
    game = Game(np.array([CHICKEN, CHICKEN.T]))
    found = correlated_equilibrium(game)
    assert found.sum() == pytest.approx(1.0)
    assert found == pytest.approx(found.T, abs=1e-6)
    assert largest_gain(game, found) < 1e-5
    mixed = np.outer([2 / 3, 1 / 3], [2 / 3, 1 / 3])
    assert entropy(found) >= entropy(mixed) - 1e-6, "the product of the mixed equilibrium is correlated too"


@pytest.mark.parametrize("seed", range(5))
def test_correlated_equilibria_of_random_games_of_three_players_leave_no_gain(seed: int) -> None:
    game = Game(np.random.default_rng(seed).standard_normal((3, 2, 3, 2)))
    assert largest_gain(game, correlated_equilibrium(game)) < 1e-4


@pytest.mark.parametrize("seed", range(20))
def test_zero_sum_solutions_of_random_games_leave_no_regret(seed: int) -> None:
    random = np.random.default_rng(seed)
    payoff = random.standard_normal((random.integers(1, 8), random.integers(1, 8)))
    row, column, value = zero_sum_equilibrium(payoff)
    game = Game(np.array([payoff, -payoff]))
    assert game.nash_conv([row, column]) < 1e-8
    assert row @ payoff @ column == pytest.approx(value)


@pytest.mark.parametrize("seed", range(10))
def test_symmetric_equilibria_of_random_games_leave_little_regret(seed: int) -> None:
    game = SymmetricGame.from_matrix(np.random.default_rng(seed).standard_normal((4, 4)))
    mixture, regret = symmetric_equilibrium(game)
    assert mixture.sum() == pytest.approx(1.0)
    assert 0.0 <= regret < 1e-3


def test_fixation_follows_the_formula_and_does_not_overflow() -> None:
    gain, alpha, size = np.array([0.1, -0.1, 0.0]), 1.0, 10
    expected = [(1 - np.exp(-x)) / (1 - np.exp(-size * x)) for x in (0.1, -0.1)] + [0.1]
    assert fixation_probabilities(gain, alpha, size) == pytest.approx(expected)
    assert np.isfinite(fixation_probabilities(np.array([1e6, -1e6]), 100.0, 50)).all()


def test_the_stationary_distribution_is_that_of_the_eigenvector() -> None:
    random = np.random.default_rng(3)
    rates = random.random((6, 6))
    np.fill_diagonal(rates, 0.0)
    chain = rates / rates.sum(axis=1).max()
    np.fill_diagonal(chain, 1.0 - chain.sum(axis=1))
    found = stationary(chain)
    assert found @ chain == pytest.approx(found)
    assert found.sum() == pytest.approx(1.0)


def largest_gain(game: Game, joint: np.ndarray) -> float:
    """Return the largest gain of a player that is told a strategy and plays another, by enumeration."""
    best = 0.0
    for player in range(game.players):
        for told in range(game.strategies[player]):
            for played in range(game.strategies[player]):
                gain = 0.0
                for profile in np.ndindex(*game.strategies):
                    if profile[player] == told:
                        other = (*profile[:player], played, *profile[player + 1 :])
                        gain += joint[profile] * (game.payoffs[(player, *other)] - game.payoffs[(player, *profile)])
                best = max(best, gain)
    return best


def entropy(joint: np.ndarray) -> float:
    positive = joint[joint > 0]
    return float(-(positive * np.log(positive)).sum())
