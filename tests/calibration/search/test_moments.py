import numpy as np
import pytest

from marl_market.calibration.search.description import Description, pooled
from marl_market.calibration.search.moments import SHARE_TOLERANCE, SHRINKAGE, TOLERANCE, target
from tests.calibration.search import toy


def described(mean: float, sample: list[float]) -> Description:
    return Description({"mean": mean}, {"value": np.array(sample)})


def test_moments_are_numbers_and_shares_up_to_the_quantiles_of_the_data() -> None:
    data = described(2.0, [1, 1, 1, 2, 3, 3, 3, 4, 4, 5])
    found = target(data, [data, described(2.2, [1, 2, 3, 4]), described(1.8, [2, 3])], 10.0)
    # the quantiles at .1, .25, .5, .75 and .9 are 1, 1, 3 (the fifth of ten), 4 and 4
    assert found.names == ["mean", "value up to 1", "value up to 3", "value up to 4"]
    np.testing.assert_allclose(found.empirical, [2.0, 0.3, 0.7, 0.9])
    np.testing.assert_allclose(found.moments(described(5.0, [0, 3, 6, 9])), [5.0, 0.25, 0.5, 0.5])
    np.testing.assert_allclose(found.bootstrap, [[2, 0.3, 0.7, 0.9], [2.2, 0.25, 0.75, 1], [1.8, 0, 1, 1]])
    np.testing.assert_allclose(found.bootstrap_distances["value"], [0.0, 0.1, 0.3])


def test_the_weights_are_the_inverse_of_the_shrunk_covariance_and_the_tolerance() -> None:
    found = toy.target()
    covariance = np.cov(found.bootstrap, rowvar=False)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(covariance.diagonal())
    tolerance = [TOLERANCE * found.data.numbers["mean"], TOLERANCE * found.data.numbers["deviation"]]
    tolerance += [SHARE_TOLERANCE] * (len(found.names) - 2)
    np.testing.assert_allclose(np.linalg.inv(found.weights), shrunk + np.diag(np.square(tolerance)))


def test_the_bootstrap_covariance_is_that_of_independent_draws() -> None:
    found = toy.target()
    deviation = 2.0 / np.sqrt([4000, 2 * 4000])  # of the mean and of the standard deviation of a Gaussian
    np.testing.assert_allclose(np.sqrt(found.covariance.diagonal()[:2]), deviation, rtol=0.15)


def test_the_objective_is_a_quadratic_form_and_zero_at_the_data() -> None:
    found = toy.target()
    gap = np.linspace(-0.1, 0.1, len(found.names))
    both = found.objective(np.array([found.empirical, found.empirical + gap]))
    np.testing.assert_allclose(both, [0.0, gap @ found.weights @ gap], atol=1e-12)


def test_data_that_lack_a_number_are_named() -> None:
    broken = Description({"mean": float("nan")}, {"value": np.zeros(0)})
    with pytest.raises(ValueError, match="the data do not tell mean, value; leave them out"):
        target(broken, [], 1.0)


def test_resamples_that_lack_a_number_are_left_out() -> None:
    good, broken = described(1.0, [1.0, 2.0]), described(float("nan"), [1.0])
    assert len(target(good, [good, broken, good], 1.0).bootstrap) == 2
    with pytest.raises(ValueError, match="1 resamples of the data show what is matched; it must be 2 or more"):
        target(good, [good, broken], 1.0)


def test_pooling_averages_numbers_and_joins_samples() -> None:
    found = pooled([described(1.0, [1, 2]), described(3.0, [3])])
    assert found.numbers == {"mean": 2.0}
    assert found.samples["value"].tolist() == [1, 2, 3]
