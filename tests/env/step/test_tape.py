"""The tape that a step writes of every market is the one that a recorder takes of a single one."""

import numpy as np
import pytest

from marl_market.env.batch_market import BatchMarket
from marl_market.env.recording.tape import TapeRecorder
from tests.builders import actions, environment, market_spec

STEPS, MARKETS = 40, 3


@pytest.mark.parametrize("threads", [1, 2])
def test_the_tape_of_every_market_is_what_a_recorder_takes(threads: int) -> None:
    spec = market_spec(session_steps=STEPS)
    batch = BatchMarket(environment(spec=spec), MARKETS, threads, records_tape=True)
    assert batch.tape.shape == (STEPS, MARKETS)
    recorders = [TapeRecorder(batch, market) for market in range(MARKETS)]
    public = batch.markets["public"]
    batch.reset([1, 2, 3])
    for recorder in recorders:
        recorder.open()
    for step, action in enumerate(actions(batch, STEPS)):
        batch.step(action)
        for recorder in recorders:
            recorder.record()
        assert (batch.tape["reference_ticks"][step] == public["reference_ticks"]).all()
        assert (batch.tape["last_trade_ticks"][step] == public["last_trade_ticks"]).all()
    ends = spec.step_ns * np.arange(1, STEPS + 1)
    for market, recorder in enumerate(recorders):
        tape, columns = recorder.tape(), batch.tape[:, market]
        quotes = tape.quotes[np.searchsorted(tape.quotes["time_ns"], ends, side="left") - 1]
        for name in ("bid_price_ticks", "bid_quantity_lots", "ask_price_ticks", "ask_quantity_lots"):
            np.testing.assert_array_equal(columns[name], quotes[name])
        step = tape.trades["time_ns"] // spec.step_ns
        np.testing.assert_array_equal(columns["trades"], np.bincount(step, minlength=STEPS))
        for name, side in (("bought_lots", 1), ("sold_lots", -1)):
            lots = np.where(tape.trades["aggressor_side"] == side, tape.trades["quantity_lots"], 0)
            np.testing.assert_array_equal(columns[name], np.bincount(step, lots, STEPS))
        assert columns["trades"].sum() > 0


def test_a_batch_keeps_no_tape_unless_it_is_asked_for() -> None:
    batch = BatchMarket(environment(), 1)
    batch.reset([1])
    batch.step(actions(batch, 1)[0])
    assert batch.tape.size == 0
