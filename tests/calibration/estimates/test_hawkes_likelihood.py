"""The likelihood of a Hawkes process against a double sum and an independent library, and what it recovers."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.hawkes import Hawkes
from marl_market.calibration.estimates.hawkes_likelihood import (
    Events,
    best_decay,
    excitation,
    fit,
    flow_events,
    hawkes,
    log_likelihood,
)
from marl_market.market.tape import FlowKind
from tests.agents.scripted.test_hawkes import play
from tests.calibration.estimates.tapes import flow_rows, tape_of

BASE = np.array([0.3, 0.2])
RATIOS = np.array([[0.10, 0.45], [0.05, 0.30]])
DECAY = 1.4


def events_of(seconds: list[float], types: list[int], session: list[int], length: list[float]) -> Events:
    return Events(np.array(seconds), np.array(types), np.array(session), np.array(length))


def test_it_is_the_double_sum_over_all_pairs() -> None:
    events = events_of([0.5, 1.0, 1.0, 4.0, 0.2, 0.3], [0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1], [5.0, 0.0 + 2.0])
    total = -float(BASE.sum() * 7.0)
    for time, kind, session in zip(events.seconds, events.type, events.session, strict=True):
        intensity = BASE[kind]
        for earlier, cause, other in zip(events.seconds, events.type, events.session, strict=True):
            if other == session and earlier < time:
                intensity += RATIOS[kind, cause] * DECAY * math.exp(-DECAY * (time - earlier))
        total += math.log(intensity)
        total -= RATIOS[:, kind].sum() * (1 - math.exp(-DECAY * (events.length[session] - time)))
    assert log_likelihood(events, BASE, RATIOS, DECAY) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("decay", [1e-2, 1.0, 1e4])
def test_the_recursion_holds_at_times_at_which_exponentials_overflow(decay: float) -> None:
    seconds = np.sort(np.random.default_rng(0).uniform(0, 20_000, 500))
    events = Events(seconds, np.zeros(500, np.int64), np.zeros(500, np.int64), np.array([20_000.0]))
    running, wanted = 0.0, []
    for gap in np.diff(seconds, prepend=-1.0):
        running *= math.exp(-decay * gap)
        wanted.append(decay * running)
        running += 1.0
    assert excitation(events, decay, 1)[:, 0] == pytest.approx(np.array(wanted), rel=1e-6, abs=1e-12)


def test_it_is_that_of_an_independent_library() -> None:
    multivariate = pytest.importorskip("hawkes.multivariate", reason="hawkes-rs is not installed")
    parameters = multivariate.Parameters(baseline=BASE, excitation=RATIOS, decay=DECAY)
    times = multivariate.simulate(parameters, horizon=2000.0, seed=1)
    order = np.argsort(np.concatenate(times), kind="stable")
    types = np.repeat([0, 1], [each.size for each in times])[order]
    seconds = np.concatenate(times)[order]
    events = Events(seconds, types, np.zeros(seconds.size, np.int64), np.array([2000.0]))
    for decay in (0.3, DECAY, 9.0):
        other = multivariate.Parameters(baseline=BASE, excitation=RATIOS, decay=decay)
        theirs = -multivariate.negative_log_likelihood(other, times, 2000.0)
        assert log_likelihood(events, BASE, RATIOS, decay) == pytest.approx(theirs, rel=1e-9)


SAME = np.array([[0.3, 0.2, 0.1], [0.05, 0.4, 0.0], [0.2, 0.3, 0.2]])
OPPOSITE = np.array([[0.1, 0.1, 0.0], [0.0, 0.1, 0.0], [0.1, 0.0, 0.2]])
MU = np.array([0.6, 0.2, 0.4])


def simulated(seed: int, horizon: float, decay: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return times and types of the six types as clusters: each event has Poisson many effects, delayed."""
    random = np.random.default_rng(seed)
    ratios = np.block([[SAME, OPPOSITE], [OPPOSITE, SAME]])
    seconds, types = [], []
    for kind in range(6):
        count = random.poisson(MU[kind % 3] * horizon)
        seconds.append(random.uniform(0, horizon, count))
        types.append(np.full(count, kind))
    generation = np.concatenate(seconds), np.concatenate(types)
    found = [generation]
    while generation[0].size:
        parts = []
        for kind in range(6):
            children = random.poisson(ratios[kind, generation[1]])
            effect = np.repeat(generation[0], children)
            parts.append((effect + random.exponential(1 / decay, effect.size), np.full(effect.size, kind)))
        generation = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        inside = generation[0] < horizon
        generation = generation[0][inside], generation[1][inside]
        found.append(generation)
    seconds_found, types_found = (np.concatenate([part[number] for part in found]) for number in (0, 1))
    order = np.argsort(seconds_found)
    return seconds_found[order], types_found[order]


@pytest.fixture(scope="module")
def known() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return simulated(seed=4, horizon=6000.0, decay=2.0)


def tape(known: tuple[NDArray[np.float64], NDArray[np.int64]], horizon: float = 6000.0) -> object:
    seconds, types = known
    kinds = np.array([FlowKind.LIMIT, FlowKind.MARKET, FlowKind.CANCEL])[types % 3]
    sessions = np.array([[0, round(horizon * 1e9)]])
    return tape_of(flow_rows(seconds, kinds, np.where(types < 3, 1, -1)), sessions=sessions)


def test_it_recovers_known_parameters(known: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    found = hawkes(tape(known))
    assert math.log(2) / found.half_life_seconds == pytest.approx(2.0, rel=0.05)
    assert found.base == pytest.approx(MU, rel=0.12)
    assert np.array(found.same) == pytest.approx(SAME, abs=0.04)
    assert np.array(found.opposite) == pytest.approx(OPPOSITE, abs=0.04)


def test_the_fit_is_the_highest_likelihood(known: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    events = flow_events(tape(known))
    decay = best_decay(events)
    base, same, opposite, likelihood = fit(events, decay)
    ratios = np.block([[same, opposite], [opposite, same]])
    assert log_likelihood(events, np.tile(base, 2), ratios, decay) == pytest.approx(likelihood, rel=1e-9)
    true = np.block([[SAME, OPPOSITE], [OPPOSITE, SAME]])
    assert likelihood > log_likelihood(events, np.tile(MU, 2), true, 2.0)
    for factor in (0.9, 1.1):
        assert likelihood > fit(events, decay * factor)[3]
    counts = np.bincount(events.type % 3)
    mean_rates = np.linalg.solve(np.eye(3) - same - opposite, base)
    assert mean_rates == pytest.approx(counts / 12_000.0, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("step_seconds", [0.25, 1.0])
def test_the_trader_of_fitted_parameters_has_the_fitted_rates(
    known: tuple[NDArray[np.float64], NDArray[np.int64]], step_seconds: float
) -> None:
    found = hawkes(tape(known))
    agent = Hawkes(0.5, found.same, found.opposite, found.half_life_seconds, found.base, open_orders=6.0, conviction=0)
    counts = play(agent, round(20_000 / step_seconds), step_ns=round(step_seconds * 1e9))
    rates = counts.mean(0) / step_seconds
    wanted = 0.5 * np.bincount(known[1], minlength=6) / 6000.0
    assert rates == pytest.approx(wanted, rel=0.08)


def test_sessions_do_not_excite_each_other() -> None:
    times = [0.0, 1.0, 100.0, 101.0]
    flow = flow_rows(times, FlowKind.LIMIT, 1)
    events = flow_events(tape_of(flow, sessions=np.array([[0, 2], [100, 102]]) * 1_000_000_000))
    assert excitation(events, 0.5, 6)[:, 0] == pytest.approx([0.0, 0.5 * math.exp(-0.5)] * 2)
    assert events.length.tolist() == [2.0, 2.0]


def test_too_little_flow_is_named() -> None:
    with pytest.raises(ValueError, match="the tape has 2 rows of flow; a Hawkes flow needs 100 or more"):
        hawkes(tape_of(flow_rows([0.0, 1.0], FlowKind.LIMIT, 1)))
