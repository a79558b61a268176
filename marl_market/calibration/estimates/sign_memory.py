"""Estimates the tail exponent of metaorders from the memory of the signs of market orders.

In the model of Lillo, Mike and Farmer (2005) N metaorders are in progress, each market order belongs to one of them
drawn with equal probability, and their lengths have P(L >= l) = (l - 1) ** -alpha from l = 2 on, so the mean length is
1 + zeta(alpha). Two orders at a lag have one metaorder if both are drawn from one place (probability 1 / N) and the
metaorder outlasts the K orders drawn from it between, K binomial (lag - 1, 1 / N). With the equilibrium distribution of
the rest of a metaorder, P(R >= r) = zeta(alpha, r - 1) / (1 + zeta(alpha)), the autocorrelation of signs is

    rho(lag) = E zeta(alpha, K + 1) / (1 + zeta(alpha)) / N

which falls like N ** (alpha - 2) / alpha * lag ** -(alpha - 1) at long lags, their equation 21. The estimate is the
least-squares fit of rho to the autocorrelation of the data, averaged over ranges of lags that grow geometrically.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import zeta
from scipy.stats import binom

from marl_market.agents.scripted.metaorders import MOST_CONCURRENT, Metaorders
from marl_market.market.tape import FlowKind, Tape

LONGEST_LAG = 1000
LAG_RANGES = 20
FEWEST_ORDERS = 1000
LOWEST_EXPONENT, HIGHEST_EXPONENT = 1.05, 4.0


def metaorders(tape: Tape) -> Metaorders:
    """Return metaorders whose signs have the memory of the tape's market orders, for one seat.

    Raises ValueError for fewer than `FEWEST_ORDERS` market orders.
    """
    signs = tape.flow["side"][tape.flow["kind"] == FlowKind.MARKET]
    if signs.size < FEWEST_ORDERS:
        raise ValueError(f"the tape has {signs.size} market orders; the memory of signs needs {FEWEST_ORDERS} or more")
    lags = min(LONGEST_LAG, signs.size // 40)
    edges = np.unique(np.geomspace(1, lags + 1, LAG_RANGES + 1).astype(np.int64))
    found = _range_means(sign_autocorrelation(signs, lags), edges)
    fits = [_fit(found, edges, concurrent) for concurrent in range(1, MOST_CONCURRENT + 1)]
    best = int(np.argmin([error for _, error in fits]))
    return Metaorders(tail_exponent=float(f"{fits[best][0]:.4g}"), concurrent=best + 1)


def sign_autocorrelation(signs: NDArray[np.integer], lags: int) -> NDArray[np.float64]:
    """Return the mean product of signs at lags 1 .. `lags`; signs have mean 0 in the model."""
    values = signs.astype(np.float64)
    spectrum = np.fft.rfft(values, 1 << (values.size + lags).bit_length())
    products = np.fft.irfft(spectrum * spectrum.conj())[1 : lags + 1]
    return products / (values.size - np.arange(1, lags + 1))


def model_autocorrelation(exponent: float, concurrent: int, lags: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return rho at `lags` of `concurrent` metaorders of a tail exponent."""
    return _from_one_place(concurrent, lags) @ _outlasting(exponent, int(lags.max()))


def _from_one_place(concurrent: int, lags: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the probability (lags, K) of two orders at a lag from one place with K others from it between."""
    between = np.arange(int(lags.max()))
    return np.asarray(binom.pmf(between, lags[:, None] - 1, 1.0 / concurrent) / concurrent)


def _outlasting(exponent: float, count: int) -> NDArray[np.float64]:
    """Return the probability that the metaorder of an order has K + 1 further ones, K = 0 .. count - 1."""
    return np.asarray(zeta(exponent, np.arange(1.0, count + 1.0)) / (1.0 + zeta(exponent)))


def _fit(found: NDArray[np.float64], edges: NDArray[np.int64], concurrent: int) -> tuple[float, float]:
    """Return the best exponent of a number of metaorders, and the sum of its squared errors."""
    lags = np.sqrt(edges[:-1] * (edges[1:] - 1)).round().astype(np.int64)
    chance = _from_one_place(concurrent, lags)

    def error(exponent: float) -> float:
        return float(((chance @ _outlasting(exponent, chance.shape[1]) - found) ** 2).sum())

    fit = minimize_scalar(error, bounds=(LOWEST_EXPONENT, HIGHEST_EXPONENT), method="bounded")
    return float(fit.x), float(fit.fun)


def _range_means(autocorrelation: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the means over the lags edges[i] .. edges[i + 1] - 1 of an autocorrelation from lag 1 on."""
    return np.add.reduceat(autocorrelation, edges[:-1] - 1) / np.diff(edges)
