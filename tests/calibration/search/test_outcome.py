import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from marl_market.calibration.search.evaluation import LocalEvaluator
from marl_market.calibration.search.outcome import RECOVERY_FILE, TRIALS_FILE, Material, Outcome, calibrate
from marl_market.calibration.search.report import write_report
from marl_market.calibration.search.settings import SearchSettings
from marl_market.calibration.search.summary import write_summary
from marl_market.calibration.search.trial import Trial, ranked
from marl_market.market.validation import ConfigError
from tests.calibration.search import toy

MATERIAL = Material(
    toy.gaussian, toy.describe, toy.resample, toy.SPACE, toy.gaussian(toy.KNOWN, 99, 4000), 4000.0,
    toy.gaussian(toy.KNOWN, 98, 4000), "toy",
)  # fmt: skip
SETTINGS = SearchSettings(points=60, start=16, around=24, recovery_points=60, session_seconds=1000.0, workers=0)


def silent(name: str, points: int) -> object:
    def progress(trials: Sequence[Trial]) -> None:
        assert len(trials) <= points

    return progress


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module", name="outcome")
def _outcome(folder: Path) -> Outcome:
    return calibrate(MATERIAL, SETTINGS, LocalEvaluator(), folder, silent)  # type: ignore[arg-type]


def test_the_recovery_check_comes_first_and_both_keep_their_trials(outcome: Outcome, folder: Path) -> None:
    recovery, search = folder / RECOVERY_FILE, folder / TRIALS_FILE
    assert recovery.stat().st_ctime < search.stat().st_ctime
    assert [len(path.read_text().splitlines()) for path in (recovery, search)] == [61, 61]
    assert all(each.inside for each in outcome.recovery.parameters)


def test_the_estimate_is_the_best_point_on_fresh_seeds(outcome: Outcome) -> None:
    candidates = outcome.estimate.candidates
    assert len(candidates) == 1 + SETTINGS.best
    fresh = [each.evaluation.objective for each in candidates]
    assert fresh == sorted(fresh)  # type: ignore[type-var]
    assert outcome.estimate.parameters == candidates[0].parameters
    assert outcome.estimate.parameters == pytest.approx(toy.KNOWN, rel=0.1)
    best = ranked(outcome.searched.trials)[0]
    assert any(each.searched == best.objective and each.evaluation.objective != best.objective for each in candidates)


def test_the_calibrated_market_is_as_near_as_the_floor(outcome: Outcome) -> None:
    mean = outcome.distances[-1].ks
    assert mean.floor is not None
    assert mean.held_out is not None
    # the 99.9 % quantile of the distance of 4,000 from 5,000 draws is 1.95 times the root of 1/4000 + 1/5000
    assert max(mean.floor, mean.held_out, mean.calibrated) < 0.045
    assert mean.uncalibrated > 0.3
    assert outcome.p_values["J"] > 0.05


def test_the_numbers_stand_beside_the_data(outcome: Outcome) -> None:
    mean, deviation = outcome.numbers
    assert mean.data == pytest.approx(1.3, abs=0.1)
    assert mean.low < mean.data < mean.high
    assert (mean.uncalibrated, deviation.uncalibrated) == pytest.approx((0.0, 1.0), abs=0.05)
    assert deviation.calibrated == pytest.approx(deviation.data, rel=0.05)


def test_an_outcome_from_kept_trials_is_the_same_and_plays_none_again(outcome: Outcome, folder: Path) -> None:
    again = calibrate(MATERIAL, SETTINGS, LocalEvaluator(), folder, silent)  # type: ignore[arg-type]
    assert again.searched == outcome.searched
    assert again.estimate.parameters == outcome.estimate.parameters


def test_trials_of_other_data_are_rejected(outcome: Outcome, folder: Path) -> None:
    with pytest.raises(ValueError, match="trials of a search whose data is 'toy'; it must be 'other' to go on with"):
        calibrate(replace(MATERIAL, origin="other"), SETTINGS, LocalEvaluator(), folder, silent)  # type: ignore[arg-type]


def test_the_summary_holds_every_result(outcome: Outcome, tmp_path: Path) -> None:
    found = json.loads(write_summary(outcome, {"data": "toy"}, tmp_path).read_text())
    assert [each["name"] for each in found["parameters"]] == ["mean", "one"]
    assert found["provenance"] == {"data": "toy"}
    assert found["recovery"]["sentence"] == outcome.recovery.sentence()
    assert found["settings"]["points"] == 60
    assert found["eligibility"]["points"] == len(outcome.eligibility.eligible) > 0
    assert {"numbers", "distances", "coverage", "candidates", "ridges", "p_values", "objective"} <= found.keys()


def test_the_report_is_one_page_that_needs_no_other_file(outcome: Outcome, tmp_path: Path) -> None:
    page = write_report(outcome, "toy <market>", {"data": "toy"}, tmp_path).read_text()
    assert "toy &lt;market&gt;" in page
    assert outcome.recovery.sentence() in page
    assert "mathdefault" not in page, "a label is a formula that the page does not parse"
    assert page.count("<svg") == 1 + 1 + 2  # the sample, the search, two profiles
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_without_data_held_out_the_columns_are_empty(folder: Path) -> None:
    alone = calibrate(replace(MATERIAL, held_out=None), SETTINGS, LocalEvaluator(), folder, silent)  # type: ignore[arg-type]
    assert alone.distances[-1].ks.floor is None
    assert "\N{EN DASH}" in write_report(alone, "toy", {}, folder).read_text()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"resamples": 5}, "SearchSettings.resamples is 5; it must be a whole number of 20 or more"),
        ({"session_seconds": 0}, "SearchSettings.session_seconds is 0; it must be seconds above zero"),
        ({"block_seconds": -1}, "SearchSettings.block_seconds is -1; it must be seconds above zero, or null"),
        ({"eligibility": "both"}, "SearchSettings.eligibility is 'both'; it must be one of ks, j"),
        ({"points": 10}, "search.around is 160; it must be at most points less start"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SearchSettings(**wrong)  # type: ignore[arg-type]
