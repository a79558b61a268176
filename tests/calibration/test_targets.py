import math
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.summary import Summary
from marl_market.calibration.targets import cash_unit, initial_price, market_spec, order_flow, quantiles, volatility
from marl_market.market.fees import Fees
from marl_market.market.order_flow import QUANTILES
from marl_market.market.provenance import Provenance
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side

SECOND = 1_000_000_000
QUOTES = [
    (0, 100, 0, 10, 0),
    (1 * SECOND, 100, 103, 10, 30),
    (3 * SECOND, 100, 105, 10, 20),
    (4 * SECOND, 0, 105, 0, 20),
    (5 * SECOND, 102, 105, 10, 60),
]
ORDERS = [
    (0, FlowKind.LIMIT, Side.BUY, 100, 0, 10),
    (1 * SECOND, FlowKind.LIMIT, Side.SELL, 103, 0, 30),
    (3 * SECOND, FlowKind.MARKET, Side.BUY, 103, -3, 30),
    (4 * SECOND, FlowKind.CANCEL, Side.BUY, 100, 0, 10),
    (5 * SECOND, FlowKind.LIMIT, Side.BUY, 102, 0, 10),
    (8 * SECOND, FlowKind.LIMIT, Side.SELL, 110, 5, 10),
]


def make_recording(quotes: list[Any] = QUOTES, flow: list[Any] = ORDERS, **changes: Any) -> Recording:
    fields = {
        "tick_size": 0.05,
        "lot_size": 10.0,
        "quotes": np.array(quotes, dtype=QUOTE),
        "trades": np.array([(3 * SECOND, 103, Side.BUY, 30)], dtype=TRADE),
        "flow": np.array(flow, dtype=FLOW),
        "provenance": Provenance("file", "format", "start", "end", 6, "digest"),
        "fees": Fees(taker_rate=0.001),
        "currency": "EUR",
        "hidden": np.zeros(1, np.bool_),
        "summary": Summary(),
    }
    times = [int(row[0]) for row in (*quotes, *flow)]
    sessions = np.array([(min(times, default=0), max(times, default=0))])
    return Recording(**{**fields, "sessions": sessions, **changes})


def test_estimates_worked_out_by_hand() -> None:
    flow = order_flow(make_recording())
    assert (flow.limit_rate, flow.market_rate, flow.cancel_rate) == (4 / 8, 1 / 8, 1 / 8)
    # Two-sided for 2 s at 3 ticks, 1 s at 5 and 3 s at 3; depths of 20, 15 and 35.
    assert flow.spread_ticks == pytest.approx((2 * 3 + 1 * 5 + 3 * 3) / 6, rel=1e-5)
    assert flow.depth_lots == pytest.approx((2 * 20 + 1 * 15 + 3 * 35) / 6, rel=1e-5)
    # Mids on the grid of seconds 1 to 8: a one-sided second keeps the mid from before.
    changes = np.diff([101.5, 101.5, 102.5, 102.5, 103.5, 103.5, 103.5, 103.5])
    assert flow.volatility_ticks == pytest.approx(np.std(changes), rel=1e-5)
    assert flow.market_size_lots == (30.0,) * QUANTILES
    assert flow.limit_size_lots[0] == 10.0


def test_a_market_carries_what_the_recording_says() -> None:
    recording = make_recording()
    spec = market_spec(recording, "toy", step_seconds=0.25, session_steps=8, warmup_steps=4)
    assert (spec.name, spec.tick_size, spec.lot_size, spec.currency) == ("toy", 0.05, 10.0, "EUR")
    assert (spec.step_ns, spec.session_steps, spec.warmup_steps) == (SECOND // 4, 8, 4)
    assert spec.initial_price == 5.05  # the mid of 101.5 ticks, half a tick down
    assert (spec.fees, spec.provenance) == (recording.fees, recording.provenance)
    assert spec.flow == order_flow(recording)


def test_the_session_of_a_calibrated_market_is_that_of_any_market() -> None:
    spec = market_spec(make_recording(), "toy")
    assert (spec.step_ns, spec.session_steps, spec.warmup_steps) == (SECOND, 200, 100)


@pytest.mark.parametrize(
    ("tick_size", "lot_size", "expected"),
    [(0.01, 1.0, 1e-6), (0.01, 1e-8, 1e-10), (1e-8, 0.1, 1e-9), (2.5e-6, 1.0, 2.5e-6), (0.05, 0.3, 1e-6)],
)
def test_the_cash_unit_divides_one_tick_times_one_lot(tick_size: float, lot_size: float, expected: float) -> None:
    assert cash_unit(tick_size, lot_size) == expected


def test_interior_quantiles_are_those_of_the_sample() -> None:
    sample = np.arange(1, 34)
    assert quantiles(sample, "orders")[1:-1] == tuple(float(value) for value in range(3, 32, 2))


def test_one_giant_order_does_not_inflate_the_mean() -> None:
    sample = np.array([1] * 159 + [1001])
    knots = np.array(quantiles(sample, "orders"))
    assert knots.tolist() == [1.0] * 16 + [201.0]
    assert ((knots[1:] + knots[:-1]) / 2).mean() == sample.mean() == 7.25


def test_one_order_is_a_distribution_and_none_is_not() -> None:
    assert quantiles(np.array([5]), "orders") == (5.0,) * QUANTILES
    with pytest.raises(ValueError, match=r"^the recording has no market orders; calibration needs one or more$"):
        quantiles(np.array([], dtype=np.int64), "market orders")


@given(sample=st.lists(st.integers(-(10**6), 10**9), min_size=1))
def test_quantiles_never_fall_and_stay_within_the_sample(sample: list[int]) -> None:
    knots = quantiles(np.array(sample), "orders")
    assert len(knots) == QUANTILES
    assert all(low <= high for low, high in pairwise(knots))
    slack = 1e-5 * max(map(abs, sample))
    assert min(sample) - slack <= knots[0]
    assert knots[-1] <= max(sample) + slack


def test_volatility_of_a_known_walk() -> None:
    quotes = [(second * SECOND, 100 + 2 * (second % 2), 104 + 2 * (second % 2), 1, 1) for second in range(9)]
    assert volatility(make_recording(quotes=quotes)) == pytest.approx(2.0)


def test_the_initial_price_is_the_first_mid() -> None:
    assert math.isclose(initial_price(make_recording(quotes=[(0, 99, 103, 1, 1), (1, 50, 51, 1, 1)])), 101 * 0.05)


@pytest.mark.parametrize(
    ("recording", "complaint"),
    [
        (make_recording(quotes=[QUOTES[0]]), "the recording never shows both sides of the book"),
        (
            make_recording(
                quotes=[(0, 1, 2, 1, 1)], trades=np.array([], dtype=TRADE), flow=[(SECOND, *row[1:]) for row in ORDERS]
            ),
            "no session lasts 2 seconds",
        ),
        (make_recording(flow=ORDERS[:2]), "the recording has no market orders"),
        (make_recording(flow=ORDERS[2:4]), "the recording has no limit orders"),
    ],
    ids=["one-sided", "short", "no market orders", "no limit orders"],
)
def test_a_tape_that_lacks_something_says_what(recording: Recording, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        market_spec(recording, "toy")


def test_an_empty_tape_has_no_order_flow() -> None:
    with pytest.raises(ValueError, match="the recording is active for no time"):
        order_flow(make_recording(quotes=[], trades=np.array([], dtype=TRADE), flow=[]))


def test_a_mid_that_never_moves_is_a_market_of_volatility_zero() -> None:
    quotes = [(0, 100, 103, 10, 30), (30 * SECOND, 100, 103, 20, 30)]
    flow = order_flow(make_recording(quotes=quotes, sessions=np.array([(0, 60 * SECOND)])))
    assert (flow.volatility_ticks, flow.spread_ticks) == (0.0, 3.0)


def shifted(rows: list[Any], by_ns: int) -> list[Any]:
    return [(row[0] + by_ns, *row[1:]) for row in rows]


@pytest.mark.parametrize("years", [0.0001, 50])
def test_time_without_data_changes_no_estimate_and_takes_no_memory(years: float) -> None:
    once, apart = order_flow(make_recording()), round(years * 365 * 86_400) * SECOND
    twice = make_recording(
        quotes=QUOTES + shifted(QUOTES, apart),
        flow=ORDERS + shifted(ORDERS, apart),
        sessions=np.array([(0, 8 * SECOND), (apart, apart + 8 * SECOND)]),
    )
    tracemalloc.start()
    try:
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        found = order_flow(twice)
        assert tracemalloc.get_traced_memory()[1] - held < 1_000_000
    finally:
        tracemalloc.stop()
    assert (found.limit_rate, found.market_rate, found.cancel_rate) == (0.5, 0.125, 0.125)
    for name in ("spread_ticks", "depth_lots", "volatility_ticks"):
        assert getattr(found, name) == pytest.approx(getattr(once, name), rel=1e-5)
