"""Invariants of latency: no command is lost, none overtakes, and speed pays."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.latency import LatencyTier
from marl_market.env.population.group import External, Group
from marl_market.env.recording.commands import CommandRecorder, arrived_commands
from marl_market.exchange.codes import EventKind, Reason, TimeInForce
from marl_market.exchange.command_stream import event_digest
from marl_market.exchange.commands import cancel_all, submit_limit, submit_limit_order
from marl_market.exchange.records import SEAT_COMMANDS, SEAT_IN_FLIGHT
from marl_market.exchange.replay import replay
from marl_market.market.latency import Delay, Latency
from tests.builders import Rule, actions, environment, market_spec
from tests.env.anything import Anything

STEP = 1_000_000_000
IMMEDIATE_OR_CANCEL = int(TimeInForce.IMMEDIATE_OR_CANCEL)
PROCESSED = (EventKind.ACCEPTED, EventKind.REJECTED, EventKind.REPLACED)
REJECTIONS = (Reason.TOO_MANY_IN_FLIGHT, Reason.SESSION_OVER)
THREADS = pytest.param(
    2, marks=pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine offers one thread")
)

DELAYS = st.builds(
    Delay,
    floor_ns=st.sampled_from((0, 1, 0.4 * STEP, 3 * STEP)),
    uniform_ns=st.sampled_from((0, 0.5 * STEP, 4 * STEP)),
    exponential_ns=st.sampled_from((0, 0.1 * STEP, STEP)),
    lognormal_ns=st.sampled_from((0, 0.2 * STEP)),
    sigma=st.sampled_from((0.0, 0.5)),
)
LATENCIES = st.builds(Latency, entry=DELAYS, data=DELAYS, compute_ns=st.sampled_from((0, 1000)))


@trader
def send_nothing(public, seat, params):  # type: ignore[no-untyped-def]
    return DECIDED


@trader
def send_as_many_as_one_can(public, seat, params):  # type: ignore[no-untyped-def]
    for _ in range(SEAT_COMMANDS):
        submit_limit(seat, 1, 10.0, 1)
    return DECIDED


@trader
def offer_and_flee(public, seat, params):  # type: ignore[no-untyped-def]
    """Offer a lot at 1000 in one step of four, and cancel it two steps later."""
    if public.step % 4 == 0:
        submit_limit(seat, -1, 1000.0, 1)
    elif public.step % 4 == 2:
        cancel_all(seat)
    return DECIDED


@trader
def lift_the_offer(public, seat, params):  # type: ignore[no-untyped-def]
    """Try to buy at 1000 when the offer is about to go."""
    if public.step % 4 == 2:
        submit_limit_order(seat, 1, 1000.0, 1, 0, IMMEDIATE_OR_CANCEL, 0)
    return DECIDED


@trader
def store_observation(public, seat, params):  # type: ignore[no-untyped-def]
    seat.agent.memory[0] = public.reference_ticks
    seat.agent.memory[1] = public.session_lots
    seat.agent.memory[2] = public.step
    return DECIDED


def crowd(near: Latency, far: Latency, **changes: Any) -> EnvironmentSpec:
    """Return ordinary flow near the venue and seats that send anything farther away; none cancels all."""
    groups = (Group("noise", ZeroIntelligence(), 4, latency=near), Group("any", Anything(), 6, latency=far))
    return environment(groups, spec=market_spec(**{"session_steps": 30, **changes}))


def play(batch: BatchMarket, seeds: Sequence[int], seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Play a session; return the events of market 0 by step, and all observations and rewards."""
    events, outputs = [], [batch.reset(seeds).tobytes()]
    for action in actions(batch, batch.environment.spec.session_steps, seed):
        step = batch.step(action)
        outputs.append((step.observation.tobytes(), step.reward.tobytes()))
        market = batch.markets[0]
        events.append(market["event"][: market["event_count"]].copy())
    return events, outputs


@given(near=LATENCIES, far=LATENCIES, seed=st.integers(0, 2**31))
@settings(max_examples=40)
def test_no_command_is_lost_and_none_overtakes(near: Latency, far: Latency, seed: int) -> None:
    batch = BatchMarket(crowd(near, replace(far, entry=replace(far.entry, floor_ns=1 + far.entry.floor_ns))), 1)
    batch.reset([seed])
    assert batch.connections is not None
    connections, market = batch.connections.connection[0], batch.markets[0]
    sent = [
        [
            connection["in_flight"][i % SEAT_IN_FLIGHT]["command"].tolist()
            for i in range(connection["delivered"], connection["sent"])
        ]
        for connection in connections
    ]
    delivered: list[list[Any]] = [[] for _ in sent]
    processed = rejections = deliveries = 0
    clock = -1
    for action in actions(batch, 30):
        batch.step(action)
        rows = arrived_commands(batch, 0)
        deliveries += rows.size
        for number, seat in enumerate(market["seat"][:10]):
            mine = rows[rows["seat"] == number]
            full = mine["rejection"] == Reason.TOO_MANY_IN_FLIGHT
            written = seat["command"][: seat["command_count"]].tolist()
            taken = len(written) - int(full.sum())
            assert mine["command"][full].tolist() == written[taken:]
            sent[number] += written[:taken]
            delivered[number] += mine["command"][~full].tolist()
            assert (mine["rejection"] == Reason.NONE).sum() <= SEAT_COMMANDS
        events = market["event"][: market["event_count"]]
        processed += np.isin(events["kind"], PROCESSED).sum()
        canceled = (events["kind"] == EventKind.CANCELED) & (events["leaves_quantity"] == 0)
        processed += (canceled & (events["reason"] == Reason.BY_OWNER)).sum()
        rejections += np.isin(events["reason"], REJECTIONS).sum() - (rows["rejection"] != Reason.NONE).sum()
        assert (np.diff(np.concatenate([[clock], events["time_ns"]])) >= 0).all()
        clock = int(market["public"]["time_ns"])
        assert events["time_ns"].max(initial=0) < clock
    assert sent == delivered
    assert processed == deliveries > 50
    assert rejections == 0
    assert [int(total[0]) for total in batch.conservation_errors()] == [0, 0]
    assert (connections["sent"] == connections["delivered"]).all()


@given(near=LATENCIES, far=LATENCIES, seed=st.integers(0, 2**31))
@settings(max_examples=10)
def test_a_recording_happens_again_and_so_does_the_session(near: Latency, far: Latency, seed: int) -> None:
    batch = BatchMarket(crowd(near, far), 2)
    recorder = CommandRecorder(batch)
    batch.reset([seed, 1])
    recorder.open()
    events = []
    for action in actions(batch, 30):
        batch.step(action)
        recorder.record()
        events.append(batch.markets[0]["event"][: batch.markets[0]["event_count"]].copy())
    again, markets = replay(recorder.log())
    assert event_digest(again) == event_digest(np.concatenate(events))
    assert markets["seat"]["account"].tobytes() == batch.markets["seat"]["account"][:1].tobytes()
    assert event_digest(np.concatenate(play(batch, [seed, 2])[0])) == event_digest(again)


@pytest.mark.parametrize("threads", [1, THREADS])
def test_the_same_seed_goes_the_same_way_on_any_number_of_threads(threads: int) -> None:
    latency = Latency(Delay(exponential_ns=0.7 * STEP), Delay(uniform_ns=3 * STEP))
    spec = market_spec(session_steps=30, latency=latency)
    alone, among = BatchMarket(environment(spec=spec), 3), BatchMarket(environment(spec=spec), 3, threads)
    events, outputs = play(alone, [4, 5, 6])
    again, repeated = play(among, [4, 5, 6])
    assert event_digest(np.concatenate(events)) == event_digest(np.concatenate(again))
    assert outputs == repeated
    assert event_digest(np.concatenate(play(among, [7, 5, 6])[0])) != event_digest(np.concatenate(events))


def test_without_a_delay_all_goes_as_if_there_were_none() -> None:
    far = Latency(Delay(STEP), Delay(2 * STEP))
    groups = [Group("noise", ZeroIntelligence(), 4), Group("any", Anything(), 6), Group("outside", External(), 2)]
    spec = market_spec(session_steps=40)
    near, distant = (
        BatchMarket(environment([*groups, Group("mute", Rule(send_nothing), 1, latency=latency)], spec=spec), 2)
        for latency in (None, far)
    )
    assert near.connections is None
    assert not near.markets["connection"].any()
    assert distant.connections is not None
    assert distant.connections.history.shape == (2, 3)
    events, outputs = play(near, [1, 2])
    again, repeated = play(distant, [1, 2])
    assert event_digest(np.concatenate(events)) == event_digest(np.concatenate(again))
    assert outputs == repeated
    assert np.concatenate(events)["kind"].size > 1000


@pytest.mark.parametrize(("maker_ns", "taker_ns", "lots"), [(2e6, 1e6, 5), (1e6, 2e6, 0), (2.001e9, 2e9, 5)])
def test_a_stale_quote_belongs_to_the_faster(maker_ns: float, taker_ns: float, lots: int) -> None:
    groups = [
        Group("maker", Rule(offer_and_flee), 1, latency=Latency(Delay(maker_ns))),
        Group("slow", Rule(lift_the_offer), 2, latency=Latency(Delay(taker_ns), compute_ns=500)),
        Group("fast", Rule(lift_the_offer), 1, latency=Latency(Delay(taker_ns))),
    ]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=20, warmup_steps=0)), 6)
    batch.reset(range(6))
    for action in actions(batch, 20):
        batch.step(action)
    traded = batch.markets["seat"]["account"]["traded_lots"][:, :4].tolist()
    late = 1 if maker_ns > 1e9 else 0  # the last quote is lifted after the close
    assert traded == [[max(lots - late, 0), 0, 0, max(lots - late, 0)]] * 6


def test_equally_fast_seats_share_a_stale_quote() -> None:
    groups = [
        Group("maker", Rule(offer_and_flee), 1, latency=Latency(Delay(2e6))),
        Group("takers", Rule(lift_the_offer), 2, latency=Latency(Delay(1e6))),
    ]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=20, warmup_steps=0)), 20)
    batch.reset(range(20))
    for action in actions(batch, 20):
        batch.step(action)
    first, second = batch.markets["seat"]["account"]["traded_lots"][:, 1:3].sum(0).tolist()
    assert first + second == 100
    assert 30 < first < 70


def test_late_data_show_the_market_as_it_was_and_the_clock_as_it_is() -> None:
    far = Latency(data=Delay(1.5 * STEP))
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("near", External(), 1),
        Group("far", External(), 1, latency=far),
        Group("eyes", Rule(store_observation), 1, latency=far),
    ]
    parts = {"book": Book(), "clock": Clock(), "latency": LatencyTier()}
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=20), observation=parts), 1)
    observations = [batch.reset([3]).copy()]
    published = []
    for step, action in enumerate(actions(batch, 20)):
        public = batch.markets[0]["public"]
        published.append((float(public["reference_ticks"]), float(public["session_lots"])))
        observations.append(batch.step(action).observation.copy())
        memory = batch.markets[0]["seat"][6]["agent"]["memory"]
        assert memory[2] == step
        if step >= 2:
            assert tuple(memory[:2].tolist()) == published[step - 2]
            assert np.array_equal(observations[step][0, 1, :40], observations[step - 2][0, 0, :40])
            assert observations[step][0, 1, 40] == observations[step][0, 0, 40]
    assert len(set(published)) > 15
    assert observations[0][0, 0, 41:].tolist() == [0, 0]
    assert observations[0][0, 1, 41:].tolist() == pytest.approx([0, np.log10(1 + 1.5e6) / 6])


def test_data_never_go_back() -> None:
    late = Latency(data=Delay(uniform_ns=6 * STEP))
    spec = market_spec(session_steps=200)
    batch = BatchMarket(environment([Group("eyes", ZeroIntelligence(), 3, latency=late)], spec=spec), 1)
    batch.reset([5])
    assert batch.connections is not None
    ages = []
    for action in actions(batch, 200):
        batch.step(action)
        ages.append(batch.connections.connection[0]["data_steps"].copy())
    assert (np.diff(ages, axis=0) <= 1).all()
    assert set(np.unique(ages)) == set(range(1, 7))


def test_too_many_in_flight_are_rejected_and_so_is_what_comes_after_the_close() -> None:
    groups = [Group("busy", Rule(send_as_many_as_one_can), 16, latency=Latency(Delay(3.5 * STEP)))]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=9, warmup_steps=0)), 1)
    events, _ = play(batch, [1])
    asked = [Reason.TOO_MANY_IN_FLIGHT, Reason.SESSION_OVER]
    reasons = [np.bincount(rows["reason"], minlength=len(Reason))[asked].tolist() for rows in events]
    # Two steps fill the connection; their commands arrive in the fourth and fifth steps, and the next has room again.
    step = 16 * SEAT_COMMANDS
    full = [0, 0, step, step, 0, 0, step, step, 0]
    assert [count for count, _ in reasons] == full
    assert [count for _, count in reasons] == [0] * 8 + [step]
    accepted = [int(np.isin(rows["kind"], (EventKind.ACCEPTED, EventKind.REJECTED)).sum()) for rows in events]
    assert sum(accepted) == 9 * step
    assert all(market["event_count"] < market["event"].size for market in batch.markets)


def test_the_compute_time_is_the_same_each_time() -> None:
    groups = [Group("noise", ZeroIntelligence(), 4, latency=Latency(compute_ns=12_345)), Group("any", Anything(), 2)]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=20)), 1)
    batch.reset([2])
    for action in actions(batch, 20):
        batch.step(action)
        rows = arrived_commands(batch, 0)
        assert (rows["after_ns"] == np.where(rows["seat"] < 4, 12_345, 0)).all()
        assert np.array_equal(np.sort(rows["after_ns"]), rows["after_ns"])


@pytest.mark.parametrize(
    "delay",
    [
        Delay(floor_ns=1000, uniform_ns=5000),
        Delay(floor_ns=2000, exponential_ns=3000),
        Delay(floor_ns=500, lognormal_ns=2000, sigma=0.6),
        Delay(uniform_ns=1000, exponential_ns=700, lognormal_ns=1000, sigma=0.3),
    ],
)
def test_delays_follow_their_law(delay: Delay) -> None:
    # One command a step, so that none waits for another.
    groups = [Group("maker", Rule(offer_and_flee), 12, latency=Latency(delay))]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=400, warmup_steps=0)), 4)
    batch.reset(range(4))
    drawn = []
    for action in actions(batch, 400):
        batch.step(action)
        drawn += [arrived_commands(batch, number)["after_ns"] for number in range(4)]
    sample = np.concatenate(drawn)
    assert sample.size == 4 * 12 * 200
    assert sample.min() >= delay.floor_ns
    assert sample.max() <= delay.longest_ns
    assert sample.mean() == pytest.approx(delay.mean_ns, abs=5 * sample.std() / np.sqrt(sample.size))
    lognormal = delay.lognormal_ns**2 * (np.exp(2 * delay.sigma**2) - np.exp(delay.sigma**2))
    variance = delay.uniform_ns**2 / 12 + delay.exponential_ns**2 + lognormal
    assert sample.std() == pytest.approx(np.sqrt(variance), rel=0.05)


def test_data_later_than_is_kept_are_named() -> None:
    groups = [Group("noise", ZeroIntelligence(), 4, latency=Latency(data=Delay(65 * STEP)))]
    with pytest.raises(ValueError, match=r"population\.noise\.latency\.data is .*at most 64 steps of 1000000000 ns"):
        environment(groups)
