"""Direct estimates recover what a tape was made with."""

import numpy as np
import pytest

from marl_market.calibration.estimates.cancel_hazards import CancelHazards, cancel_hazards
from marl_market.calibration.estimates.conditional_flow import conditional_flow
from marl_market.calibration.estimates.day_profile import activity_profile, volatility_profile
from marl_market.calibration.estimates.fleeting_orders import fleeting_lives, fleeting_shares, reaction_times
from marl_market.calibration.estimates.limit_offsets import offset_tables, spread_edges
from marl_market.calibration.estimates.order_sizes import atoms, limit_sizes, market_sizes
from marl_market.calibration.estimates.quote_series import QuoteSeries, inside, slots_of, state_of
from marl_market.calibration.estimates.taker_bursts import following_share, taking_rates
from marl_market.calibration.estimates.volatility_states import VolatilityStates
from marl_market.market.reactive_flow import (
    AGES,
    ATOMS,
    DEPTHS,
    FLEETING_SECONDS,
    HIGH,
    KNOTS,
    LOW,
    PLACES,
    REGIMES,
    SIZE_CLASSES,
    SLOTS,
    SPREADS,
)
from marl_market.market.tape import FlowKind
from tests.builders import order_flow
from tests.calibration.estimates.simulated import SECOND, flow, lives, quotes, tape

LIMIT, CANCEL, MARKET = FlowKind.LIMIT, FlowKind.CANCEL, FlowKind.MARKET
STILL = quotes([(0.0, 1000, 1004)])


def test_a_round_size_keeps_its_share() -> None:
    sample = np.array([100] * 70 + [7] * 20 + [333] * 10)
    found = atoms(sample)
    assert found.size == ATOMS
    assert set(found.tolist()) == {7.0, 100.0, 333.0}
    for size, share in ((7, 0.2), (100, 0.7), (333, 0.1)):
        assert (found == size).mean() == pytest.approx(share, abs=1 / ATOMS)


def test_sizes_by_place() -> None:
    seconds = np.arange(1.0, 81.0)
    near = flow(LIMIT, seconds, price=np.where(seconds % 2, 1000, 1001), lots=7)
    behind = flow(LIMIT, seconds, side=-1, price=1006, lots=30)
    recorded = tape(STILL, near, behind)
    sizes = limit_sizes(recorded, QuoteSeries(recorded), [1.0, 3.0, 9.0, 9.0, 9.0])
    assert [set(sizes[place].tolist()) for place in (0, 1, 2)] == [{7.0}, {30.0}, {7.0, 30.0}], "none: those of all"


def test_market_sizes_by_the_quantity_they_meet() -> None:
    depths = [10, 20, 30, 40]
    quoted = np.concatenate([quotes([(100.0 * i, 1000, 1004)], lots=lots) for i, lots in enumerate(depths)])
    orders = [flow(MARKET, 100.0 * i + np.arange(1.0, 61.0), lots=3 + i) for i in range(4)]
    recorded = tape(quoted, *orders, seconds=400.0)
    edges, sizes = market_sizes(recorded, QuoteSeries(recorded))
    for i, lots in enumerate(depths):
        assert set(sizes[state_of(edges, np.array([lots]))[0]].tolist()) == {3.0 + i}
    assert sizes.shape == (DEPTHS, ATOMS)


def test_offsets_by_state_of_the_spread() -> None:
    random = np.random.default_rng(1)
    widths = 2 * np.arange(1, 9)
    quoted = quotes([(100.0 * i, 1000 - int(width) // 2, 1000 + int(width) // 2) for i, width in enumerate(widths)])
    drawn = [random.integers(1, 10 * (i + 1), 3000) for i in range(8)]
    limits = [flow(LIMIT, 100.0 * i + np.linspace(1.0, 99.0, 3000), offset=drawn[i]) for i in range(8)]
    recorded = tape(quoted, *limits, seconds=800.0)
    series = QuoteSeries(recorded)
    edges = spread_edges(series)
    assert len(edges) == SPREADS - 1
    table = offset_tables(recorded, series, VolatilityStates(series), edges)
    assert table.shape == (REGIMES, SPREADS, KNOTS)
    regime = VolatilityStates(series).at(np.array([50 * SECOND]))[0]
    for state in set(state_of(edges, widths).tolist()):
        sample = np.concatenate([drawn[i] for i in np.flatnonzero(state_of(edges, widths) == state)])
        assert table[regime, state] == pytest.approx(np.quantile(sample, np.linspace(LOW, HIGH, KNOTS)))


def test_a_spread_that_is_always_one_tick_has_one_table() -> None:
    recorded = tape(quotes([(0.0, 1000, 1001)]), flow(LIMIT, np.linspace(1, 99, 500), offset=np.arange(500) % 9 + 1))
    series = QuoteSeries(recorded)
    edges = spread_edges(series)
    assert edges == [1.0] * (SPREADS - 1)
    table = offset_tables(recorded, series, VolatilityStates(series), edges)
    assert np.ptp(table, axis=(0, 1)).max() == 0


KNOWN = np.array([[0.9, 0.3], [0.4, 0.1]])
"""Hazards a second of an order younger and older than a second, at the best price and ten ticks behind it."""


def simulated_lives(
    random: np.random.Generator, count: int, seconds: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return begins, ends and places of orders of these hazards."""
    begin, place = np.sort(random.uniform(0, seconds, count)), random.integers(0, 2, count)
    young = random.exponential(1 / KNOWN[0, place])
    old = 1 + random.exponential(1 / KNOWN[1, place])
    return begin, begin + np.where(young < 1, young, old), place


def test_cancel_hazards_are_recovered_from_lives() -> None:
    random, seconds = np.random.default_rng(1), 4000.0
    begin, end, place = simulated_lives(random, 40_000, seconds)
    orders = lives(begin, end, price=np.where(place == 0, 1000, 990), close=seconds)
    gone = flow(CANCEL, end[end < seconds])
    recorded = tape(STILL, flow(LIMIT, begin), gone, orders=orders, seconds=seconds)
    found = cancel_hazards(recorded, QuoteSeries(recorded), [10.0] * (SPREADS - 1))
    assert found is not None
    assert found.hazard.shape == (SIZE_CLASSES, SPREADS, AGES, PLACES)
    state = state_of([10.0] * (SPREADS - 1), np.array([4]))[0]
    ages = state_of(found.age_edges, np.array([0.1, 1.6]))
    places = state_of(found.place_edges, np.array([0, 10]))
    for i in range(2):
        for j in range(2):
            assert found.hazard[-1, state, ages[i], places[j]] == pytest.approx(KNOWN[i, j], rel=0.12)


def test_cancel_hazards_by_class_of_size() -> None:
    random, seconds = np.random.default_rng(4), 3000.0
    begin = np.sort(random.uniform(0, seconds, 30_000))
    large = random.random(30_000) < 0.6
    end = begin + 0.01 + random.exponential(np.where(large, 5.0, 1.0))
    orders = lives(begin, end, price=1000, close=seconds)
    orders["quantity_lots"] = np.where(large, 100, 40)
    recorded = tape(STILL, flow(LIMIT, begin), flow(CANCEL, end[end < seconds]), orders=orders, seconds=seconds)
    found = cancel_hazards(recorded, QuoteSeries(recorded), [10.0] * (SPREADS - 1))
    assert found is not None
    assert found.size_edges == [100.0]
    assert found.hazard[:, 0, 2, 0] == pytest.approx([1.0, 0.2], rel=0.15)


def test_hazards_are_counted_on_the_clock_of_messages() -> None:
    """The same lives in half the time, and nothing in the other half: the hazard of a second of activity stays."""
    random, seconds = np.random.default_rng(2), 3000.0
    begin, end, place = simulated_lives(random, 30_000, seconds)

    def squeezed(at: np.ndarray) -> np.ndarray:
        return np.floor(at / 60.0) * 60.0 + (at % 60.0) / 2

    orders = lives(squeezed(begin), squeezed(end), price=np.where(place == 0, 1000, 990), close=seconds)
    recorded = tape(
        STILL, flow(LIMIT, squeezed(begin)), flow(CANCEL, squeezed(end[end < seconds])), orders=orders, seconds=seconds
    )
    found = cancel_hazards(recorded, QuoteSeries(recorded), [10.0] * (SPREADS - 1))
    assert found is not None
    assert found.hazard[-1, 0, 1, 0] == pytest.approx(KNOWN[0, 0], rel=0.12)


def test_without_lives_of_orders_there_is_one_rate() -> None:
    recorded = tape(
        quotes([(0.0, 1000, 1004), (40.0, 1002, 1004), (70.0, 1000, 1010)]),
        flow(LIMIT, np.linspace(1, 99, 500), offset=5, lots=3),
        flow(CANCEL, np.linspace(2, 99, 400)),
        flow(MARKET, np.linspace(3, 99, 60), lots=2),
    )
    assert cancel_hazards(recorded, QuoteSeries(recorded), [4.0] * 7) is None
    found = conditional_flow(recorded, order_flow()).table("cancel_hazard")
    assert np.ptp(found) == 0


def test_fleeting_orders_by_place_and_how_long_they_live() -> None:
    begin = np.linspace(1.0, 3999.0, 8000)
    near = np.arange(8000) % 2 == 0
    flashed = near & (np.arange(8000) % 8 == 0)  # a quarter of those at the best price
    end = begin + np.where(flashed, np.where(np.arange(8000) % 16 == 0, 0.002, 0.004), 5.0)
    orders = lives(begin, end, price=np.where(near, 1000, 990), close=4000.0)
    recorded = tape(STILL, flow(LIMIT, begin), orders=orders, seconds=4000.0)
    states = CancelHazards([1.0] * (AGES - 1), [1.0] * (PLACES - 1), [1.0], np.zeros(0))
    shares = fleeting_shares(recorded, QuoteSeries(recorded), [10.0] * (SPREADS - 1), states)
    assert shares[-1, 0, 0] == pytest.approx(0.25, abs=0.01)
    assert shares[-1, 0, -1] == pytest.approx(0.0, abs=0.01)
    found = fleeting_lives(recorded)
    assert found[[0, -1]] == pytest.approx([0.002, 0.004], rel=1e-3)


def test_times_between_messages_of_one_burst() -> None:
    seconds = np.cumsum(np.tile([0.001, 0.001, 5.0], 100))
    recorded = tape(STILL, flow(LIMIT, seconds), seconds=600.0)
    assert reaction_times(recorded) == pytest.approx(0.001, rel=1e-3)
    silent = tape(STILL, flow(LIMIT, np.arange(1.0, 99.0)))
    assert set(reaction_times(silent).tolist()) == {FLEETING_SECONDS}


def test_the_profile_of_the_day_is_that_of_the_rates() -> None:
    rates = np.array([4, 2, 1, 1, 1, 1, 1, 1, 2, 6])
    limits = [flow(LIMIT, 100.0 * i + np.linspace(0.1, 99.9, 20 * rate)) for i, rate in enumerate(rates)]
    recorded = tape(STILL, *limits, seconds=1000.0)
    assert activity_profile(recorded, QuoteSeries(recorded)) == pytest.approx(rates / rates.mean(), rel=0.03)


def test_a_part_of_the_day_without_a_session_has_the_mean() -> None:
    recorded = tape(STILL, flow(LIMIT, np.linspace(1, 498, 400)), flow(LIMIT, np.linspace(701, 999, 240)), seconds=1000)
    object.__setattr__(recorded, "sessions", np.array([[0, 499], [700, 1000]]) * SECOND)
    series = QuoteSeries(recorded)
    assert activity_profile(recorded, series) == pytest.approx(np.ones(SLOTS), rel=0.06)


def test_volatility_by_part_of_the_day() -> None:
    random = np.random.default_rng(3)
    deviations = np.repeat([3.0, 1.0, 1.0, 1.0, 2.0], 4000)
    mid = 100_000 + np.round(np.cumsum(deviations * random.standard_normal(20_000))).astype(int)
    recorded = tape(quotes([(float(i), int(m) - 1, int(m) + 1) for i, m in enumerate(mid)]), seconds=20_000.0)
    level, profile = volatility_profile(QuoteSeries(recorded))
    assert level == pytest.approx(np.sqrt((9 + 3 + 4) / 5), rel=0.06)
    assert profile == pytest.approx(np.repeat([3, 1, 1, 1, 2], 2) / np.sqrt(16 / 5), rel=0.12)


def test_a_mid_that_never_moves_has_no_volatility() -> None:
    with pytest.raises(ValueError, match="the mid price never moves"):
        volatility_profile(QuoteSeries(tape(STILL)))


def test_the_state_of_volatility_is_that_of_the_moves_before() -> None:
    calm, wild = [1000] * 400, [1000 + 8 * (i % 2) for i in range(400)]
    mid = calm + wild + calm
    recorded = tape(quotes([(float(i), m - 1, m + 1) for i, m in enumerate(mid)]), seconds=1200.0)
    states = VolatilityStates(QuoteSeries(recorded)).at(np.array([390, 799, 1199]) * SECOND)
    assert states[1] == REGIMES - 1
    assert max(states[0], states[2]) < REGIMES - 1


def test_orders_that_follow_at_once() -> None:
    seconds = np.array([1.0, 1.004, 2.0, 2.004, 3.0, 3.02, 4.0, 4.001, 5.0])
    side = np.array([1, 1, 1, -1, 1, 1, -1, -1, 1])
    recorded = tape(STILL, flow(MARKET, seconds, side=side))
    assert following_share(recorded, QuoteSeries(recorded)) == pytest.approx(2 / 8)


def test_takers_by_state_of_the_spread() -> None:
    quoted = quotes([(0.0, 1000, 1002), (500.0, 1000, 1020)])
    orders = flow(MARKET, np.linspace(1, 499, 400)), flow(MARKET, np.linspace(501, 999, 100))
    recorded = tape(quoted, *orders, seconds=1000.0)
    found = taking_rates(recorded, QuoteSeries(recorded), [10.0] * (SPREADS - 1))
    assert found[[0, -1]] == pytest.approx([1.6, 0.4], rel=0.05)
    assert found[3] == pytest.approx(1.0), "a state without time has the mean"


def test_two_days_have_the_slots_of_one() -> None:
    day = 86_400 * SECOND
    sessions = np.array([[0, 400], [500, 1000]]) * SECOND
    sessions = np.concatenate([sessions, sessions + day])
    times = np.array([0, 99, 100, 999]) * SECOND
    assert slots_of(np.concatenate([times, times + day]), sessions, 10).tolist() == [0, 0, 1, 9] * 2
    rows = flow(LIMIT, np.array([100.0, 450.0, 500.0]))
    assert inside(rows, sessions)["time_ns"].tolist() == [100 * SECOND, 500 * SECOND]


def test_a_tape_without_two_sides_is_rejected() -> None:
    empty = quotes([(0.0, 1000, 1004)], lots=0)
    with pytest.raises(ValueError, match="never shows both sides"):
        QuoteSeries(tape(empty))
