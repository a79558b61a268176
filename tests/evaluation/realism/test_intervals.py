import math

import numpy as np
import pytest
from scipy import stats

from marl_market.evaluation.realism import distances, intervals
from marl_market.evaluation.realism.best_quotes import mid_moves, seconds_of
from marl_market.market.tape import Tape
from tests.evaluation.realism.toy import path, tape

TRIALS = 200


def covered(one: float, other: float, stay: float) -> float:
    """Return the share of trials whose interval holds the true L1 distance of two chains of zeros and ones.

    Each value is the one before with probability `stay`, and else new: 1 with probability `one` (`other`).
    """
    random, inside = np.random.default_rng(5), 0
    for _ in range(TRIALS):
        chains = []
        for share in (one, other):
            fresh = random.random(2000) >= stay
            fresh[0] = True
            drawn = (random.random(2000) < share).astype(np.int64)
            chains.append(drawn[np.maximum.accumulate(np.where(fresh, np.arange(2000), 0))])
        found = distances.both(*chains)[0]
        ends = intervals.around(found, intervals.resampled((chains[0],), (chains[1],))[0])
        inside += ends.low <= abs(one - other) <= ends.high
    return inside / TRIALS


@pytest.mark.parametrize("stay", [0.0, 0.9])
def test_the_interval_of_a_distance_covers_it_for_values_that_follow_each_other_too(stay: float) -> None:
    # Binomial: of 200 trials, a nominal 95 % falls below 90 % with probability 0.002.
    assert covered(0.3, 0.5, stay) >= 0.90


def test_the_resamples_of_a_conditional_distance_scatter_around_it() -> None:
    random = np.random.default_rng(2)
    condition = random.integers(0, 3, 3000)
    simulated, real = (random.poisson(3 + condition), condition), (random.poisson(4 + condition), condition)
    found = distances.conditional(simulated, real)
    resamples = intervals.resampled(simulated, real)
    for value, each in zip(found, resamples, strict=True):
        ends = intervals.around(value, each)
        assert ends.low < value < ends.high
        assert each.mean() == pytest.approx(value, abs=0.05)
    never = np.zeros(3000, np.int64)
    assert intervals.resampled((never, never), (never, condition))[0].mean() > 0.5


def mean_move(tape: Tape) -> dict[str, float]:
    return {"mean": float(mid_moves(tape, 1).mean()) / 2}


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    steps = np.random.default_rng(1).choice([-3, 3], 20_000)
    toy = path(np.cumsum(steps) + 10**6)
    assert intervals.deviations(toy, mean_move)["mean"] == pytest.approx(3 / math.sqrt(20_000), rel=0.6)
    assert math.isnan(intervals.deviations(tape(), lambda each: {"none": 1.0})["none"])


def test_the_interval_of_a_difference_adds_variances() -> None:
    half = stats.t.ppf(0.975, intervals.PIECES - 1) * 5
    assert intervals.of_number(1.0, 3.0, 4.0) == intervals.Interval(1 - half, 1 + half)


def test_a_tape_is_cut_into_pieces_of_equal_time_in_sessions() -> None:
    toy = path(np.arange(100, 200), sessions=[(0, 10), (50, 80)])
    found = intervals.spans(toy, 4)
    assert [(begin / 1e9, round(end / 1e9, 6)) for begin, end in found] == [(0, 50), (50, 60), (60, 70), (70, 80)]
    assert seconds_of(toy) == 40
    assert intervals.spans(tape(), 4) == []
