"""Demonstrations from a tape: what a seat observed in the market that was recorded, and the flow as its action."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_continuous import LimitContinuous
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.candles import Candles
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.flow_imbalance import FlowImbalance
from marl_market.env.observations.tape import TradeTape
from marl_market.env.population.group import External, Group
from marl_market.env.recording.sampled_tape import sampled_sessions
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.recording.tape_demonstration import TapeDemonstration
from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape
from tests.builders import environment, market_spec

STEPS = 200
SECOND = 1_000_000_000
PARTS = {"account": Account(), "book": Book(), "tape": TradeTape(), "imbalance": FlowImbalance()}


def described(action: Any, observation: Any = None, **spec: Any) -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("outside", External(), 1)]
    wanted = market_spec(**{"session_steps": STEPS, "warmup_steps": 0, **spec})
    return environment(groups, spec=wanted, action=action, observation=observation or PARTS)


def watched() -> tuple[EnvironmentSpec, Tape, NDArray[np.float32]]:
    """Return an environment, its tape, and what a seat without orders observed before each step and at the close."""
    spec = described(MarketSize())
    batch = BatchMarket(spec, 1)
    batch.reset([5])
    recorder = TapeRecorder(batch)
    recorder.open()
    seen = [batch.observation[0, 0].copy()]
    for _ in range(STEPS):
        batch.step(np.zeros((1, 1, 1), np.float32))
        recorder.record()
        seen.append(batch.observation[0, 0].copy())
    return spec, recorder.tape(), np.array(seen)


def test_a_seat_observes_of_a_tape_what_it_observed_of_the_market() -> None:
    spec, tape, seen = watched()
    demonstration = TapeDemonstration(described(MarketSize(), session_steps=50), "outside")
    sessions = list(demonstration.sessions(tape))
    ((start_ns, rows),) = sampled_sessions(tape, spec.spec)
    assert len(sessions) == (len(rows) - 1) // 50 == 3
    for number, session in enumerate(sessions):
        first = start_ns // SECOND + 1 + 50 * number
        # the first record of a session has no quotes before it
        np.testing.assert_allclose(session.observation[1:], seen[first + 1 : first + 51], rtol=1e-5, atol=1e-6)


def test_the_clock_is_that_of_a_session_of_its_own() -> None:
    _, tape, _ = watched()
    demonstration = TapeDemonstration(described(MarketSize(), {"clock": Clock()}, session_steps=50), "outside")
    for session in demonstration.sessions(tape):
        assert session.observation[:, 0] == pytest.approx(1 - np.arange(51) / 50)


def hand_made(**changes: Any) -> Tape:
    """Return four seconds: quiet, 3 lots bought and 9 sold, limit orders of both sides, quiet."""
    quotes = [(0, 998, 1002, 5, 5)]
    flow = [
        (1 * SECOND + 5, FlowKind.MARKET, Side.BUY, 1002, 0, 3),
        (1 * SECOND + 6, FlowKind.MARKET, Side.SELL, 998, 0, 9),
        (2 * SECOND + 5, FlowKind.LIMIT, Side.BUY, 999, 0, 4),
        (2 * SECOND + 6, FlowKind.LIMIT, Side.BUY, 997, 0, 4),
        (2 * SECOND + 7, FlowKind.LIMIT, Side.SELL, 1001, 0, 3),
        (2 * SECOND + 8, FlowKind.CANCEL, Side.SELL, 1001, 0, 3),
    ]
    fields = {"quotes": np.array(quotes, QUOTE), "trades": np.zeros(0, TRADE), "flow": np.array(flow, FLOW)}
    return Tape(**{"tick_size": 0.01, "lot_size": 1.0, **fields, "sessions": np.array([[0, 5 * SECOND]]), **changes})


def actions(scheme: Any, tape: Tape) -> list[Any]:
    demonstration = TapeDemonstration(described(scheme, session_steps=3), "outside")
    (session,) = demonstration.sessions(tape)
    return session.action.tolist()


def test_a_signed_size_is_the_sum_of_all_market_orders() -> None:
    # six lots sold; the largest order is two size scales of six lots
    assert actions(MarketSize(), hand_made()) == [[-0.5], [0.0], [0.0]]
    assert actions(MarketSize(), hand_made(lot_size=5.0)) == [[-1.0], [0.0], [0.0]], "clipped to the largest"
    assert actions(MarketDiscrete(), hand_made()) == [[2.0], [0.0], [0.0]]


def test_quotes_are_the_mean_limit_order_of_each_side() -> None:
    scheme = Quotes(nearest=0.0, farthest=1.0, largest=2.0)  # four ticks, twelve lots
    first, second, third = actions(scheme, hand_made())
    assert second == pytest.approx([2 * 2 / 4 - 1, 2 * 1 / 4 - 1, 2 * 8 / 12 - 1, 2 * 3 / 12 - 1])
    assert third == pytest.approx([np.nan, np.nan, -1, -1], nan_ok=True)
    assert first[3] > -1, "a market order to sell is a quote at any price"
    limits = actions(LimitContinuous(), hand_made())
    assert np.isfinite(limits[1]).any()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"observation": {"candles": Candles()}}, "observation.candles is 'Candles'; it must be a part that one"),
    ],
)
def test_what_a_tape_does_not_determine_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TapeDemonstration(described(MarketSize(), **changes), "outside")
