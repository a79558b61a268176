"""Steps of several ticks of the market's clock: scripted traders act in each, those that observe once a step."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.informed_kyle import InformedKyle
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.candles import Candles
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.flow_imbalance import FlowImbalance
from marl_market.env.observations.tape import TradeTape
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.recording.commands import CommandRecorder
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.exchange.codes import Phase
from marl_market.market.fundamental import MeanReverting
from marl_market.market.latency import Delay, Latency
from marl_market.market.rules import Rules
from marl_market.market.spec import MarketSpec
from tests.builders import actions, environment, market_spec
from tests.env.anything import Anything
from tests.env.test_instruments import pair

TICKS, STEPS = 5, 16
RULES = Rules(
    price_band_ticks=40, opening_auction_steps=2, closing_auction_steps=2, halt_move_ticks=12, halt_window_steps=3,
    halt_steps=1,
)  # fmt: skip
LATE = Latency(entry=Delay(exponential_ns=4e7), data=Delay(uniform_ns=6e7, floor_ns=1e7))
OBSERVED = {
    "account": Account(), "book": Book(), "tape": TradeTape(), "clock": Clock(), "flow": FlowImbalance(),
    "candles": Candles(),
}  # fmt: skip


def spec(**changes: Any) -> MarketSpec:
    flow = replace(market_spec().flow, limit_rate=60.0, market_rate=20.0, cancel_rate=40.0)
    fields = {
        "flow": flow,
        "step_ns": 100_000_000,
        "session_steps": STEPS,
        "warmup_steps": 4,
        "candle_steps": (1, 2, 4),
    }
    return market_spec(**{**fields, **changes})


def stepwise(market: MarketSpec) -> MarketSpec:
    return replace(market, substeps=TICKS)


def scripted(market: MarketSpec) -> EnvironmentSpec:
    substeps = market.substeps
    groups = [
        Group("flow", ZeroIntelligence(), 4),
        Group("any", Anything(), 2),
        Group("informed", InformedKyle(), 1),
    ]
    visitors = Participation(Fixed(3 * (TICKS if substeps == 1 else 1)), Fixed(5 * (TICKS if substeps == 1 else 1)))
    return environment([*groups, Group("visitors", ZeroIntelligence(), 2, visitors)], spec=market)


MARKETS = {
    "plain": spec(),
    "rules": spec(rules=RULES),
    "late": spec(latency=LATE),
    "fundamental": spec(fundamental=MeanReverting()),
    "instruments": pair(session_steps=STEPS, step_ns=100_000_000),
}


@pytest.mark.parametrize("name", MARKETS)
def test_scripted_traders_know_nothing_of_steps(name: str) -> None:
    coarse = stepwise(MARKETS[name]) if name != "instruments" else several(MARKETS[name])
    one, many = BatchMarket(scripted(coarse), 2), BatchMarket(scripted(coarse.clock), 2)
    nothing = np.zeros((2, 0, one.environment.action_size), np.float32)
    recorders = [TapeRecorder(batch, 1) for batch in (one, many)]
    for batch, recorder in zip((one, many), recorders, strict=True):
        batch.reset([1, 2])
        recorder.open()
    for step in range(STEPS):
        one.step(nothing)
        recorders[0].record()
        logged = one.events_of(1).copy()
        events = []
        for _ in range(TICKS):
            many.step(nothing)
            recorders[1].record()
            events.append(many.events_of(1).copy())
        assert np.array_equal(logged, np.concatenate(events)), step
    for field in ("public", "seat", "book", "time_ns", "random", "phase"):
        for left, right in zip(one.instruments, many.instruments, strict=True):
            if field == "seat":
                for part in ("account", "live", "random", "present", "order_sequence"):
                    assert np.array_equal(left["seat"][part], right["seat"][part]), part
                assert np.array_equal(left["seat"]["agent"]["memory"], right["seat"]["agent"]["memory"])
            else:
                assert np.array_equal(left[field], right[field]), field
    tapes = [recorder.tape() for recorder in recorders]
    assert tapes[0].digest() == tapes[1].digest()
    assert len(tapes[0].trades) > 20


def several(market: MarketSpec) -> MarketSpec:
    further = {name: replace(each, substeps=TICKS) for name, each in market.further_instruments.items()}
    return replace(market, substeps=TICKS, further_instruments=further)


def observing(market: MarketSpec, **changes: Any) -> EnvironmentSpec:
    groups = [Group("flow", ZeroIntelligence(), 4), Group("out", External(), 2)]
    return environment(groups, spec=market, observation=OBSERVED, **changes)


@pytest.mark.parametrize("latency", [Latency(), Latency(data=Delay(floor_ns=3e7))])
def test_who_observes_gets_the_whole_step(latency: Latency) -> None:
    coarse = stepwise(spec(latency=latency, rules=RULES))
    described = observing(coarse)
    one, many = BatchMarket(described, 1, records_tape=True), BatchMarket(observing(coarse.clock), 1, records_tape=True)
    late = 0 if latency == Latency() else 2  # ticks of 20 ms by which 30 ms of data are late
    for batch in (one, many):
        batch.reset([1])
    orders = actions(one, STEPS)
    quiet = orders[0].copy()
    quiet[:] = -1.0
    publics = [many.markets[0]["public"].copy()]
    counted = np.zeros(3, np.int64)
    many_rewards = np.zeros(one.environment.seats)
    for step in range(STEPS):
        result = one.step(quiet)
        many_rewards[:] = 0.0
        for _ in range(TICKS):
            many_rewards += many.step(quiet).reward[0]
            publics.append(many.markets[0]["public"].copy())
        rows = many.tape[step * TICKS : (step + 1) * TICKS, 0]
        row = one.tape[step, 0]
        for name in ("trades", "bought_lots", "sold_lots"):
            assert row[name] == rows[name].sum()
        for name in ("bid_price_ticks", "ask_price_ticks", "bid_quantity_lots", "last_trade_ticks", "reference_ticks"):
            assert row[name] == rows[name][-1]
        if step == 0:
            continue
        np.testing.assert_allclose(result.reward[0], many_rewards, rtol=1e-5, atol=1e-6)
        slices, seen = described.observation_slices(), result.observation[0, 0]
        last, window = publics[-1 - late], publics[len(publics) - TICKS - late : len(publics) - late]
        earlier = publics[-1 - late - TICKS]
        tape = seen[slices["tape"]]
        bought = sum(int(public["step_lots"][0]) for public in window)
        assert tape[2] == np.float32(bought / (bought + last["size_scale_lots"]))
        assert seen[slices["clock"]] == np.float32(1.0 - (step + 1) / STEPS)
        public = one.markets["observed"][0, 1 if late else 0]
        assert public["step_trades"] == sum(int(each["step_trades"]) for each in window)
        assert public["step_largest_lots"] == max(int(each["step_largest_lots"]) for each in window)
        assert public["previous_reference_ticks"] == earlier["reference_ticks"]
        could_stand = earlier["phase"] != Phase.AUCTION
        assert public["previous_depth"].tolist() == (earlier["depth"].tolist() if could_stand else [0, 0])
        assert public["step"] == step + 1
        assert public["session_steps"] == STEPS
        assert public["step_seconds"] == pytest.approx(0.1)
        assert np.array_equal(public["level"], last["level"])
        counts = [sum(int(each[name].sum()) for each in window) for name in COUNTS]
        assert [int(public[name].sum()) for name in COUNTS] == counts
        counted += counts
    assert (counted > 5).all()
    assert np.array_equal(one.public["step"], [STEPS])


COUNTS = ("step_limit_orders", "step_cancels", "step_market_orders")


def test_a_seat_that_observes_decides_in_the_first_tick() -> None:
    batch = BatchMarket(observing(stepwise(spec()), timing=ChosenDelay((1, 3))), 2)
    batch.keep_events(0)
    batch.reset([1, 2])
    seats = batch.environment.seats_of("out")
    action = np.zeros((2, 2, batch.environment.action_size), np.float32)
    action[:, :, -1] = [-1.0, 1.0]  # the first and the last delay
    active, times = [], set()
    for step in range(9):
        active.append(batch.step(action).active[0, seats].tolist())
        events = batch.events_of(0)
        own = events[np.isin(events["seat"], [4, 5]) & (events["kind"] == 1)]
        times |= {int(time) % 100_000_000 for time in own["time_ns"]}
        assert (own["time_ns"] // 100_000_000 == step).all()
    assert times == {0}
    assert active == [[True, step % 3 == 2] for step in range(9)]


def test_a_copy_continues() -> None:
    batch = BatchMarket(observing(stepwise(spec(latency=LATE))), 2, records_tape=True)
    batch.reset([1, 2])
    orders = actions(batch, STEPS)
    for action in orders[:5]:
        batch.step(action)
    state, other = batch.get_state(), batch.clone()
    digest = [batch.step(action).observation.tobytes() for action in orders[5:]]
    assert digest == [other.step(action).observation.tobytes() for action in orders[5:]]
    other.set_state(state)
    assert digest == [other.step(action).observation.tobytes() for action in orders[5:]]


def test_steps_are_ticks_of_equal_length() -> None:
    with pytest.raises(ValueError, match=r"market.substeps is 3; it must be a number of ticks that divides"):
        spec(substeps=3)
    with pytest.raises(ValueError, match=r"market.substeps is 0"):
        spec(substeps=0)
    with pytest.raises(ValueError, match=r"market.substeps is 5; it must be 1 where commands are recorded"):
        CommandRecorder(BatchMarket(scripted(stepwise(spec())), 1))
    clock = stepwise(spec(rules=RULES)).clock
    assert (clock.step_ns, clock.substeps, clock.session_steps, clock.warmup_steps) == (20_000_000, 1, 80, 20)
    assert clock.candle_steps == (5, 10, 20)
    assert clock.rules.halt_window_steps == 15
    assert spec().clock is not None


@pytest.mark.slow
def test_a_day_of_ticks_runs() -> None:
    day = spec(step_ns=1_000_000_000, substeps=100, session_steps=23_400, warmup_steps=5, flow=market_spec().flow)
    batch = BatchMarket(scripted(day), 1)
    recorder = TapeRecorder(batch)
    batch.reset([1])
    recorder.open()
    assert batch.play(23_400, recorders=[recorder]).truncated
    tape = recorder.tape()
    assert tape.sessions.tolist() == [[0, 23_400 * 10**9]]
    assert len(tape.trades) > 23_400
    assert (np.diff(tape.trades["time_ns"]) >= 0).all()
