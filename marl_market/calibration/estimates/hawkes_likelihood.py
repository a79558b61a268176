"""Estimates a Hawkes process of order flow by maximum likelihood.

Events are of six types: limit orders, market orders and cancels of the buy side, and the same of the sell side. The
intensity of type i is

    lambda_i(t) = mu_i + sum_j g_ij x_j(t),    x_j(t) = sum of beta exp(-beta (t - s)) over events of type j at s < t

so that g_ij, the branching ratio, is the mean number of events of type i that an event of type j directly causes. The
log-likelihood of a session [0, T] is sum_k log lambda_i(k)(t_k) - sum_i int lambda_i dt (Ozaki 1979). Sessions are
independent, the two sides are mirror images, and events at one time do not excite each other.

The sums x_j need one pass: with S_j the running sum of exp(beta s), x_j(t) = beta exp(-beta t) S_j, accumulated as its
logarithm, because exp(beta s) overflows. Given beta, the likelihood of each kind of event is that of a mixture, of the
shares of its events that each cause explains, which sum to one at the maximum. It is concave in them; beta is found by
a search over its logarithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from marl_market.agents.scripted.hawkes import KINDS, TYPES, Hawkes
from marl_market.market.tape import FlowKind, Side, Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

KIND_ORDER = (FlowKind.LIMIT, FlowKind.MARKET, FlowKind.CANCEL)
SLOWEST_DECAY, FASTEST_DECAY = 1e-2, 1e4
"""Bounds of beta, a second."""
FEWEST_EVENTS = 100


@dataclass(frozen=True)
class Events:
    """Events of some sessions, in the order of time.

    Attributes:
        seconds: time of each since the beginning of its session.
        type: number of its type, 0 .. types - 1.
        session: number of its session.
        length: seconds of each session.
    """

    seconds: NDArray[np.float64]
    type: NDArray[np.int64]
    session: NDArray[np.int64]
    length: NDArray[np.float64]


def hawkes(tape: Tape) -> Hawkes:
    """Return the Hawkes flow of the highest likelihood, with the base rates of the tape.

    Raises ValueError for fewer than `FEWEST_EVENTS` rows of flow, and for a flow that explodes.
    """
    events = flow_events(tape)
    if events.type.size < FEWEST_EVENTS:
        raise ValueError(f"the tape has {events.type.size} rows of flow; a Hawkes flow needs {FEWEST_EVENTS} or more")
    decay = best_decay(events)
    base, same, opposite, _ = fit(events, decay)
    rounded = [[[float(f"{ratio:.4g}") for ratio in row] for row in part] for part in (same, opposite)]
    rates = tuple(float(f"{rate:.6g}") for rate in base)
    return Hawkes(base=rates, same=rounded[0], opposite=rounded[1], half_life_seconds=math.log(2.0) / decay)


def flow_events(tape: Tape) -> Events:
    """Return the flow of a tape within its sessions, types in the order of `KIND_ORDER`, those of buys first."""
    flow, (starts, ends) = tape.flow, tape.sessions.T
    session = np.searchsorted(starts, flow["time_ns"], side="right") - 1
    inside = (session >= 0) & (flow["time_ns"] <= ends[session])
    flow, session = flow[inside], session[inside]
    kind = np.select([flow["kind"] == each for each in KIND_ORDER], range(KINDS))
    seconds = (flow["time_ns"] - starts[session]) / NANOSECONDS_PER_SECOND
    length = (ends - starts) / NANOSECONDS_PER_SECOND
    return Events(seconds, kind + KINDS * (flow["side"] == Side.SELL), session, length)


def best_decay(events: Events) -> float:
    """Return the beta of the highest likelihood: the best of a coarse grid, refined between its neighbors."""

    def loss(log_decay: float) -> float:
        return -fit(events, math.exp(log_decay))[3]

    grid = np.linspace(math.log(SLOWEST_DECAY), math.log(FASTEST_DECAY), 13)
    best = int(np.argmin([loss(each) for each in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3}).x)


def fit(events: Events, decay: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Return base rates of a side, branching ratios of the same and the opposite side, and the log-likelihood."""
    excited, caused = excitation(events, decay, TYPES), integral(events, decay, TYPES)
    exposure = np.concatenate([[2.0 * events.length.sum()], np.tile(caused[:KINDS] + caused[KINDS:], 2)])
    found, total = np.zeros((KINDS, exposure.size)), 0.0
    for kind in range(KINDS):
        buys, sells = excited[events.type == kind], excited[events.type == kind + KINDS]
        causes = np.concatenate([buys, np.roll(sells, KINDS, axis=1)])
        found[kind], likelihood = _mixture(np.column_stack([np.ones(len(causes)), causes]), exposure)
        total += likelihood
    return found[:, 0], found[:, 1 : 1 + KINDS], found[:, 1 + KINDS :], total


def excitation(events: Events, decay: float, types: int) -> NDArray[np.float64]:
    """Return x_j of all types just before each event, (events, types)."""
    # A later session begins with nothing: its times are moved on until all that was before has died out.
    offset = np.concatenate([[0.0], np.cumsum(events.length[:-1] + 700.0 / decay)])
    seconds = events.seconds + offset[events.session]
    before = np.searchsorted(seconds, seconds) - 1  # the last event at an earlier time
    excited = np.zeros((seconds.size, types))
    for number in range(types):
        logarithm = np.logaddexp.accumulate(np.where(events.type == number, decay * seconds, -np.inf))
        earlier = np.where(before >= 0, logarithm[before], -np.inf)
        excited[:, number] = decay * np.exp(earlier - decay * seconds)
    return excited


def integral(events: Events, decay: float, types: int) -> NDArray[np.float64]:
    """Return the integral of x_j over all sessions, (types,)."""
    left = events.length[events.session] - events.seconds
    return np.bincount(events.type, -np.expm1(-decay * left), types).astype(np.float64)


def log_likelihood(events: Events, base: NDArray[np.float64], ratios: NDArray[np.float64], decay: float) -> float:
    """Return the log-likelihood of any types, of base rates (types,) and branching ratios (types, types) by columns."""
    excited, caused = excitation(events, decay, base.size), integral(events, decay, base.size)
    intensity = base[events.type] + (excited * ratios[events.type]).sum(1)
    return float(np.log(intensity).sum() - base.sum() * events.length.sum() - (ratios @ caused).sum())


def _mixture(causes: NDArray[np.float64], exposure: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return weights w >= 0 that maximize sum_k log(causes_k . w) - exposure . w, and the maximum."""
    count = len(causes)
    if not count:
        return np.zeros(exposure.size), 0.0
    usable = exposure > 0
    scaled = causes[:, usable] * (count / exposure[usable])

    def loss(share: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        intensity = np.maximum(scaled @ share, 1e-300)
        return share.sum() - np.log(intensity).mean(), 1.0 - scaled.T @ (1.0 / intensity) / count

    start = np.full(int(usable.sum()), 1.0 / usable.sum())
    result = minimize(loss, start, jac=True, bounds=[(0.0, None)] * start.size, method="L-BFGS-B", tol=1e-10)
    weights = np.zeros(exposure.size)
    weights[usable] = result.x * count / exposure[usable]
    likelihood = np.log(np.maximum(causes @ weights, 1e-300)).sum() - exposure @ weights
    return weights, float(likelihood)
