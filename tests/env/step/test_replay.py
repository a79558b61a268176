"""Recorded messages inside a step: what they do alone, and where an own order is in their way."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.replay import Replay
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import External, Group
from marl_market.env.recording.commands import CommandRecorder
from marl_market.env.recording.tape import TapeRecorder
from marl_market.market.latency import Delay, Latency
from marl_market.market.rules import Rules
from tests.replays import (
    SECONDS,
    Once,
    Recorded,
    levels_of,
    no_actions,
    replaying,
    seconds,
    small_log,
    tape_of,
)

TAPE = tape_of(small_log())
TRADES = [(seconds(1.5), 999, -1, 4), (seconds(4.5), 1001, 1, 7), (seconds(4.5), 1002, 1, 1)]
RECORDED_BOOKS = [
    ([(999, 10)], [(1001, 10), (1002, 10)]),
    ([(999, 15)], [(1001, 10), (1002, 10)]),
    ([(999, 11)], [(1001, 10), (1002, 10)]),
    ([(999, 9)], [(1001, 10), (1002, 10)]),
    ([(999, 9)], [(1002, 10)]),
    ([(999, 9)], [(1002, 9)]),
    ([(999, 9)], [(1002, 9)]),
]


def play(*others: Group, **spec: Any) -> tuple[BatchMarket, list[Any], dict[str, int]]:
    """Return the batch, its books from the open on, and its tally."""
    batch = BatchMarket(replaying(TAPE, *others, **spec), 1)
    batch.reset([7])
    books = [levels_of(batch)]
    for _ in range(batch.environment.spec.session_steps):
        batch.step(no_actions(batch))
        books.append(levels_of(batch))
    results = batch.replay_results()
    assert results is not None
    tally = {name: int(results.tally[0][name]) for name in results.tally.dtype.names or ()}
    assert [error.item() for error in batch.conservation_errors()] == [0, 0]
    return batch, books, tally


def differing(tally: dict[str, int]) -> dict[str, int]:
    """Return what differs from a replay that nobody disturbs."""
    undisturbed = {"messages": 9, "taken_lots": 12, "fills": 3, "reproduced_fills": 3}
    return {name: value for name, value in tally.items() if value != undisturbed.get(name, 0)}


def account(batch: BatchMarket, group: str) -> tuple[int, int]:
    """Return position and cash of the only seat of a group, without fees."""
    row = batch.markets["seat"]["account"][0, batch.environment.seats_of(group)]
    return int(row["position"][0]), int(row["cash"][0] + row["fees"][0])


def own(*order: Any) -> Group:
    return Group("own", Once(*order))


def divergence(batch: BatchMarket) -> list[float]:
    results = batch.replay_results()
    assert results is not None
    return [float(value) for value in results.divergence_ticks[:, 0]]


def test_alone_the_recording_makes_its_own_book_and_trades() -> None:
    batch, books, tally = play()
    assert books == RECORDED_BOOKS
    assert differing(tally) == {}
    assert divergence(batch) == [0.0] * SECONDS


@pytest.mark.parametrize("tenths", [1, 5, 25, 60])
def test_the_length_of_a_step_changes_nothing_but_when_it_is_looked_at(tenths: int) -> None:
    steps = SECONDS * 10 // tenths
    batch = BatchMarket(replaying(TAPE, step_ns=seconds(tenths / 10), session_steps=steps), 1)
    batch.reset([7])
    recorder = TapeRecorder(batch)
    recorder.open()
    for _ in range(steps):
        batch.step(no_actions(batch))
        recorder.record()
    assert levels_of(batch) == RECORDED_BOOKS[-1]
    trades = [tuple(row) for row in recorder.tape().trades.tolist()]
    assert trades == TRADES


def test_ticks_of_the_clock_change_nothing_but_how_often_the_divergence_is_kept() -> None:
    batch, books, tally = play(substeps=4)
    assert books == RECORDED_BOOKS
    assert differing(tally) == {}
    assert divergence(batch) == [0.0] * 4 * SECONDS


def test_a_better_own_order_is_hit_instead_and_what_it_displaces_is_counted() -> None:
    batch, books, tally = play(own(0, 1, 1000.0, 4))
    assert differing(tally) == {"diverted_lots": 4, "displaced_lots": 4, "reproduced_fills": 2}
    cash_per_tick_lot = batch.environment.spec.cash_per_tick_lot
    assert account(batch, "own") == (4, -4 * 1000 * cash_per_tick_lot)
    # The displaced part of the recorded order leaves as it does in the record: the book is the recorded one again.
    assert books[1] == ([(1000, 4), (999, 15)], RECORDED_BOOKS[1][1])
    assert books[2:] == RECORDED_BOOKS[2:]
    assert divergence(batch) == [0.5, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_an_own_order_behind_the_recorded_one_displaces_nothing() -> None:
    batch, books, tally = play(own(0, 1, 999.0, 4))
    assert differing(tally) == {}
    assert account(batch, "own") == (0, 0)
    assert books[-1] == ([(999, 13)], [(1002, 9)])


def test_what_an_own_order_takes_heals_as_the_recorded_order_ends() -> None:
    batch, books, tally = play(own(0, 1, 0.0, 10))
    assert differing(tally) == {}, "the ask that it took is canceled in the record, and nobody else wanted it"
    assert account(batch, "own")[0] == 10
    assert books[1] == ([(999, 15)], [(1002, 10)])
    assert books[4:] == RECORDED_BOOKS[4:]
    assert divergence(batch) == [0.5, 0.5, 0.5, 0.0, 0.0, 0.0]


def test_a_part_that_is_gone_is_not_canceled_or_filled_twice() -> None:
    _, books, tally = play(own(0, 1, 0.0, 12))
    assert differing(tally) == {}
    assert books[-1] == ([(999, 9)], [(1002, 7)])
    _, books, tally = play(own(1, -1, 999.0, 13))  # 10 of the first bid, 3 of the second, of which 2 are canceled later
    assert differing(tally) == {"reproduced_fills": 2, "unexecuted_lots": 2}
    assert books[3] == ([], RECORDED_BOOKS[3][1])


def test_an_aggressor_that_finds_nothing_at_its_price_is_lost() -> None:
    batch, books, tally = play(own(0, 1, 0.0, 20))
    assert differing(tally) == {"unexecuted_lots": 1, "reproduced_fills": 2}
    assert books[1] == ([(999, 15)], [])
    assert books[-1] == ([(999, 9)], [])
    assert np.isnan(divergence(batch)).all()


def test_a_recorded_order_trades_with_an_own_one_that_it_meets() -> None:
    batch, books, tally = play(own(4, 1, 1001.0, 5))
    assert differing(tally) == {"crossed_lots": 5, "reproduced_fills": 1}
    assert account(batch, "own")[0] == 5
    assert books[-1] == ([(999, 9)], [(1002, 4)])


@pytest.mark.parametrize(("delay", "diverted"), [(0.4, 4), (0.6, 0)])
def test_messages_and_delayed_commands_arrive_in_the_order_of_their_times(delay: float, diverted: int) -> None:
    late = replace(own(1, 1, 1000.0, 4), latency=Latency(entry=Delay(floor_ns=delay * 1e9)))
    _, _, tally = play(late)
    assert tally["diverted_lots"] == diverted


def test_a_session_begins_with_the_book_of_its_time() -> None:
    batch = BatchMarket(replaying(TAPE, start=3.0, session_steps=2), 1)
    batch.reset([0])
    assert levels_of(batch) == RECORDED_BOOKS[3]
    assert batch.markets[0]["public"]["reference_ticks"] == 1000.0
    batch.step(no_actions(batch))
    assert levels_of(batch) == RECORDED_BOOKS[4]


def test_warm_up_steps_are_recorded_time_before_the_session() -> None:
    batch = BatchMarket(replaying(TAPE, start=3.0, session_steps=2, warmup_steps=3), 1)
    batch.reset([0])
    assert levels_of(batch) == RECORDED_BOOKS[3]
    assert batch.markets[0]["public"]["step"] == 0


def test_the_seed_draws_where_a_session_begins() -> None:
    batch = BatchMarket(replaying(TAPE, start=None, session_steps=2), 64)
    batch.reset(range(64))
    opening = [levels_of(batch, market) for market in range(64)]
    between = ([(999, 9)], [(1001, 7), (1002, 10)])
    assert {str(book) for book in opening} == {str(book) for book in (*RECORDED_BOOKS, between)}
    batch.reset(range(64))
    assert opening == [levels_of(batch, market) for market in range(64)]


def finished(batch: BatchMarket) -> tuple[Any, ...]:
    while True:
        step = batch.step(no_actions(batch))
        if step.truncated:
            results = batch.replay_results()
            assert results is not None
            return levels_of(batch, 0), levels_of(batch, 1), results.tally.tobytes(), results.divergence_ticks.tobytes()


def test_whole_sessions_in_one_call_are_the_same() -> None:
    batch = BatchMarket(replaying(TAPE), 1)
    batch.reset([7])
    recorder = TapeRecorder(batch)
    recorder.open()
    batch.play(SECONDS, recorders=[recorder])
    tape = recorder.tape()
    assert levels_of(batch) == RECORDED_BOOKS[-1]
    assert [tuple(row) for row in tape.trades.tolist()] == TRADES
    assert tape.quotes["time_ns"].tolist() == [seconds(time) for time in (0, 0.5, 1.5, 2.5, 3.5, 4.2, 4.5, 4.5)]


def test_a_copy_a_pickle_and_a_state_go_on_alike() -> None:
    batch = BatchMarket(replaying(TAPE, own(0, 1, 1000.0, 4), start=None, session_steps=4), 2)
    batch.reset([3, 4])
    batch.step(no_actions(batch))
    state, clone, pickled = batch.get_state(), batch.clone(), pickle.dumps(batch)
    expected = finished(batch)
    assert finished(clone) == expected
    assert finished(pickle.loads(pickled)) == expected
    batch.reset([8, 9])
    batch.set_state(state)
    assert finished(batch) == expected
    many = BatchMarket(batch.environment, 3)
    many.set_state(state.take([1, 1, 0]))
    assert finished(many)[:2] == (expected[1], expected[1])


def test_other_markets_of_a_batch_may_play_without_the_recording() -> None:
    described = replaying(TAPE, own(0, 1, 1000.0, 4))
    batch = BatchMarket(described, 2)
    batch.set_lineup([{}, {"recorded": Once(0, -1, 1003.0, 6)}])
    batch.reset([7, 7])
    for _ in range(SECONDS):
        batch.step(no_actions(batch))
    assert levels_of(batch, 0) == RECORDED_BOOKS[-1]
    assert levels_of(batch, 1) == ([(1000, 4)], [(1003, 18)])
    results = batch.replay_results()
    assert results is not None
    assert results.tally["messages"].tolist() == [9, 0]
    assert np.isnan(results.divergence_ticks[:, 1]).all()


def test_a_market_without_a_recording_has_no_results() -> None:
    batch = BatchMarket(replace(replaying(TAPE), groups=[Group("outside", External())]), 1)
    batch.reset([0])
    assert batch.replay_results() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seats": 1}, "recorded.count is 1; the recording has up to 4 orders at one time and 4 messages in one step"),
        ({"tick_size": 0.02}, "the recording has a tick_size of 0.01; market.tick_size is another"),
        ({"session_steps": 60, "start": None}, "take 59 s and a step; the longest session of the recording has 6 s"),
        ({"start": 5.5}, "from start_seconds 5.5 on; the longest session of the recording has 6 s"),
        ({"rules": Rules(opening_auction_steps=2)}, "a recording replays in continuous trading"),
    ],
)
def test_a_recording_that_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchMarket(replaying(TAPE, **changes), 1)


def test_two_recordings_in_one_market_are_refused() -> None:
    other = Group("other", Replay(Recorded(TAPE), 0.0), 3)
    with pytest.raises(ValueError, match=r"population.other replays a recording, and so does another group"):
        BatchMarket(replaying(TAPE, other), 1)


def test_a_log_of_commands_would_lack_the_recorded_messages() -> None:
    with pytest.raises(ValueError, match="no commands that a log could keep"):
        CommandRecorder(BatchMarket(replaying(TAPE), 1))
