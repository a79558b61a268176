"""Every recorder is driven by the same two calls, records any market, and begins anew at each session."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.recorder import Recorder
from marl_market.env.recording.commands import CommandRecorder
from marl_market.env.recording.feed import FeedRecorder
from marl_market.env.recording.tape import TapeRecorder
from marl_market.env.rendering.market_view import MarketView
from marl_market.exchange.command_stream import event_digest
from marl_market.exchange.replay import replay
from tests.builders import actions, environment

RECORDERS: dict[str, tuple[Callable[[BatchMarket, int], Any], Callable[[Any], Any]]] = {
    "tape": (TapeRecorder, lambda recorder: recorder.tape().digest()),
    "commands": (CommandRecorder, lambda recorder: event_digest(replay(recorder.log())[0])),
    "feed": (FeedRecorder, lambda recorder: list(recorder.messages)),
    "view": (
        lambda batch, market: MarketView(batch, {}, market),
        lambda view: (list(view.seconds), repr(view.best), list(view.prints)),
    ),
}


def play(batch: BatchMarket, recorder: Recorder, seeds: list[int], given: NDArray[np.float32]) -> None:
    batch.reset(seeds)
    recorder.open()
    for action in given:
        batch.step(action)
        recorder.record()


@pytest.mark.parametrize(("build", "result"), RECORDERS.values(), ids=RECORDERS)
def test_a_recorder_opened_again_records_the_new_session_alone(build: Any, result: Any) -> None:
    batch = BatchMarket(environment(), 1)
    given, used, fresh = actions(batch, 12), build(batch, 0), build(batch, 0)
    play(batch, used, [1], given)
    first = result(used)
    play(batch, used, [2], given)
    second = result(used)
    play(batch, fresh, [2], given)
    assert first != second == result(fresh)


@pytest.mark.parametrize(("build", "result"), RECORDERS.values(), ids=RECORDERS)
def test_a_recorder_of_any_market_records_that_market_as_if_it_were_alone(build: Any, result: Any) -> None:
    several, one, results = BatchMarket(environment(), 3), BatchMarket(environment(), 1), []
    given = actions(several, 12)
    for market in range(3):
        among, alone = build(several, market), build(one, 0)
        play(several, among, [4, 5, 6], given)
        play(one, alone, [4 + market], given[:, market : market + 1])
        assert result(among) == result(alone)
        results.append(result(alone))
    assert results[0] != results[1] != results[2]


def test_a_tape_needs_a_session() -> None:
    batch = BatchMarket(environment(), 1)
    batch.reset([1])
    with pytest.raises(RuntimeError, match="call open after the reset"):
        TapeRecorder(batch).record()
