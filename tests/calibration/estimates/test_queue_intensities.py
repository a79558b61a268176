"""Counts over exposure: worked out by hand, and recovered from a played market."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.queue_reactive import QueueReactive
from marl_market.calibration.estimates.queue_intensities import queue_reactive
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.market.rules import Rules
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import FlowKind, Side, Tape
from tests.builders import environment, market_spec, order_flow
from tests.calibration.estimates.tapes import tape_of

SECOND = 1_000_000_000
SPEC = market_spec(flow=order_flow(limit_rate=2.0, cancel_rate=2.0, market_rate=2.0, depth_lots=10.0))
"""Rates of one a second and a side; ranges of four ticks."""


def at(seconds: float, kind: FlowKind, side: Side, price: int, quantity: int) -> Any:
    return (round(seconds * SECOND), kind, side, price, 0, quantity)


def hand_made(sessions: Any = ((0, 20 * SECOND),)) -> Tape:
    """Return 20 s of a mid price of 1000 in which bids change and asks (10 lots at 1002) do not."""
    quotes = [(0, 998, 1002, 10, 10), (4 * SECOND, 998, 1002, 20, 10), (10 * SECOND, 998, 1002, 12, 10)]
    flow = [
        at(4, FlowKind.LIMIT, Side.BUY, 998, 10),  # meets 10 lots, one unit, in force for 4 s
        at(6, FlowKind.LIMIT, Side.BUY, 994, 10),  # meets an empty second queue, after 6 s
        at(10, FlowKind.MARKET, Side.SELL, 998, 8),  # meets 20 lots, two units, in force for 6 s
        at(14, FlowKind.CANCEL, Side.BUY, 994, 10),  # meets one unit, in force for 8 s
        at(15, FlowKind.LIMIT, Side.BUY, 980, 10),  # beyond all ranges
    ]
    trades = [(10 * SECOND, 998, Side.SELL, 8)]
    # the 10 lots at 998 and 1002 of the first quote never came: their later cancels show them
    late = [at(19, FlowKind.CANCEL, Side.BUY, 998, 12), at(20, FlowKind.CANCEL, Side.SELL, 1002, 10)]
    return tape_of([*flow, *late], quotes, trades, sessions=np.array(sessions))


def test_intensities_worked_out_by_hand() -> None:
    found = queue_reactive(hand_made(), SPEC, distances=2, sizes=3)
    # mean quantity of limit orders and cancels: (10 + 12 + 10) / 3 in the first range, 10 in the second
    assert found.unit == pytest.approx((32 / 3 / 10, 1.0), rel=1e-3)
    # Bids: 10 lots (one unit) for 4 s, 20 (two) for 6 s, 12 (two) for 9 s, none for 1 s; asks: 10 lots for 20 s.
    one, two, none = 4 + 20, 6 + 9, 1
    assert found.limit[0] == pytest.approx((0 / none, 1 / one, 0 / two), rel=1e-3)
    assert found.cancel[0] == pytest.approx((0 / none, 1 / one, 1 / two), rel=1e-3)
    assert found.market[0] == pytest.approx((0, 0 / one, 1 / two), rel=1e-3)
    # Second range: bids empty for 6 + 6 s, one unit for 8 s; asks empty for 20 s.
    assert found.limit[1] == pytest.approx((1 / 32, 0.0, 0.0), rel=1e-3)
    assert found.cancel[1] == pytest.approx((0.0, 1 / 8, 1 / 8), rel=1e-3), "a size never seen: as the next smaller"


def test_time_between_sessions_is_no_exposure() -> None:
    whole = queue_reactive(hand_made(), SPEC, distances=2, sizes=3)
    halted = queue_reactive(hand_made(((0, 7 * SECOND), (9 * SECOND, 20 * SECOND))), SPEC, distances=2, sizes=3)
    assert halted.market[0][2] == pytest.approx(whole.market[0][2] * 15 / 13, rel=1e-3)


def test_hidden_trades_and_unknown_prices_leave_the_queues_as_they_are() -> None:
    tape = hand_made()
    trade = np.array([(5 * SECOND, 999, Side.SELL, 3)], tape.trades.dtype)
    hidden = replace(tape, trades=np.sort(np.concatenate([trade, tape.trades]), order="time_ns"))
    assert queue_reactive(hidden, SPEC, distances=2, sizes=3) == queue_reactive(tape, SPEC, distances=2, sizes=3)


def test_coarser_lots_of_the_market_are_its_units() -> None:
    found = queue_reactive(hand_made(), replace(SPEC, lot_size=2.0), distances=2, sizes=3)
    assert found.unit == pytest.approx((32 / 3 / 10 / 2, 0.5), rel=1e-3)


@pytest.mark.parametrize(
    ("tape", "distances", "complaint"),
    [
        (hand_made(), 3, "no order in range 2 of the distances; 2 ranges would do"),
        (replace(hand_made(), quotes=hand_made().quotes[:0]), 2, "never shows both sides"),
    ],
)
def test_a_tape_without_what_it_takes_is_named(tape: Tape, distances: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        queue_reactive(tape, SPEC, distances=distances)


def played(agent: QueueReactive, spec: MarketSpec) -> Tape:
    """Return the tape of the agent alone in a market."""
    batch = BatchMarket(environment([Group("flow", agent, 4)], spec=spec), 1)
    batch.reset([3])
    recorder = TapeRecorder(batch)
    recorder.open()
    action = np.zeros((1, 0, batch.environment.action.size), np.float32)
    for _ in range(spec.session_steps):
        batch.step(action)
        recorder.record()
    return recorder.tape()


@pytest.mark.slow
def test_it_recovers_the_intensities_of_a_played_market() -> None:
    agent = QueueReactive(
        limit=((0.5, 0.3, 0.2, 0.1), (0.4, 0.3, 0.2, 0.1)),
        cancel=((0.0, 0.1, 0.2, 0.3), (0.0, 0.1, 0.2, 0.3)),
        market=((0.0, 0.6, 0.4, 0.2), (0.0, 0.3, 0.2, 0.1)),
        unit=(0.5, 0.5),
    )
    # orders of ten lots each, so that the unit of the estimate is the agent's; self-trade prevention would add cancels
    flow = order_flow(limit_size_lots=(10.0,) * 17, market_size_lots=(10.0,) * 17)
    spec = market_spec(flow=flow, rules=Rules("allow"), step_ns=20_000_000, session_steps=150_000, warmup_steps=400)
    found = queue_reactive(played(agent, spec), spec, distances=2, sizes=4)
    assert found.unit == agent.unit
    assert found.limit == within_errors(agent.limit)
    assert found.cancel == within_errors(agent.cancel)
    # the best queue is never empty, and rarely in the second range
    assert found.market[0][1:] == within_errors(agent.market[0][1:])


def within_errors(intensities: Any) -> Any:
    """Return what equals them within the sampling errors of the played market, at most 5 % each."""
    return pytest.approx(np.array(intensities), rel=0.15, abs=0.01)
