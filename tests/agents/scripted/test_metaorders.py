"""Metaorders: one side each, Pareto lengths, and the long memory of signs that follows."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import zeta

from marl_market.agents.scripted.metaorders import Metaorders, new_length, remaining_length
from marl_market.calibration.estimates.sign_memory import model_autocorrelation, sign_autocorrelation
from marl_market.exchange.random_streams import begin_stream
from tests.agents.scripted.trader_seat import MARKET, SPEC, TraderSeat
from tests.builders import MARKET_SIZES, public_record, seat_record


def sides(agent: Metaorders, steps: int) -> NDArray[np.int64]:
    """Return the side of each of its orders."""
    trader, public = TraderSeat(agent), public_record()
    found = [side for _ in range(steps) for kind, side, _, _ in trader.commands(public) if kind == MARKET]
    return np.array(found)


def drawn(function: Any, exponent: float, count: int) -> NDArray[np.float64]:
    seat = seat_record(random_key=3)
    begin_stream(seat, 0)
    return np.array([float(function(seat, exponent)) for _ in range(count)])


@pytest.mark.parametrize("exponent", [1.2, 1.5, 2.5])
def test_lengths_have_a_pareto_tail(exponent: float) -> None:
    lengths = drawn(new_length, exponent, 20_000)
    assert (lengths == np.floor(lengths)).all()
    for length in (1, 3, 10):
        share = float(length) ** -exponent
        assert abs((lengths > length).mean() - share) < 4 * math.sqrt(share / lengths.size)


def test_a_session_begins_within_metaorders_in_equilibrium() -> None:
    rests = drawn(remaining_length, 1.5, 20_000)
    for length in (1, 3, 10):
        share = float(length) ** -0.5 / 1.5
        assert abs((rests > length).mean() - share) < 4 * math.sqrt(share / rests.size)


def test_one_metaorder_after_another_has_runs_of_one_side() -> None:
    found = sides(Metaorders(tail_exponent=4.0), 20_000)
    assert abs(found.mean()) < 0.03
    # P(no new metaorder between two neighbors) = zeta(alpha) / (1 + zeta(alpha)), else the sides are independent
    assert (found[1:] * found[:-1]).mean() == pytest.approx(zeta(4.0) / (1 + zeta(4.0)), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "concurrent"), [(1.3, 10), (1.5, 5), (1.8, 2)])
def test_signs_have_long_memory_of_the_exponent_less_one(exponent: float, concurrent: int) -> None:
    signs = sides(Metaorders(tail_exponent=exponent, concurrent=concurrent), 60_000)
    found = sign_autocorrelation(signs, 100)
    lags = np.array([1, 2, 5, 10])
    assert found[lags - 1] == pytest.approx(model_autocorrelation(exponent, concurrent, lags), abs=0.03)
    far = np.array([10_000, 20_000])  # where the law of long lags holds
    high, low = model_autocorrelation(exponent, concurrent, far)
    assert math.log(high / low, 2) == pytest.approx(exponent - 1, abs=0.02)
    assert high == pytest.approx(concurrent ** (exponent - 2) / exponent * far[0] ** (1 - exponent), rel=0.3)


def test_its_rate_is_its_share_of_the_calibrated_one_and_its_sizes_are_calibrated() -> None:
    trader, public = TraderSeat(Metaorders(share=0.25)), public_record()
    orders = [order for _ in range(8000) for order in trader.commands(public)]
    assert len(orders) / 8000 == pytest.approx(0.25 * SPEC.flow.market_rate, rel=0.05)
    sizes = np.array([quantity for _, _, _, quantity in orders])
    assert (sizes.min(), sizes.max()) == (round(MARKET_SIZES[0]), round(MARKET_SIZES[-1]))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"share": 0.0}, "metaorders.share is 0.0; it must be above zero"),
        ({"tail_exponent": 1.0}, "metaorders.tail_exponent is 1.0; it must be above 1"),
        ({"concurrent": 0}, "metaorders.concurrent is 0; it must be a whole number from 1 to 16"),
        ({"concurrent": 1.5}, "metaorders.concurrent is 1.5; it must be"),
    ],
)
def test_a_parameter_that_is_none_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Metaorders(**changes)
