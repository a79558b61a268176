import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.strategies import OpenAIES, StrategyState, centered_ranks

OPTIMUM = np.random.default_rng(0).normal(0, 1, 50)


def noisy_quadratic(vectors: np.ndarray, random: np.random.Generator) -> Any:
    """Return minus the squared distance to the optimum; mirrored candidates share their noise, as paired markets do."""
    noise = np.repeat(random.normal(0, 5, len(vectors) // 2), 2)
    return -((vectors - OPTIMUM) ** 2).sum(axis=1) + noise


def search(strategy: OpenAIES, state: StrategyState, generations: range) -> StrategyState:
    for generation in generations:
        fitness = noisy_quadratic(strategy.ask(state, 32), np.random.default_rng(generation))
        state = strategy.tell(state, fitness)
    return state


def assert_equal_states(first: StrategyState, second: StrategyState) -> None:
    for field in dataclasses.fields(StrategyState):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_it_finds_the_optimum_of_a_noisy_quadratic() -> None:
    strategy = OpenAIES(sigma=0.1, learning_rate=0.05, weight_decay=0.0)
    state = strategy.initial(np.zeros(50), seed=1)
    before = np.linalg.norm(state.mean - OPTIMUM)
    after = np.linalg.norm(search(strategy, state, range(300)).mean - OPTIMUM)
    assert before > 6
    assert after < 0.6


def test_a_resumed_search_goes_on_bit_for_bit() -> None:
    strategy = OpenAIES()
    state = strategy.initial(np.ones(50), seed=3)
    whole = search(strategy, state, range(6))
    half = pickle.loads(pickle.dumps(search(strategy, state, range(3))))
    assert_equal_states(search(strategy, half, range(3, 6)), whole)
    assert whole.generation == 6


def test_generations_and_seeds_have_noise_of_their_own() -> None:
    strategy = OpenAIES()
    first = strategy.initial(np.zeros(50), seed=3)
    later = dataclasses.replace(first, generation=1)
    other = dataclasses.replace(first, seed=4)
    np.testing.assert_array_equal(strategy.ask(first, 4), strategy.ask(first, 4))
    for state in (later, other):
        assert abs(np.corrcoef(strategy.ask(first, 4)[0], strategy.ask(state, 4)[0])[0, 1]) < 0.6


def test_neighbors_are_mirror_images_around_the_mean() -> None:
    strategy = OpenAIES(sigma=0.3)
    mean = np.linspace(-1, 1, 2000)
    vectors = strategy.ask(strategy.initial(mean, seed=0), 6)
    assert vectors.shape == (6, 2000)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose((vectors[0::2] + vectors[1::2]) / 2, np.tile(mean, (3, 1)), atol=1e-6)
    assert (vectors - mean).std() == pytest.approx(0.3, rel=0.03)
    assert abs(np.corrcoef(vectors[0] - mean, vectors[2] - mean)[0, 1]) < 0.1


def test_the_step_is_adam_on_the_rank_weighted_noise() -> None:
    strategy = OpenAIES(sigma=0.1, learning_rate=0.02, weight_decay=0.5)
    mean = np.array([1.0, -2.0, 0.5])
    state = strategy.initial(mean, seed=0)
    noise = (strategy.ask(state, 4).astype(np.float64) - mean) / 0.1
    ranks = np.array([0.5, -1 / 6, 1 / 6, -0.5])
    gradient = ranks @ noise / (4 * 0.1) - 0.5 * mean
    next_state = strategy.tell(state, [9.0, 2.0, 3.0, 1.0])
    np.testing.assert_allclose(next_state.first_moment, 0.1 * gradient, rtol=1e-5)
    np.testing.assert_allclose(next_state.second_moment, 0.001 * gradient**2, rtol=1e-5)
    # Adam's first step is the learning rate along the sign of the gradient.
    np.testing.assert_allclose(next_state.mean, mean + 0.02 * np.sign(gradient), rtol=1e-6)


def test_equal_fitness_moves_nothing() -> None:
    strategy = OpenAIES(weight_decay=0.0)
    state = strategy.initial(np.ones(5), seed=0)
    np.testing.assert_array_equal(strategy.tell(state, np.full(8, 4.2)).mean, state.mean)


def test_ranks_are_centered_and_ties_share_theirs() -> None:
    np.testing.assert_allclose(centered_ranks([10.0, -5.0, 3.0]), [0.5, -0.5, 0.0])
    np.testing.assert_allclose(centered_ranks([1.0, 7.0, 7.0, np.inf]), [-0.5, 0.0, 0.0, 0.5])


def test_fitness_that_is_no_number_names_its_candidate() -> None:
    strategy = OpenAIES()
    with pytest.raises(ValueError, match="candidate 2 is NaN"):
        strategy.tell(strategy.initial(np.zeros(3), seed=0), [1.0, 2.0, np.nan, 4.0])


@pytest.mark.parametrize("candidates", [0, 1, 5])
def test_a_number_of_candidates_without_pairs_raises(candidates: int) -> None:
    strategy = OpenAIES()
    state = strategy.initial(np.zeros(3), seed=0)
    with pytest.raises(ValueError, match=f"{candidates} candidates"):
        strategy.ask(state, candidates)
    with pytest.raises(ValueError, match=r"candidates|vector of two"):
        strategy.tell(state, np.arange(candidates, dtype=float))


@pytest.mark.parametrize(
    ("field", "value"), [("sigma", 0.0), ("learning_rate", -1.0), ("weight_decay", -0.1), ("first_moment_decay", 1.0)]
)
def test_a_wrong_field_is_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"OpenAIES.{field} is"):
        OpenAIES(**{field: value})
