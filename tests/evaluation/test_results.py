from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from marl_market.evaluation.comparison import compare_paired
from marl_market.evaluation.outcomes import OUTCOME_COLUMNS, GroupOutcome, summarize_group
from marl_market.evaluation.results import Conservation, Evaluation

NAMES = tuple(column.name for column in OUTCOME_COLUMNS)


@pytest.mark.parametrize(("position", "cash", "holds"), [(0, 0, True), (1, 0, False), (0, -1, False)])
def test_conservation_holds_only_without_any_error(position: int, cash: int, holds: bool) -> None:
    assert Conservation(3, position, cash).holds is holds


@pytest.fixture
def evaluation() -> Evaluation:
    random = np.random.default_rng(5)
    return Evaluation(
        comparisons=(compare_paired("ppo", [0.1, 0.2, 0.4], [1 / 3, 0.5, 0.6]),),
        outcomes=(summarize_group("makers", {name: random.normal(size=(10, 4)) for name in NAMES}),),
        conservation=Conservation(10, 0, 0),
        warnings=("population.makers sent no order",),
    )


def test_an_evaluation_survives_json_bit_for_bit(evaluation: Evaluation) -> None:
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict())))
    assert again == evaluation
    assert isinstance(again.outcomes[0], GroupOutcome)
    assert again != replace(evaluation, conservation=Conservation(10, 0, 1))


def test_a_field_that_does_not_fit_is_named(evaluation: Evaluation) -> None:
    data = evaluation.to_dict()
    del data["comparisons"][0]["seeds"]
    with pytest.raises(ValueError, match=r"evaluation\.comparisons has .*; it must have exactly .*'seeds'"):
        Evaluation.from_dict(data)
    data = evaluation.to_dict()
    data["outcomes"][0]["pnl_low"] = "low"
    with pytest.raises(ValueError, match=r"evaluation\.outcomes\.pnl_low is 'low'; it must be a number"):
        Evaluation.from_dict(data)
    with pytest.raises(ValueError, match="evaluation has "):
        Evaluation.from_dict({})
