"""Reference agents: grids of constant actions and makers, and the best of them in a group's own seats."""

from __future__ import annotations

import numpy as np
import pytest

from marl_market.agents.policies.constant_policy import constant_policy
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.glft import GLFT
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.target_position import TargetPosition
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import ActionScheme
from marl_market.env.population.group import External, Group
from marl_market.evaluation.match import play_match, with_policies
from marl_market.evaluation.reference_makers import maker_candidates
from marl_market.evaluation.references import constant_actions, group_scores, tune
from tests.builders import environment, market_spec

SEEDS = [3, 4, 5, 6]


def described(action: ActionScheme | None = None) -> EnvironmentSpec:
    groups = [
        Group("noise", ZeroIntelligence(), 5),
        Group("makers", AvellanedaStoikov(), 2),
        Group("learners", External(), 2, action=action),
    ]
    return environment(groups, spec=market_spec(session_steps=40))


def test_a_score_is_the_mean_reward_of_the_groups_seats() -> None:
    market = described()
    played = play_match(with_policies(market, {"learners": FixedSpread()}), SEEDS)
    scores = group_scores(market, "learners", FixedSpread(), SEEDS)
    np.testing.assert_array_equal(scores, played.reward[:, 7:9].mean(axis=1))
    assert np.ptp(scores) > 0


def test_the_best_candidate_is_that_of_the_highest_mean() -> None:
    market = described()
    candidates = {f"{spread}": FixedSpread(spread=spread) for spread in (0.1, 1.0, 50.0)}
    found = tune(market, "learners", candidates, SEEDS)
    means = {name: group_scores(market, "learners", each, SEEDS).mean() for name, each in candidates.items()}
    assert (found.label, found.score) == max(means.items(), key=lambda each: each[1])
    assert (found.agent, found.candidates, found.sessions) == (candidates[found.label], 3, 4)
    assert tune(market, "learners", {"a": candidates["1.0"], "b": candidates["1.0"]}, SEEDS).label == "a"
    with pytest.raises(ValueError, match=r"candidates is \{\}; it must be one agent or more"):
        tune(market, "learners", {}, SEEDS)


def test_constant_quotes_are_alike_on_both_sides() -> None:
    market = described()
    found = constant_actions(market, "learners", points=3)
    assert list(found) == [f"distance {one}, size {two}" for one in (-1, 0, 1) for two in (-1, 0, 1)]
    expected = constant_policy(market, "learners", (0.0, 0.0, 1.0, 1.0))
    np.testing.assert_array_equal(found["distance 0, size 1"].weights, expected.weights)  # type: ignore[attr-defined]


MIXED = [f"kind {kind}, level {level}, size {size}" for kind in range(3) for level in (-1, 0, 1) for size in (-1, 0, 1)]


@pytest.mark.parametrize(
    ("action", "labels"),
    [
        (MarketDiscrete(), ["choice 0", "choice 1", "choice 2"]),
        (TargetPosition(), ["target -1", "target 0", "target 1"]),
        (OrderMixed(), MIXED),
    ],
    ids=["discrete", "continuous", "mixed"],
)
def test_every_choice_and_every_point_of_a_grid_is_a_constant(action: ActionScheme, labels: list[str]) -> None:
    assert list(constant_actions(described(action), "learners", points=3)) == labels


def test_all_makers_keep_the_position_limit() -> None:
    found = maker_candidates(1.5)
    assert list(found) == ["fixed_spread", "inventory_skew", "avellaneda_stoikov", "glft"]
    for each in (agent for kind in found.values() for agent in kind.values()):
        limit = each.inventory_limit * each.size if isinstance(each, GLFT) else each.position_limit  # type: ignore[attr-defined]
        assert limit == pytest.approx(1.5)
    assert min(len(kind) for kind in found.values()) >= 20
