"""Payoffs of games against enumeration, and the reduction of many players to few."""

from itertools import product

import numpy as np
import pytest

from marl_market.league.game import Game, SymmetricGame, full_profile, profiles


def test_deviation_payoffs_are_expectations_over_the_others() -> None:
    random = np.random.default_rng(1)
    game = Game(random.standard_normal((3, 2, 3, 4)))
    profile = [random.dirichlet(np.ones(size)) for size in game.strategies]
    found = game.deviation_payoffs(profile)
    for player in range(3):
        expected = np.zeros(game.strategies[player])
        for pure in np.ndindex(*game.strategies):
            weight = np.prod([profile[k][pure[k]] for k in range(3) if k != player])
            expected[pure[player]] += weight * game.payoffs[(player, *pure)]
        assert found[player] == pytest.approx(expected)
    assert game.regrets(profile) == pytest.approx(
        [each.max() - each @ own for each, own in zip(found, profile, strict=True)]
    )


def test_a_symmetric_game_agrees_with_the_enumeration_of_its_players() -> None:
    random, players, strategies = np.random.default_rng(2), 4, 3
    counts = profiles(players, strategies)
    assert len(counts) == 15
    game = SymmetricGame(counts, random.standard_normal(counts.shape))
    mixture = random.dirichlet(np.ones(strategies))
    rows = {tuple(each): index for index, each in enumerate(counts)}
    expected = np.zeros(strategies)
    for own in range(strategies):
        for others in product(range(strategies), repeat=players - 1):
            row = rows[tuple(np.bincount([own, *others], minlength=strategies))]
            expected[own] += np.prod(mixture[list(others)]) * game.payoffs[row, own]
    assert game.deviation_payoffs(mixture) == pytest.approx(expected)
    assert game.opponent_probabilities(mixture).sum(axis=0) == pytest.approx(np.ones(strategies))


def test_a_pure_mixture_has_the_payoffs_against_it() -> None:
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    game = SymmetricGame.from_matrix(matrix)
    assert game.deviation_payoffs(np.array([0.0, 1.0])) == pytest.approx([2.0, 4.0])
    assert game.regret(np.array([1.0, 0.0])) == pytest.approx(2.0)


def test_a_reduced_profile_stands_for_a_full_one() -> None:
    # Three players stand for seven: one for itself, two for three each.
    assert full_profile(np.array([2, 1]), 0, 7).tolist() == [4, 3]
    assert full_profile(np.array([2, 1]), 1, 7).tolist() == [6, 1]
    assert full_profile(np.array([1, 2]), 1, 3).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: full_profile(np.array([1, 2]), 0, 6), "players is 6; it must be 1 . a multiple of 2"),
        (lambda: full_profile(np.array([0, 3]), 0, 7), "strategy is 0; it must be one that is played"),
        (lambda: Game(np.zeros((3, 2, 2))), "payoffs is .3, 2, 2."),
        (lambda: Game(np.full((1, 2), np.nan)), "payoffs is .not finite."),
        (lambda: SymmetricGame(np.array([[2, 0], [1, 1]]), np.zeros((2, 2))), "counts is 2; it must be all profiles"),
        (lambda: SymmetricGame(np.array([[2, 0], [1, 2], [0, 2]]), np.zeros((3, 2))), "profiles of as many players"),
    ],
)
def test_what_is_no_game_is_named(call: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()  # type: ignore[operator]
