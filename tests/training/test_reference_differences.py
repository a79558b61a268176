"""What was learned beside its references, over training seeds."""

from __future__ import annotations

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.policies.blind_policy import blind
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.evaluation.match import with_policies
from marl_market.evaluation.references import group_scores
from marl_market.market.seeding import Stream, derive_keys
from marl_market.training.learning import learn
from marl_market.training.reference_differences import Budget, reference_differences
from tests.builders import environment, market_spec

BUDGET = Budget((1, 2, 3), iterations=2, markets=4, tuning_sessions=2, test_sessions=6)


@pytest.fixture(scope="module")
def market() -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 5), Group("learner", EvolutionStrategy((4,)))]
    return environment(groups, spec=market_spec(session_steps=20))


def test_differences_are_paired_by_session_and_have_a_row_a_training_seed(market: EnvironmentSpec) -> None:
    said: list[str] = []
    candidates = {"maker": {"wide": FixedSpread(spread=9.0), "narrow": FixedSpread(spread=0.5)}}
    found = reference_differences(market, "learner", BUDGET, candidates, said.append)
    assert set(found.differences) == {"best_constant", "maker", "blind", "untrained"}
    assert (found.tuned["best_constant"].candidates, found.tuned["maker"].candidates) == (81, 2)
    assert len(said) == 2 + 3

    tests = derive_keys(0, Stream.EVALUATION, count=6).tolist()
    untrained, trained = learn(market, 2, 4, seed=2)
    around = with_policies(market, trained)
    learned = group_scores(around, "learner", trained["learner"], tests)
    np.testing.assert_array_equal(found.scores[1], learned)
    for name, agent in (("blind", blind(trained["learner"])), ("untrained", untrained["learner"])):
        expected = learned - group_scores(around, "learner", agent, tests)
        np.testing.assert_array_equal(found.differences[name][1], expected)

    estimate = found.estimates()["maker"]
    per_seed = found.differences["maker"].mean(axis=1)
    assert estimate.mean == pytest.approx(per_seed.mean())
    half = 4.302653 * per_seed.std(ddof=1) / np.sqrt(3)  # Student's t of two degrees of freedom, 97.5 %
    assert (estimate.mean_low, estimate.mean_high) == pytest.approx((estimate.mean - half, estimate.mean + half))


def test_tuning_and_comparison_share_no_session() -> None:
    tuning, tests = (derive_keys(0, stream, count=512).tolist() for stream in (Stream.TUNING, Stream.EVALUATION))
    assert not set(tuning) & set(tests)
