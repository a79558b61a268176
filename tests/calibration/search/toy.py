"""Simulators with known answers, cheap enough for a search in a test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from marl_market.calibration.search.description import Description
from marl_market.calibration.search.evaluation import Problem
from marl_market.calibration.search.moments import Target, resampled_target
from marl_market.calibration.search.parameter_space import ParameterSpace
from marl_market.market.free_parameter import FreeParameter

Series = NDArray[np.float64]


def gaussian(parameters: Mapping[str, float], seed: int, seconds: float) -> Series:
    """Return one draw a second of a Gaussian of `mean` and standard deviation `one * other`."""
    drawn = np.random.default_rng(seed).standard_normal(int(seconds))
    return parameters["mean"] + parameters["one"] * parameters.get("other", 1.0) * drawn


def describe(series: Series) -> Description:
    return Description({"mean": float(series.mean()), "deviation": float(series.std())}, {"value": series})


def resample(series: Series, random: np.random.Generator) -> Series:
    return random.choice(series, series.size)


SPACE = ParameterSpace(
    {"mean": FreeParameter(-5.0, 5.0), "one": FreeParameter(0.1, 10.0, "log")}, {"mean": 0.0, "one": 1.0}
)
RIDGE = ParameterSpace(
    {**SPACE.parameters, "other": FreeParameter(0.1, 10.0, "log"), "idle": FreeParameter(0.0, 1.0)},
    {**SPACE.start, "other": 1.0, "idle": 0.5},
)
KNOWN = {"mean": 1.3, "one": 2.0}


def target(seconds: int = 4000, seed: int = 99) -> Target:
    """Return the target of data of `KNOWN`."""
    random = np.random.default_rng(0)
    return resampled_target(gaussian(KNOWN, seed, seconds), describe, resample, seconds, 200, random)


def problem(seconds: int = 1000) -> Problem:
    return Problem(gaussian, describe, target(), seconds)
