from dataclasses import replace

import numpy as np
import pytest

from marl_market.calibration.search.description import Description
from marl_market.calibration.search.eligibility import coverage, distance_p_values, eligibility, objective_p_value
from marl_market.calibration.search.moments import Target
from marl_market.calibration.search.trial import Trial

SECONDS = 100.0


def target() -> Target:
    """Return a target of one number, whose resamples are 0.1 to 20 and whose two distances are .001 to .2."""
    data = Description({"mean": 0.0}, {"value": np.zeros(4), "other": np.zeros(4)})
    steps = np.arange(1, 201)
    return Target(data, SECONDS, {}, steps[:, None] / 10, {"value": steps / 1000, "other": steps / 1000})


def trial(index: int, objective: float | None, value: float, other: float = 0.0) -> Trial:
    return Trial(index, "search", {"a": float(index)}, objective, [0.0], {"value": value, "other": other}, 0.0)


def test_a_p_value_is_the_share_of_resamples_as_far_as_the_point() -> None:
    found = distance_p_values(target(), {"value": 0.101, "other": 0.0005}, 1e9)
    assert found == {"value": pytest.approx(101 / 201), "other": 1.0}


def test_short_sessions_widen_the_distances_of_resamples() -> None:
    # with sessions as long as the data, distances of resamples are scaled by the root of 2
    assert distance_p_values(target(), {"value": 0.101}, SECONDS)["value"] == pytest.approx((1 + 129) / 201)
    # and J by 2
    near = float(target().objective(np.array([5.05])))
    assert objective_p_value(target(), near, 1e9) == pytest.approx((1 + 150) / 201)
    assert objective_p_value(target(), near, SECONDS) == pytest.approx((1 + 165) / 201)


def test_one_distance_beyond_its_bonferroni_level_rejects() -> None:
    trials = [trial(1, 1.0, 0.1, 0.1), trial(2, 1.0, 0.1, 0.199), trial(3, 1.0, 0.1, 0.25), trial(4, None, 0.0)]
    # .05 / 2 of 201 is 5.03: at .199 two resamples are as far, and the point counts as one
    found = eligibility(target(), trials, 1e9)
    assert [each.index for each in found.eligible] == [1]
    assert found.ranges == {"a": (1.0, 1.0)}
    found = eligibility(target(), [replace(trials[0], index=5, parameters={"a": 7.0}), *trials], 1e9)
    assert found.ranges == {"a": (1.0, 7.0)}


def test_a_large_objective_rejects() -> None:
    far = float(target().objective(np.array([19.95])))
    found = eligibility(target(), [trial(1, far / 2, 0.9), trial(2, far, 0.0)], 1e9, "j")
    assert [each.index for each in found.eligible] == [1]


def test_no_point_may_be_eligible() -> None:
    found = eligibility(target(), [trial(1, 1.0, 0.9)], 1e9)
    assert (list(found.eligible), dict(found.ranges)) == ([], {})


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(ValueError, match=r"search\.eligibility is 'both'; it must be one of ks, j"):
        eligibility(target(), [], 1e9, "both")


def test_coverage_counts_the_sessions_within_the_interval() -> None:
    # the 95 % interval of the resamples is [.6, 19.5] by linear interpolation
    found, joint = coverage(target(), np.array([[0.5], [0.7], [19.0], [19.6]]))
    assert found == {"mean": 0.5}
    assert joint == 0.5
