"""Invariants of whole sessions: they repeat bit for bit, use common random numbers, and conserve positions and cash."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Exponential, Participation, Uniform
from marl_market.env.recording.commands import CommandRecorder
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.timing.chosen_trigger import ChosenTrigger
from marl_market.exchange.codes import CommandKind, Reason
from marl_market.exchange.command_stream import event_digest
from marl_market.exchange.replay import replay
from tests.builders import actions, environment, market_spec

THREADS = pytest.param(
    2, marks=pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="this machine offers one thread")
)


def play(
    environment: EnvironmentSpec, seeds: Sequence[int], given: NDArray[np.float32], threads: int = 1
) -> tuple[BatchMarket, list[Any], list[str]]:
    """Play a session; return the batch, each step's outputs, and the tapes' digests."""
    batch = BatchMarket(environment, len(seeds), threads)
    recorders = [TapeRecorder(batch, market) for market in range(len(seeds))]
    history: list[Any] = [batch.reset(seeds).copy()]
    for recorder in recorders:
        recorder.open()
    for action in given:
        step = batch.step(action)
        history.append((step.observation.copy(), step.reward.copy(), step.truncated))
        for recorder in recorders:
            recorder.record()
    return batch, history, [recorder.tape().digest() for recorder in recorders]


def session_actions(environment: EnvironmentSpec, markets: int, seed: int = 0) -> NDArray[np.float32]:
    return actions(BatchMarket(environment, markets), environment.spec.session_steps, seed)


def test_markets_of_one_seed_are_equal_and_of_another_seed_are_not() -> None:
    description = environment()
    one = session_actions(description, 1)
    given = np.concatenate([one, one, one], axis=1)
    batch, history, digests = play(description, [5, 5, 6], given)
    assert digests[0] == digests[1] != digests[2]
    assert batch.markets[0].tobytes() == batch.markets[1].tobytes() != batch.markets[2].tobytes()
    assert np.array_equal(history[-1][0][0], history[-1][0][1])


@pytest.mark.parametrize("threads", [1, THREADS])
def test_a_market_goes_the_same_way_in_any_batch_on_any_number_of_threads(threads: int) -> None:
    description = environment()
    seeds, place = [11, 12, 13, 14, 15], 3
    given = session_actions(description, 5)
    alone, history, digests = play(description, seeds[place : place + 1], given[:, place : place + 1])
    among, histories, all_digests = play(description, seeds, given, threads)
    assert alone.markets[0].tobytes() == among.markets[place].tobytes()
    assert digests[0] == all_digests[place]
    assert history[0][0].tobytes() == histories[0][place].tobytes()
    for mine, theirs in zip(history[1:], histories[1:], strict=True):
        assert mine[0][0].tobytes() == theirs[0][place].tobytes()
        assert mine[1][0].tobytes() == theirs[1][place].tobytes()
        assert mine[2] == theirs[2]


def test_a_second_session_does_not_remember_the_first() -> None:
    description = environment()
    given = session_actions(description, 2)
    _, fresh, _ = play(description, [3, 4], given)
    batch, _, _ = play(description, [1, 2], session_actions(description, 2, seed=9))
    again = [batch.reset([3, 4]).copy(), *((step := batch.step(action)).observation.copy() for action in given)]
    assert again[0].tobytes() == fresh[0].tobytes()
    assert [row.tobytes() for row in again[1:]] == [row[0].tobytes() for row in fresh[1:]]
    assert step.reward.tobytes() == fresh[-1][1].tobytes()


def test_markets_of_one_seed_draw_the_same_arrivals_whatever_the_seats_outside_do() -> None:
    batch = BatchMarket(environment(), 2)
    batch.reset([7, 7])
    action = np.zeros((2, 2, 4), np.float32)
    action[0], action[1] = -1.0, 1.0  # aggressive and small, far and large
    action[0, :, 2:] = 1.0
    drawn = 0
    for _ in range(batch.environment.spec.session_steps):
        batch.step(action)
        assert np.array_equal(batch.markets[0]["arrival"], batch.markets[1]["arrival"])
        for seat in range(4):
            mine, theirs = (background_orders(market["seat"][seat]) for market in batch.markets)
            assert mine == theirs
            drawn += len(mine)
    assert drawn > 50
    assert batch.markets[0]["public"]["session_lots"] != batch.markets[1]["public"]["session_lots"]


def background_orders(seat: Any) -> list[tuple[int, int]]:
    commands = seat["command"][: seat["command_count"]]
    orders = commands[(commands["kind"] == CommandKind.LIMIT) | (commands["kind"] == CommandKind.MARKET)]
    return [(int(row["kind"]), int(row["quantity_lots"])) for row in orders]


def test_arrivals_are_a_permutation_that_changes_and_is_fair() -> None:
    batch = BatchMarket(environment(spec=market_spec(session_steps=400, warmup_steps=0)), 1)
    batch.reset([1])
    first = []
    for _ in range(400):
        batch.step(np.zeros((1, 2, 4), np.float32))
        arrival = batch.markets[0]["arrival"][:6].tolist()
        assert sorted(arrival) == list(range(6))
        first.append(arrival[0])
    assert np.abs(np.bincount(first, minlength=6) - 400 / 6).max() < 5 * np.sqrt(400 / 6)


def test_nothing_is_made_or_lost_in_sessions() -> None:
    description = environment(spec=market_spec(session_steps=150, cash_unit=0.0001))
    batch, history, _ = play(description, [1, 2, 3], session_actions(description, 3))
    positions, cash = batch.conservation_errors()
    assert positions.tolist() == cash.tolist() == [0, 0, 0]
    account = batch.markets["seat"]["account"][:, :6]
    assert (account["trades"].sum(1) > 50).all()
    assert np.abs(account["cash"]).min() > 0
    assert all(np.isfinite(observation).all() for observation, _, _ in history[1:])
    batch.markets["seat"]["account"]["cash"][1, 0] += 3
    batch.markets["seat"]["account"]["position"][2, 0] -= 1
    positions, cash = batch.conservation_errors()
    assert (positions.tolist(), cash.tolist()) == ([0, 0, 1], [0, 3, 0])


@pytest.mark.parametrize("threads", [1, THREADS])
def test_seats_that_come_leave_and_sleep_go_the_same_way_on_any_number_of_threads(threads: int) -> None:
    description = visited()
    seeds = [11, 11, 12, 13]
    given = session_actions(description, 4)
    given[:, 1] = given[:, 0]
    alone, history, digests = play(description, seeds[:1], given[:, :1])
    among, histories, all_digests = play(description, seeds, given, threads)
    assert alone.markets[0].tobytes() == among.markets[0].tobytes() == among.markets[1].tobytes()
    assert digests[0] == all_digests[0] == all_digests[1]
    assert len(set(all_digests)) == 3
    assert [row[1][0].tobytes() for row in history[1:]] == [row[1][0].tobytes() for row in histories[1:]]
    assert [error.any() for error in among.conservation_errors()] == [False, False]


def test_a_session_of_visitors_replays_bit_for_bit_from_its_commands() -> None:
    description = visited()
    batch = BatchMarket(description, 1)
    batch.reset([3])
    recorder, events = CommandRecorder(batch), []
    for action in session_actions(description, 1):
        batch.step(action)
        recorder.record()
        market = batch.markets[0]
        events.append(market["event"][: market["event_count"]].copy())
    again, markets = replay(recorder.log())
    assert event_digest(again) == event_digest(np.concatenate(events))
    assert markets["seat"]["account"].tobytes() == batch.markets["seat"]["account"].tobytes()
    assert (np.concatenate(events)["reason"] == Reason.SEAT_ABSENT).any()


def visited() -> EnvironmentSpec:
    coming = Participation(Uniform(0, 40), Exponential(15.0), closes_position=True)
    groups = [
        Group("noise", ZeroIntelligence(), 6),
        Group("coming", ZeroIntelligence(), 4, coming),
        Group("outside", External(), 2, Participation(duration=Exponential(30.0))),
    ]
    return environment(groups, spec=market_spec(session_steps=60), timing=ChosenTrigger(longest_steps=5))
