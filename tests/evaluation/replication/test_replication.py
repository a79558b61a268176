"""Intervals, verdicts, errors and the wealth of a session."""

import math

import numpy as np
import pytest

from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.noise import Noise
from marl_market.env.population.group import Group
from marl_market.evaluation.replication.replication import (
    Replication,
    accounts_of,
    bare_market,
    deviation_replication,
    mean_replication,
    play_sessions,
    wealth_of,
)


@pytest.mark.parametrize(
    ("ours", "holds"), [(9.5, True), (9.39, False), (10.6, True), (10.61, False), (math.nan, False)]
)
def test_ours_must_lie_within_the_margin_and_three_errors(ours: float, holds: bool) -> None:
    result = Replication("one", 10.0, 0.3, ours, 0.1)
    assert result.interval == pytest.approx((9.4, 10.6))
    assert result.holds is holds
    assert ("holds" in result.to_text()) is holds
    assert result.to_dict()["holds"] is holds


def test_errors_are_those_of_repeated_samples() -> None:
    random = np.random.default_rng(1)
    samples = random.exponential(2.0, (2000, 400))
    for replication_of, statistic in ((mean_replication, np.mean), (deviation_replication, np.std)):
        spread = statistic(samples, axis=1).std()
        errors = [replication_of("one", 2.0, 0.0, sample).error for sample in samples[:200]]
        assert np.mean(errors) == pytest.approx(spread, rel=0.1)


def test_sessions_come_in_batches_of_new_seeds_and_their_wealth_is_conserved() -> None:
    groups = [Group("maker", FixedSpread(spread=4.0, size=50.0)), Group("noise", Noise(rate=2.0), 2)]
    watched = []
    wealth = []
    for batch in play_sessions(bare_market(session_steps=5), groups, 150, watched.append):
        maker, noise = (wealth_of(batch, name) for name in ("maker", "noise"))
        np.testing.assert_allclose(maker[:, 0] + noise.sum(1), 0.0, atol=1e-9)
        flat = wealth_of(batch, "maker", np.zeros(100))[:, 0]
        assert flat == pytest.approx(accounts_of(batch, "maker")["cash"][:, 0] * 1e-6)
        wealth.append(maker[:, 0])
    assert len(watched) == 10
    assert len(wealth) == 2
    assert (wealth[0] != wealth[1]).any()
    assert np.mean(wealth) > 0
