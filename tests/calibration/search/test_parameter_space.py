import math
from dataclasses import dataclass

import numpy as np
import pytest

from marl_market.calibration.search.parameter_space import ParameterSpace
from marl_market.market.free_parameter import FreeParameter, free, free_parameters
from marl_market.market.validation import ConfigError


@dataclass(frozen=True)
class Quoter:
    size: float = 2.0
    rate: float = free(0.5, 0.05, 5.0, "log")
    chance: float = free(0.5, 0.1, 0.9, "logit")


def test_the_free_fields_are_those_with_bounds() -> None:
    assert free_parameters(Quoter()) == {
        "rate": FreeParameter(0.05, 5.0, "log"),
        "chance": FreeParameter(0.1, 0.9, "logit"),
    }
    assert Quoter().rate == 0.5


@pytest.mark.parametrize(
    ("parameter", "value", "position"),
    [
        (FreeParameter(-1.0, 3.0), 0.0, 0.25),
        (FreeParameter(0.1, 10.0, "log"), 1.0, 0.5),
        (FreeParameter(0.01, 1.0, "log"), 0.1, 0.5),
        (FreeParameter(0.1, 0.9, "logit"), 0.5, 0.5),
        (FreeParameter(0.1, 0.9, "logit"), 0.75, 0.75),  # the logit of 3/4 is ln 3, half of that of 9/10
    ],
)
def test_positions_are_even_on_the_scale(parameter: FreeParameter, value: float, position: float) -> None:
    assert parameter.to_unit(value) == pytest.approx(position)
    assert parameter.from_unit(position) == pytest.approx(value)
    assert (parameter.from_unit(0.0), parameter.from_unit(1.0)) == pytest.approx((parameter.low, parameter.high))


@pytest.mark.parametrize(
    ("low", "high", "transform", "message"),
    [
        (0.0, 1.0, "log", "low is 0.0; it must be above zero for transform log"),
        (0.1, 1.0, "logit", "high is 1.0; it must be below 1 for transform logit"),
        (2.0, 1.0, "linear", "high is 1.0; it must be above low, 2"),
        (0.0, 1.0, "square", "transform is 'square'; it must be one of linear, log, logit"),
        (math.nan, 1.0, "linear", "low is nan; it must be a number"),
    ],
)
def test_wrong_bounds_are_named(low: float, high: float, transform: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FreeParameter(low, high, transform)


def test_a_default_lies_between_its_bounds() -> None:
    with pytest.raises(ConfigError, match=r"default is 7.0; it must be between 1 and 5"):
        free(7.0, 1.0, 5.0)


def test_the_space_of_agents_starts_at_their_values() -> None:
    space = ParameterSpace.of({"makers": Quoter(rate=0.05), "takers": Quoter()})
    assert space.names == ["makers.rate", "makers.chance", "takers.rate", "takers.chance"]
    assert dict(space.start) == {"makers.rate": 0.05, "makers.chance": 0.5, "takers.rate": 0.5, "takers.chance": 0.5}
    np.testing.assert_allclose(space.to_unit(space.start), [0.0, 0.5, 0.5, 0.5])
    assert space.from_unit(space.to_unit(space.start)) == pytest.approx(dict(space.start))


def test_a_start_fits_its_parameters() -> None:
    bounds = {"makers.rate": FreeParameter(0.1, 1.0), "makers.size": FreeParameter(0.1, 1.0)}
    with pytest.raises(
        ConfigError, match=r"start has 'maker.rate', which is no free parameter; did you mean makers.rate"
    ):
        ParameterSpace(bounds, {"maker.rate": 0.5})
    with pytest.raises(
        ConfigError, match=r"start of makers.size is 3.0; it must be a number between its bounds 0.1 and 1"
    ):
        ParameterSpace(bounds, {"makers.rate": 0.5, "makers.size": 3.0})
    with pytest.raises(ConfigError, match="it must be two parameters or more"):
        ParameterSpace({"makers.rate": FreeParameter(0.1, 1.0)}, {"makers.rate": 0.5})
