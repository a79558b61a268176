"""A tape sampled at the steps of a market: by hand, and against the market's own rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.env.recording.sampled_tape import sampled_sessions
from marl_market.market.tape import FLOW, QUOTE, TRADE, Side, Tape
from tests.agents.realism.conftest import played
from tests.builders import market_spec

SECOND = 1_000_000_000
SPEC = market_spec()


def tape(**changes: Any) -> Tape:
    quotes = [(SECOND // 2, 99, 0, 5, 0), (3 * SECOND // 2, 99, 102, 5, 7), (3 * SECOND, 98, 101, 4, 6)]
    trades = [
        (SECOND, 100, Side.BUY, 2),
        (2 * SECOND, 101, Side.BUY, 3),
        (2 * SECOND + 5, 99, Side.SELL, 4),
        (4 * SECOND, 98, 0, 9),
    ]
    fields = {"quotes": np.array(quotes, QUOTE), "trades": np.array(trades, TRADE), "flow": np.zeros(0, FLOW)}
    return Tape(0.01, 1.0, **fields, sessions=np.array([[0, 5 * SECOND]]), **changes)


def test_a_step_has_its_trades_and_the_quote_before_its_end() -> None:
    ((start_ns, rows),) = sampled_sessions(tape(), SPEC)
    assert start_ns == SECOND
    # the first second has one side only; steps 1 .. 4 remain
    assert rows.shape == (4, 1)
    row = rows[:, 0]
    assert row["bid_price_ticks"].tolist() == [99, 99, 98, 98]
    assert row["ask_price_ticks"].tolist() == [102, 102, 101, 101]
    assert row["ask_quantity_lots"].tolist() == [7, 7, 6, 6]
    assert row["reference_ticks"].tolist() == [100.5, 100.5, 99.5, 99.5]
    assert row["trades"].tolist() == [1, 2, 0, 1]
    assert row["bought_lots"].tolist() == [2, 3, 0, 0]
    assert row["sold_lots"].tolist() == [0, 4, 0, 0]
    assert row["last_trade_ticks"].tolist() == [100, 99, 99, 98]


def test_a_side_without_quotes_keeps_the_reference_price() -> None:
    emptied = replace(tape(), quotes=np.append(tape().quotes, np.array([(4 * SECOND, 0, 101, 0, 6)], QUOTE)))
    ((_, rows),) = sampled_sessions(emptied, SPEC)
    assert rows["reference_ticks"][:, 0].tolist() == [100.5, 100.5, 99.5, 99.5]
    assert rows["bid_quantity_lots"][:, 0].tolist() == [5, 5, 4, 0]


def test_ticks_and_lots_are_those_of_the_market() -> None:
    ((_, rows),) = sampled_sessions(replace(tape(), tick_size=0.02, lot_size=3.0), SPEC)
    assert rows["bid_price_ticks"][0, 0] == 198
    assert rows["ask_quantity_lots"][0, 0] == 21
    assert rows["bought_lots"][:, 0].tolist() == [6, 9, 0, 0]


def test_sessions_stay_apart_and_an_empty_one_is_left_out() -> None:
    sessions = np.array([[0, SECOND], [SECOND, 2 * SECOND], [2 * SECOND, 5 * SECOND]])
    found = sampled_sessions(replace(tape(), sessions=sessions), SPEC)
    assert [len(each.rows) for each in found] == [1, 2]


@pytest.mark.parametrize("seed", [3, 4])
def test_the_rows_of_a_recorded_market_are_its_own(seed: int) -> None:
    recorded, own = played(seed)
    ((_, rows),) = sampled_sessions(recorded, SPEC)
    count = len(rows)
    assert count > 0.9 * len(own)
    for name in rows.dtype.names:
        first = np.flatnonzero(own["trades"][:, 0])[0] if name == "last_trade_ticks" else 0
        np.testing.assert_array_equal(rows[name][first:count], own[name][first:count], err_msg=name)
