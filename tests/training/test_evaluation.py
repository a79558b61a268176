from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.interfaces import ExternalPolicy, LearningAgent
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.env.actions.quotes import Quotes
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.evaluation.match import play_match, with_policies
from marl_market.training.evaluation import evaluate_training
from tests.builders import market_spec

SEEDS = (3, 5, 8)


def untrained(environment: EnvironmentSpec, seed: int) -> dict[str, Any]:
    return {
        group.name: group.agent.learner(environment, group.name, seed).policy()
        for group in environment.groups
        if isinstance(group.agent, LearningAgent)
    }


def test_a_policy_that_learned_nothing_gains_exactly_nothing(learning: Callable[..., EnvironmentSpec]) -> None:
    environment = learning()
    policies = untrained(environment, 1)
    evaluation, *_ = evaluate_training(environment, policies, untrained(environment, 1), SEEDS)
    for each in evaluation.comparisons:
        assert each.untrained_mean == each.trained_mean
        assert (each.difference_low, each.difference_mean, each.difference_high) == (0.0, 0.0, 0.0)
    first, second = (play_match(with_policies(environment, policies), SEEDS).reward for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_policy_that_does_not_compile_is_compared_like_any_other(learning: Callable[..., EnvironmentSpec]) -> None:
    environment = learning()
    groups = [Group("lstm", PPO(hidden=(8,), lstm_size=8, output_scale=1.0), 2), *environment.groups]
    environment = replace(environment, groups=[group for group in groups if group.name in ("lstm", "noise", "ppo")])
    assert isinstance(untrained(environment, 1)["lstm"], ExternalPolicy)
    evaluation, *_ = evaluate_training(environment, untrained(environment, 1), untrained(environment, 1), SEEDS)
    assert [each.difference_mean for each in evaluation.comparisons] == [0.0, 0.0]
    evaluation, *_ = evaluate_training(environment, untrained(environment, 1), untrained(environment, 2), SEEDS)
    assert all(each.difference_mean != 0 for each in evaluation.comparisons)
    assert evaluation.conservation.holds


def test_a_group_is_compared_with_all_others_trained(learning: Callable[..., EnvironmentSpec]) -> None:
    environment = learning(spec=market_spec(session_steps=60), action=Quotes(nearest=-0.5))
    initial = untrained(environment, 1)
    # Untrained policies hardly move from the middle of the action space: in ticks and lots they may act alike.
    trained = {name: replace(policy, weights=9 * policy.weights) for name, policy in untrained(environment, 2).items()}
    evaluation, tape, scores = evaluate_training(environment, initial, trained, SEEDS)
    base = play_match(with_policies(environment, trained), SEEDS)
    for each in evaluation.comparisons:
        before = play_match(with_policies(environment, {**trained, each.group: initial[each.group]}), SEEDS)
        seats = environment.seats_of(each.group)
        assert each.trained_mean == base.reward[:, seats].mean(1).mean()
        assert each.untrained_mean == before.reward[:, seats].mean(1).mean()
        assert each.trained_mean != each.untrained_mean
        own = scores[scores["group"] == each.group].groupby("policy")["reward"]
        assert own.mean()["trained"] == pytest.approx(each.trained_mean)
        assert own.mean()["untrained"] == pytest.approx(each.untrained_mean)
        assert own.size().to_dict() == {"trained": len(SEEDS), "untrained": len(SEEDS)}
    for outcome in evaluation.outcomes:
        seats = environment.seats_of(outcome.group)
        assert outcome.seats == seats.stop - seats.start
        assert outcome.statistics["pnl_mean"] == base.profit[:, seats].mean()
    assert evaluation.conservation.holds
    assert evaluation.conservation.sessions == len(SEEDS) * (1 + len(initial))
    np.testing.assert_array_equal(tape.quotes, base.tape.quotes)
