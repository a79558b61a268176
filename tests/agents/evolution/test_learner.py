from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.evolution.learner import EvolutionLearner, certainty_equivalent
from marl_market.agents.evolution.strategies import Behavior, OpenAIES, SearchState
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rollout import Rollout
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from tests.builders import environment

MARKETS, SESSIONS, STEPS = 8, 2, 3
CANDIDATE = (0, 1, 0, 1, 2, 3, 2, 3)
"""Which candidate plays in which market: those of a pair side by side, in markets of equal random numbers."""


class Listener(OpenAIES):
    """A strategy that keeps the arguments of its last `tell`."""

    def tell(self, state: Any, fitness: ArrayLike, behavior: Behavior | None = None) -> SearchState:
        object.__setattr__(self, "last_tell", (np.asarray(fitness), behavior))
        return super().tell(state, fitness, behavior)


def told_fitness(reward: NDArray[np.float32], risk_aversion: float, seats: int = 1) -> tuple[Any, Any]:
    strategy, network = Listener(), MultilayerPerceptron((2, 1))
    state = strategy.initial(np.zeros(network.parameter_count), seed=1)
    learner = EvolutionLearner("evolving", seats, network, strategy, state, SESSIONS, risk_aversion)
    flags = np.zeros(reward.shape, np.bool_)
    learner.learn(Rollout.without_actions(reward, ~flags, flags))
    return strategy.last_tell  # type: ignore[attr-defined]


def test_candidates_of_a_pair_meet_the_same_random_numbers_in_all_their_sessions() -> None:
    agent = EvolutionStrategy((4,), OpenAIES(sigma=0.1), sessions=SESSIONS)
    described = environment([Group("noise", ZeroIntelligence(), 2), Group("evolving", agent, 2)])
    batch = BatchMarket(described, MARKETS)
    learner = agent.learner(described, "evolving", 1)
    learner.on_episode_start(batch)
    network = agent.network(described.observation_size, described.action)
    carried = batch.params["weight"][batch.param_rows["evolving"], : network.parameter_count]
    distinct = carried[[CANDIDATE.index(candidate) for candidate in range(4)]]
    assert len(np.unique(distinct, axis=0)) == 4
    np.testing.assert_array_equal(carried, distinct[list(CANDIDATE)])
    mean = learner.policy().weights
    np.testing.assert_allclose(distinct[0::2] + distinct[1::2], np.tile(2 * mean, (2, 1)), atol=1e-6)


def test_fitness_is_the_mean_return_of_a_candidates_sessions_and_seats() -> None:
    reward = np.random.default_rng(0).standard_normal((STEPS, MARKETS * 2)).astype(np.float32)
    fitness, behavior = told_fitness(reward, 0.0, seats=2)
    earned = reward.sum(0).reshape(MARKETS, 2).mean(1)
    expected = [earned[np.equal(CANDIDATE, candidate)].mean() for candidate in range(4)]
    np.testing.assert_allclose(fitness, expected, rtol=1e-5)
    assert behavior.shape == (4, STEPS)
    np.testing.assert_allclose(behavior.sum(1), expected, rtol=1e-5)


def test_with_risk_aversion_fitness_is_the_certainty_equivalent_of_the_sessions() -> None:
    reward = np.zeros((STEPS, MARKETS), np.float32)
    reward[1] = [
        2,
        1,
        4,
        1,
        0,
        3,
        6,
        -3,
    ]  # candidate 0 earns 2 and 4, 1 earns 1 twice, 2 earns 0 and 6, 3 earns 3 and -3
    fitness, _ = told_fitness(reward, 0.5)
    expected = [-2 * np.log((np.exp(-0.5 * a) + np.exp(-0.5 * b)) / 2) for a, b in ((2, 4), (1, 1), (0, 6), (3, -3))]
    np.testing.assert_allclose(fitness, expected, rtol=1e-6)
    assert fitness[0] > fitness[2], "of equal means the safer one has the higher fitness"


def test_the_certainty_equivalent_of_normal_values_is_their_mean_less_half_their_variance_times_the_aversion() -> None:
    value = np.random.default_rng(0).normal(65.0, 6.5, (1, 400_000))
    assert certainty_equivalent(value, 0.1)[0] == pytest.approx(65.0 - 0.5 * 0.1 * 6.5**2, abs=0.05)
    far = value * 1e4
    assert far.min() <= certainty_equivalent(far, 0.1)[0] < far.mean(), "and nothing overflows"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sessions": 0}, "EvolutionStrategy.sessions is 0; it must be one or more"),
        ({"risk_aversion": -0.1, "sessions": 2}, "risk_aversion is -0.1; it must be zero or more"),
        ({"risk_aversion": 0.1}, "sessions is 1; it must be two or more with a risk_aversion"),
    ],
)
def test_a_bad_field_raises(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvolutionStrategy((4,), **fields)


def test_markets_that_are_no_whole_pairs_of_candidates_raise() -> None:
    agent = EvolutionStrategy((4,), sessions=3)
    described = environment([Group("evolving", agent)])
    with pytest.raises(
        ValueError,
        match=r"training\.markets is 8; it must be a multiple of 6: .* of evolving go in pairs and play 3 sessions",
    ):
        agent.learner(described, "evolving", 1).on_episode_start(BatchMarket(described, MARKETS))


class Diverging(OpenAIES):
    """A strategy whose mean overflows."""

    def tell(self, state: Any, fitness: ArrayLike, behavior: Behavior | None = None) -> SearchState:
        told: Any = super().tell(state, fitness, behavior)
        return replace(told, mean=told.mean * np.inf)


def test_a_mean_that_is_not_finite_is_an_error() -> None:
    strategy, network = Diverging(), MultilayerPerceptron((2, 1))
    learner = EvolutionLearner("evolving", 1, network, strategy, strategy.initial(np.ones(3), seed=1))
    reward = np.ones((STEPS, MARKETS), np.float32)
    with pytest.raises(FloatingPointError, match="a weight of the mean is not finite after a fitness of"):
        learner.learn(Rollout.without_actions(reward, reward > 0, reward < 0))
