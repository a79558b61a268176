from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marl_market.calibration.search.evaluation import Evaluation, LocalEvaluator, Problem, evaluator
from marl_market.calibration.search.proposals import Budget
from marl_market.calibration.search.search import Search, Searched
from marl_market.calibration.search.trial import TrialFile, ranked
from marl_market.market.validation import ConfigError
from tests.calibration.search import toy

BUDGET = Budget(points=60, start=16, around=20, seeds=2)
SEARCH = Search(toy.problem(), toy.SPACE, BUDGET, seed=1)


def run(path: Path, search: Search = SEARCH, width: int = 1) -> Searched:
    local = LocalEvaluator()
    local.width = width
    return search.run(local, TrialFile(path, {"seed": search.seed}))


def points_of(searched: Searched) -> list[Mapping[str, float]]:
    return [each.parameters for each in searched.trials]


def test_it_finds_the_mean_and_the_deviation_of_a_gaussian(tmp_path: Path) -> None:
    found = run(tmp_path / "trials.jsonl")
    assert (len(found.trials), found.stopped) == (60, "points")
    assert [each.stage for each in found.trials] == ["start"] * 16 + ["search"] * 24 + ["around"] * 20
    best = ranked(found.trials)[0]
    # the standard errors of the data are .03 and .02, and those of the sessions are .045 and .03
    assert best.parameters["mean"] == pytest.approx(toy.KNOWN["mean"], abs=0.2)
    assert best.parameters["one"] == pytest.approx(toy.KNOWN["one"], abs=0.2)
    assert best.objective is not None
    assert best.objective < 5


def test_the_first_point_is_the_start_and_all_points_share_their_seeds(tmp_path: Path) -> None:
    seen: list[int] = []

    def simulate(parameters: Mapping[str, float], seed: int, seconds: float) -> toy.Series:
        seen.append(seed)
        return toy.gaussian(parameters, seed, seconds)

    found = run(tmp_path / "trials.jsonl", replace(SEARCH, problem=replace(SEARCH.problem, simulate=simulate)))
    assert found.trials[0].parameters == pytest.approx(dict(toy.SPACE.start))
    assert seen == SEARCH.session_seeds * 60
    assert len(set(SEARCH.session_seeds)) == 2


def test_the_width_changes_no_trial(tmp_path: Path) -> None:
    one, three = run(tmp_path / "one.jsonl"), run(tmp_path / "three.jsonl", width=3)
    assert points_of(one) == points_of(three)
    assert [each.objective for each in one.trials] == [each.objective for each in three.trials]


def test_an_interrupted_search_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    class Interrupted(LocalEvaluator):
        left = 37

        def evaluate(
            self, problem: Problem, points: Sequence[Mapping[str, float]], seeds: Sequence[int]
        ) -> list[Evaluation]:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().evaluate(problem, points, seeds)

    path = tmp_path / "trials.jsonl"
    stopped = SEARCH.run(Interrupted(), TrialFile(path, {"seed": 1}))
    assert (len(stopped.trials), stopped.stopped) == (37, "interrupt")
    with path.open("ab") as file:  # as a crash leaves it
        file.write(b'{"index": 37, "stage": "sea')
    assert points_of(run(path)) == points_of(run(tmp_path / "whole.jsonl"))


def test_time_ends_a_search(tmp_path: Path) -> None:
    found = run(tmp_path / "trials.jsonl", replace(SEARCH, budget=replace(BUDGET, minutes=1e-9)))
    assert (len(found.trials), found.stopped) == (0, "minutes")


def test_points_that_fail_are_kept_and_lose(tmp_path: Path) -> None:
    def simulate(parameters: Mapping[str, float], seed: int, seconds: float) -> toy.Series:
        if parameters["mean"] < 0:
            raise ValueError("the book is empty")
        return toy.gaussian(parameters, seed, seconds)

    found = run(tmp_path / "trials.jsonl", replace(SEARCH, problem=replace(SEARCH.problem, simulate=simulate)))
    failed = [each for each in found.trials if each.failure]
    assert {each.failure for each in failed} == {"the book is empty"}
    assert all(each.objective is None and each.parameters["mean"] < 0 for each in failed)
    assert ranked(found.trials)[0].parameters["mean"] == pytest.approx(toy.KNOWN["mean"], abs=0.3)


def test_a_search_whose_start_fails_altogether_says_why(tmp_path: Path) -> None:
    def simulate(parameters: Mapping[str, float], seed: int, seconds: float) -> toy.Series:
        raise ValueError("the book is empty")

    search = replace(SEARCH, problem=replace(SEARCH.problem, simulate=simulate))
    with pytest.raises(ValueError, match="every point of the start fails; the first one: the book is empty"):
        run(tmp_path / "trials.jsonl", search)


def test_a_fault_of_the_program_is_no_failed_point(tmp_path: Path) -> None:
    def simulate(parameters: Mapping[str, float], seed: int, seconds: float) -> toy.Series:
        raise TypeError("a fault")

    with pytest.raises(TypeError, match="a fault"):
        run(tmp_path / "trials.jsonl", replace(SEARCH, problem=replace(SEARCH.problem, simulate=simulate)))


def test_progress_sees_every_trial(tmp_path: Path) -> None:
    seen: list[int] = []
    SEARCH.run(LocalEvaluator(), TrialFile(tmp_path / "t.jsonl", {}), lambda trials: seen.append(len(trials)))
    assert seen == list(range(1, 61))


def test_a_file_of_another_search_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    run(path)
    with pytest.raises(ValueError, match="trials of a search whose seed is 1; it must be 2 to go on with"):
        run(path, replace(SEARCH, seed=2))
    with pytest.raises(ValueError, match="trial 1 of the file to go on with is another point"):
        replace(SEARCH, seed=2).run(LocalEvaluator(), TrialFile(path, {"seed": 1}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": 0}, "search.points is 0; it must be a whole number of 1 or more"),
        ({"seeds": 1.5}, "search.seeds is 1.5; it must be a whole number of 1 or more"),
        ({"points": 100, "start": 64, "around": 96}, "search.around is 96; it must be at most points less start, 36"),
        ({"minutes": 0}, "search.minutes is 0; it must be above zero, or null"),
    ],
)
def test_a_wrong_budget_is_named(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Budget(**wrong)  # type: ignore[arg-type]


def test_points_too_few_for_the_parameters_are_named(tmp_path: Path) -> None:
    search = replace(SEARCH, budget=Budget(points=3, start=2, around=1))
    with pytest.raises(ConfigError, match="points is 3; it must be 4 or more for 2 parameters"):
        run(tmp_path / "trials.jsonl", search)


def test_the_last_points_wait_for_enough_that_did_not_fail(tmp_path: Path) -> None:
    found = run(tmp_path / "trials.jsonl", replace(SEARCH, budget=Budget(points=20, start=1, around=19, seeds=1)))
    assert [each.stage for each in found.trials[:4]] == ["start", "search", "search", "search"]
    assert found.trials[-1].stage == "around"


@pytest.mark.ray
def test_a_cluster_finds_the_same_trials(tmp_path: Path) -> None:
    search = replace(SEARCH, budget=replace(BUDGET, points=21, start=16, around=0))
    local = run(tmp_path / "local.jsonl", search)
    with evaluator(2) as cluster:
        far = search.run(cluster, TrialFile(tmp_path / "cluster.jsonl", {}))
    assert points_of(local) == points_of(far)
    np.testing.assert_array_equal([each.moments for each in local.trials], [each.moments for each in far.trials])
