"""The tail exponent of metaorders, recovered from the signs of simulated market orders."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import zeta

from marl_market.calibration.estimates.sign_memory import metaorders, model_autocorrelation, sign_autocorrelation
from marl_market.market.tape import FlowKind
from tests.calibration.estimates.tapes import flow_rows, tape_of


def simulated_signs(exponent: float, concurrent: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return signs of a model written anew: metaorders of Pareto length in `concurrent` places."""
    random = np.random.default_rng(seed)
    left = np.ceil(random.random(concurrent) ** (-1 / exponent)).tolist()
    side = random.choice([-1, 1], concurrent).tolist()
    signs = []
    for place, draw, new in zip(
        random.integers(0, concurrent, count).tolist(),
        random.random(count).tolist(),
        random.choice([-1, 1], count).tolist(),
        strict=True,
    ):
        signs.append(side[place])
        left[place] -= 1
        if left[place] <= 0:
            left[place], side[place] = np.ceil(draw ** (-1 / exponent)), new
    return np.array(signs)


def test_the_autocorrelation_of_one_metaorder_after_another() -> None:
    # with one in progress every order between is its own: K = lag - 1
    lags = np.array([1, 4, 9])
    assert model_autocorrelation(1.5, 1, lags) == pytest.approx(zeta(1.5, lags) / (1 + zeta(1.5)))
    # with two, of the two orders before lag 2 none or one is in between, each with probability 1 / 2
    two = (zeta(1.5, 1) + zeta(1.5, 2)) / 2 / (1 + zeta(1.5)) / 2
    assert model_autocorrelation(1.5, 2, np.array([2])) == pytest.approx([two])


def test_products_of_signs_worked_out_by_hand() -> None:
    signs = np.array([1, 1, -1, 1])
    assert sign_autocorrelation(signs, 3) == pytest.approx([(1 - 1 - 1) / 3, (-1 + 1) / 2, 1.0])


@pytest.mark.parametrize(("exponent", "concurrent"), [(1.4, 4), (1.6, 1), (1.7, 8)])
def test_it_recovers_exponent_and_number(exponent: float, concurrent: int) -> None:
    found = []
    for seed in range(5):
        signs = simulated_signs(exponent, concurrent, 40_000, seed)
        found.append(metaorders(tape_of(flow_rows(np.arange(signs.size), FlowKind.MARKET, signs))))
    assert np.mean([each.tail_exponent for each in found]) == pytest.approx(exponent, abs=0.1)
    assert np.mean([each.concurrent for each in found]) == pytest.approx(concurrent, rel=0.15)


def test_other_orders_do_not_count() -> None:
    signs = simulated_signs(1.5, 3, 2000, 0)
    alone = metaorders(tape_of(flow_rows(np.arange(2000), FlowKind.MARKET, signs)))
    mixed = flow_rows(np.arange(4000), [FlowKind.MARKET, FlowKind.LIMIT] * 2000, np.repeat(signs, 2))
    assert metaorders(tape_of(mixed)) == alone


def test_too_few_orders_are_named() -> None:
    with pytest.raises(ValueError, match="the tape has 3 market orders; the memory of signs needs 1000 or more"):
        metaorders(tape_of(flow_rows(np.arange(3), FlowKind.MARKET, 1)))
