import numpy as np
import pytest

from marl_market.market.bars import BAR, Bars, bars_of_tape
from marl_market.market.candles import candles
from marl_market.market.fundamental import PriceSeries
from marl_market.market.tape import FLOW, QUOTE, TRADE, Side, Tape

SECOND = 1_000_000_000


def bars(times: list[int], closes: list[float]) -> Bars:
    rows = np.zeros(len(times), BAR)
    rows["time_ns"] = times
    rows["close"] = closes
    return Bars(rows)


GAPPED = bars([0, 60, 120, 300, 360], [1.0, 2.0, 4.0, 1.0, 2.0])


def test_returns_are_those_of_neighbors_and_none_is_taken_across_a_gap() -> None:
    assert GAPPED.interval_ns == 60
    assert GAPPED.gaps.tolist() == [[180, 300]]
    assert GAPPED.returns() == pytest.approx([np.log(2.0)] * 3)
    assert GAPPED.volatility() == pytest.approx(0.0)
    assert [len(session.rows) for session in GAPPED.sessions()] == [3, 2]


def test_the_path_of_a_fundamental_is_the_longest_session() -> None:
    assert GAPPED.price_series(2, published=True) == PriceSeries((1.0, 2.0, 4.0), 2, published=True)


def test_one_bar_has_no_return() -> None:
    one = bars([0], [1.0])
    assert (one.interval_ns, one.gaps.shape, one.returns().size) == (0, (0, 2), 0)
    with pytest.raises(ValueError, match="the bars have 0 returns; volatility needs two or more"):
        one.volatility()


def test_a_simulated_tape_is_measured_by_the_same_bars() -> None:
    trades = [
        (0, 100, Side.BUY, 2),
        (SECOND // 2, 104, Side.BUY, 1),
        (SECOND, 102, Side.SELL, 3),
        (2 * SECOND, 99, 0, 1),
    ]
    tape = Tape(0.5, 10.0, np.zeros(0, QUOTE), np.array(trades, TRADE), np.zeros(0, FLOW))
    made = bars_of_tape(tape, SECOND)
    assert made.rows[["time_ns", "open", "high", "low", "close", "volume"]].tolist() == [
        (0, 50.0, 52.0, 50.0, 52.0, 30.0),
        (SECOND, 51.0, 51.0, 51.0, 51.0, 30.0),
        (2 * SECOND, 49.5, 49.5, 49.5, 49.5, 10.0),
    ]
    assert len(made.rows) == len(candles(tape, SECOND))
    assert made.returns() == pytest.approx(np.diff(np.log([52.0, 51.0, 49.5])))
