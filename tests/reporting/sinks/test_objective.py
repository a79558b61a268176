from __future__ import annotations

import pytest

from marl_market.evaluation.results import Evaluation
from marl_market.reporting.sinks.objective import ObjectiveSink
from marl_market.reporting.summary import evaluation_scalars, scalar_names

GROUPS = ["ppo", "dqn", "evolution", "makers", "noise"]
NAMES = scalar_names(GROUPS[:3], GROUPS)


def test_the_names_are_those_of_the_evaluation(evaluation: Evaluation) -> None:
    assert sorted(NAMES) == sorted(set(evaluation_scalars(evaluation)) | set(NAMES))
    assert evaluation_scalars(evaluation)["evaluation/ppo/trained_mean"] == evaluation.comparisons[0].trained_mean


def test_the_last_value_of_a_metric_is_the_objective() -> None:
    sink = ObjectiveSink("group/ppo/reward", NAMES)
    for step, value in enumerate((1.0, 3.0, 2.5), start=1):
        sink.log({"group/ppo/reward": value}, step)
    sink.finish(None, None)
    assert sink.value == 2.5


def test_a_number_of_the_evaluation_is_the_objective(evaluation: Evaluation) -> None:
    sink = ObjectiveSink("evaluation/dqn/difference_mean", NAMES)
    sink.log({"group/ppo/reward": 1.0}, 1)
    sink.finish(evaluation, None)
    assert sink.value == evaluation.comparisons[1].difference_mean


def test_an_unknown_name_is_found_at_the_first_row_with_near_matches() -> None:
    with pytest.raises(ValueError, match=r"objective is group/ppo/rewards, and .* are group/ppo/reward"):
        ObjectiveSink("group/ppo/rewards", NAMES).log({"group/ppo/reward": 1.0}, 1)
    late = ObjectiveSink("learner/dqn/loss", NAMES)
    late.log({"learner/dqn/epsilon": 1.0}, 1)
    with pytest.raises(ValueError, match="objective is learner/dqn/loss"):
        late.finish(None, None)


def test_no_objective_is_none() -> None:
    sink = ObjectiveSink(None, NAMES)
    sink.log({"group/ppo/reward": 1.0}, 1)
    sink.finish(None, None)
    assert sink.value is None
