"""What a search reports of data with known parameters."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.search.evaluation import Evaluation, LocalEvaluator
from marl_market.calibration.search.proposals import Budget
from marl_market.calibration.search.recovery import DISTANCE, Recovery, known_parameters, recover
from marl_market.calibration.search.search import Search
from marl_market.calibration.search.trial import TrialFile
from tests.calibration.search import toy

SEARCH = Search(toy.problem(), toy.RIDGE, Budget(points=120, start=32, around=48, seeds=3), seed=3)


@pytest.fixture(scope="module", name="recovery")
def _recovery(tmp_path_factory: pytest.TempPathFactory) -> Recovery:
    path = tmp_path_factory.mktemp("recovery") / "trials.jsonl"
    return recover(SEARCH, toy.resample, LocalEvaluator(), TrialFile(path, {}))


def test_known_values_lie_in_their_intervals(recovery: Recovery) -> None:
    assert [each.name for each in recovery.parameters if not each.inside] == []


def test_a_parameter_that_the_data_tell_is_identified_and_close(recovery: Recovery) -> None:
    mean = recovery.parameters[0]
    assert mean.identified
    # four standard errors of 4,000 draws of deviation .7 and of 3,000 simulated ones
    assert mean.estimate == pytest.approx(mean.known, abs=4 * 1.15 * np.sqrt(1 / 4000 + 1 / 3000))
    assert mean.high - mean.low < 1.0


def test_the_factors_of_a_product_are_not_identified_and_on_a_ridge(recovery: Recovery) -> None:
    assert [each.name for each in recovery.parameters if not each.identified] == ["one", "other", "idle"]
    (ridge,) = recovery.estimate.identifiability.ridges
    assert (ridge.one, ridge.other) == ("one", "other")
    assert ridge.correlation == pytest.approx(-1.0, abs=0.01)


def test_the_product_is_recovered(recovery: Recovery) -> None:
    known = {each.name: each.known for each in recovery.parameters}
    found = recovery.estimate.parameters
    assert found["one"] * found["other"] == pytest.approx(known["one"] * known["other"], rel=0.1)


def test_its_sentence_names_what_is_not_identified(recovery: Recovery) -> None:
    assert recovery.sentence() == (
        "recovery: 4 of 4 known values lie in their 95 % intervals, 1 of them identified; "
        "not identified: one, other, idle"
    )
    missed = [replace(recovery.parameters[0], low=9.0, high=9.5), *recovery.parameters[1:]]
    assert replace(recovery, parameters=missed).sentence().endswith("; missed: mean")


def test_known_values_are_near_the_start_and_drawn_by_the_seed() -> None:
    start = SEARCH.space.to_unit(SEARCH.space.start)
    known = SEARCH.space.to_unit(known_parameters(SEARCH))
    assert (np.abs(known - start) <= DISTANCE + 1e-12).all()
    assert known_parameters(SEARCH) != known_parameters(replace(SEARCH, seed=4))


def test_an_interrupt_ends_the_check(tmp_path: Path) -> None:
    class Interrupted(LocalEvaluator):
        def evaluate(self, *_: object) -> list[Evaluation]:  # type: ignore[override]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recover(SEARCH, toy.resample, Interrupted(), TrialFile(tmp_path / "trials.jsonl", {}))


@pytest.mark.slow
def test_intervals_hold_the_known_values_as_often_as_they_say(tmp_path: Path) -> None:
    inside = []
    for seed in range(20):
        search = replace(SEARCH, seed=seed)
        found = recover(search, toy.resample, LocalEvaluator(), TrialFile(tmp_path / f"{seed}.jsonl", {}))
        inside += [each.inside for each in found.parameters]
    assert np.mean(inside) >= 0.9
