"""What every search strategy keeps to, and what each is for."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.cma_es import CMAES
from marl_market.agents.evolution.genetic_algorithm import GeneticAlgorithm
from marl_market.agents.evolution.novelty_search import NoveltySearch, novelty_of
from marl_market.agents.evolution.snes import SNES, utilities
from marl_market.agents.evolution.strategies import OpenAIES

SIZE, CANDIDATES = 20, 16
OPTIMUM = np.random.default_rng(0).normal(0, 1, SIZE)
CLIMBER = OpenAIES(sigma=0.1, learning_rate=0.05, weight_decay=0.0)
STRATEGIES: dict[str, Any] = {
    "openai": CLIMBER,
    "snes": SNES(sigma=0.3),
    "cma_es": CMAES(sigma=0.3),
    "full_cma_es": CMAES(sigma=0.3, separable=False),
    "genetic_algorithm": GeneticAlgorithm(sigma=0.1, parents=4),
    "novelty_search": NoveltySearch(CLIMBER, novelty=0.2),
}


def quadratic(vectors: np.ndarray) -> np.ndarray:
    return -((vectors.astype(np.float64) - OPTIMUM) ** 2).sum(axis=1)


def rosenbrock(vectors: np.ndarray) -> np.ndarray:
    """Return minus the function of a narrow curved valley (Rosenbrock 1960), whose optimum is at ones."""
    x = vectors.astype(np.float64)
    return -(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def search(strategy: Any, state: Any, generations: int, fitness: Any = quadratic, candidates: int = CANDIDATES) -> Any:
    for _ in range(generations):
        vectors = strategy.ask(state, candidates)
        state = strategy.tell(state, fitness(vectors), vectors[:, :3].astype(np.float64))
    return state


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_finds_the_optimum_of_a_quadratic(name: str) -> None:
    strategy = STRATEGIES[name]
    state = search(strategy, strategy.initial(np.zeros(SIZE), seed=1), 400)
    assert quadratic(np.zeros((1, SIZE)))[0] < -10
    assert quadratic(state.mean[None])[0] > -1.0


@pytest.mark.parametrize(("name", "size"), [("snes", 3), ("cma_es", 3), ("full_cma_es", 5)])
def test_it_follows_a_curved_valley(name: str, size: int) -> None:
    strategy = STRATEGIES[name]
    state = search(strategy, strategy.initial(np.full(size, -0.5), seed=1), 600, rosenbrock)
    assert rosenbrock(np.full((1, size), -0.5))[0] < -100
    assert rosenbrock(state.mean[None])[0] > -0.2


@pytest.mark.parametrize("name", STRATEGIES)
def test_asking_changes_nothing_and_a_state_continues_bit_for_bit(name: str) -> None:
    strategy = STRATEGIES[name]
    state = search(strategy, strategy.initial(np.ones(SIZE), seed=3), 3)
    before = pickle.dumps(state)
    first = strategy.ask(state, CANDIDATES)
    assert first.shape == (CANDIDATES, SIZE)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(strategy.ask(state, CANDIDATES), first)
    whole = search(strategy, state, 3)
    assert pickle.dumps(state) == before
    np.testing.assert_array_equal(search(strategy, pickle.loads(before), 3).mean, whole.mean)


@pytest.mark.parametrize("name", STRATEGIES)
def test_generations_and_seeds_have_chance_of_their_own(name: str) -> None:
    strategy = STRATEGIES[name]
    state, other = (strategy.initial(np.zeros(SIZE), seed) for seed in (3, 4))
    first = strategy.ask(state, CANDIDATES)
    assert (strategy.ask(other, CANDIDATES)[1:] != first[1:]).any(axis=1).all()
    later = strategy.tell(state, quadratic(first), first[:, :3].astype(np.float64))
    assert later.mean is not state.mean
    noise = [vectors[1] - vectors[1].mean() for vectors in (first, strategy.ask(later, CANDIDATES))]
    assert abs(np.corrcoef(*noise)[0, 1]) < 0.9


@pytest.mark.parametrize("name", STRATEGIES)
def test_only_the_order_of_fitness_counts(name: str) -> None:
    strategy = STRATEGIES[name]
    states = [search(strategy, strategy.initial(np.zeros(SIZE), 1), 3, fitness) for fitness in (quadratic, cubed)]
    np.testing.assert_array_equal(states[0].mean, states[1].mean)


def cubed(vectors: np.ndarray) -> np.ndarray:
    return quadratic(vectors) ** 3


@pytest.mark.parametrize("name", STRATEGIES)
def test_fitness_that_is_no_number_names_its_candidate(name: str) -> None:
    strategy = STRATEGIES[name]
    fitness = np.arange(float(CANDIDATES))
    fitness[2] = np.nan
    with pytest.raises(ValueError, match="candidate 2 is NaN"):
        strategy.tell(strategy.initial(np.zeros(SIZE), 0), fitness, np.zeros((CANDIDATES, 2)))


def test_snes_learns_which_parameters_matter() -> None:
    strategy = SNES(sigma=0.5)
    state = search(strategy, strategy.initial(np.zeros(4), seed=0), 60, lambda vectors: -((vectors[:, 0] - 1) ** 2))
    assert state.deviation[0] < 0.1 * state.deviation[1:].min()
    assert state.mean[0] == pytest.approx(1, abs=0.02)


def test_utilities_sum_to_nothing_and_ties_share() -> None:
    weights = utilities(np.array([3.0, 1.0, 2.0, 0.0]))
    raw = np.array([np.log(3), 0, np.log(3) - np.log(2), 0])
    np.testing.assert_allclose(weights, raw / raw.sum() - 0.25)
    np.testing.assert_allclose(utilities(np.full(6, 2.0)), 0, atol=1e-15)


def test_cma_es_keeps_its_number_of_candidates() -> None:
    strategy = CMAES()
    state = search(strategy, strategy.initial(np.zeros(SIZE), 0), 1)
    with pytest.raises(ValueError, match="8 candidates after 16; the number must not change"):
        strategy.ask(state, 8)
    with pytest.raises(ValueError, match="1 candidates"):
        strategy.ask(state, 1)


def test_parameters_are_the_origin_and_the_mutations_of_a_chain() -> None:
    strategy = GeneticAlgorithm(sigma=0.1, parents=3)
    state = search(strategy, strategy.initial(np.ones(SIZE), 0), 5)
    assert len(state.parents) == 3
    for chain in state.parents:
        assert len(chain) <= 5
    expressed = np.ones(SIZE)
    for seed in state.parents[0]:
        expressed = expressed + 0.1 * np.random.default_rng(seed).standard_normal(SIZE)
    np.testing.assert_array_equal(state.mean, expressed)
    vectors = strategy.ask(state, 40)
    np.testing.assert_array_equal(vectors[0], state.mean.astype(np.float32))
    assert (vectors[1:] - state.mean).std() == pytest.approx(0.1, rel=0.7)
    assert len(pickle.dumps(state.parents)) < 1000


def test_the_best_candidate_is_never_lost() -> None:
    strategy = GeneticAlgorithm(sigma=0.5, parents=2)
    state, best = strategy.initial(np.zeros(SIZE), 0), -np.inf
    for _ in range(30):
        state = search(strategy, state, 1)
        found = quadratic(state.mean.astype(np.float32)[None])[0]
        assert found >= best
        best = found


def test_novelty_is_the_mean_distance_to_the_nearest_neighbors() -> None:
    behavior, archive = np.array([[0.0], [1.0]]), np.array([[3.0], [10.0]])
    np.testing.assert_allclose(novelty_of(behavior, archive, 2), [(1 + 3) / 2, (1 + 2) / 2])
    np.testing.assert_allclose(novelty_of(behavior, archive, 9), [(1 + 3 + 10) / 3, (1 + 2 + 9) / 3])


def test_novelty_alone_goes_where_fitness_does_not() -> None:
    explorer, climber = NoveltySearch(CLIMBER, novelty=1.0, archive=7), NoveltySearch(CLIMBER, novelty=0.0)
    states = [search(each, each.initial(OPTIMUM, 1), 40) for each in (explorer, climber)]
    behaviors = [np.linalg.norm(state.mean[:3] - OPTIMUM[:3]) for state in states]
    assert behaviors[0] > 1.0
    assert behaviors[1] < 0.3
    assert states[0].archive.shape == (7, 3)
    alone = search(CLIMBER, CLIMBER.initial(OPTIMUM, 1), 40)
    np.testing.assert_array_equal(states[1].mean, alone.mean)
    with pytest.raises(ValueError, match="behavior is None; novelty needs"):
        climber.tell(states[1], quadratic(climber.ask(states[1], 4)))


@pytest.mark.parametrize(
    ("strategy", "field", "value"),
    [
        (SNES, "sigma", 0.0), (SNES, "deviation_rate", -1.0), (CMAES, "sigma", -1.0), (GeneticAlgorithm, "parents", 0),
        (NoveltySearch, "novelty", 1.5), (NoveltySearch, "neighbors", 0),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(strategy: Any, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{strategy.__name__}.{field} is"):
        strategy(**{field: value})
