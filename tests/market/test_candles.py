import numpy as np
import pandas as pd
import pytest

from marl_market.market.candles import candle_frame, candles
from marl_market.market.tape import FLOW, QUOTE, TRADE, Side, Tape

SECOND = 1_000_000_000


def tape_of(*trades: tuple[int, int, int]) -> Tape:
    rows = [(time, price, Side.BUY, quantity) for time, price, quantity in trades]
    return Tape(0.5, 2.0, np.zeros(0, QUOTE), np.array(rows, TRADE), np.zeros(0, FLOW))


TAPE = tape_of(
    (3 * SECOND - 1, 100, 1),
    (3 * SECOND, 104, 2),  # a window has its begin and not its end
    (3 * SECOND + 5, 101, 3),
    (4 * SECOND - 1, 103, 4),
    (7 * SECOND, 90, 5),
    (7 * SECOND, 95, 1),
)


def test_candles_worked_out_by_hand() -> None:
    assert candles(TAPE, SECOND).tolist() == [
        (2 * SECOND, 100, 100, 100, 100, 1),
        (3 * SECOND, 104, 104, 101, 103, 9),
        (4 * SECOND, 103, 103, 103, 103, 0),
        (5 * SECOND, 103, 103, 103, 103, 0),
        (6 * SECOND, 103, 103, 103, 103, 0),
        (7 * SECOND, 90, 95, 90, 95, 6),
    ]
    assert candles(TAPE, 5 * SECOND).tolist() == [(0, 100, 104, 100, 103, 10), (5 * SECOND, 90, 95, 90, 95, 6)]


def test_windows_before_the_origin_begin_at_whole_multiples_too() -> None:
    assert candles(tape_of((-1, 7, 1), (0, 8, 1)), 10)["time_ns"].tolist() == [-10, 0]


def test_no_trades_make_no_candles() -> None:
    assert candles(tape_of(), SECOND).size == 0
    assert candle_frame(tape_of(), SECOND).empty


@pytest.mark.parametrize("window", [0, -SECOND])
def test_a_window_is_above_zero(window: int) -> None:
    with pytest.raises(ValueError, match=f"^window_ns is {window}; a window must be above zero$"):
        candles(TAPE, window)


def test_a_frame_is_in_currency_and_units() -> None:
    frame = candle_frame(TAPE, SECOND)
    assert list(frame.columns) == ["open", "high", "low", "close", "volume"]
    assert frame.loc["3s"].to_numpy().tolist() == [52.0, 52.0, 50.5, 51.5, 18.0]


def test_pandas_resamples_to_the_same_candles() -> None:
    random = np.random.default_rng(1)
    times = np.sort(random.integers(0, 400 * SECOND, 300))
    prices, quantities = random.integers(1, 99, 300), random.integers(1, 9, 300)
    tape = tape_of(*zip(times.tolist(), prices.tolist(), quantities.tolist(), strict=True))
    trades = pd.DataFrame({"price": prices, "quantity": quantities}, index=pd.to_datetime(times))
    windows = trades.resample("3s", origin="epoch")
    bars = windows["price"].ohlc()
    volume = windows["quantity"].sum()
    bars["close"] = bars["close"].ffill()
    for name in ("open", "high", "low"):
        bars[name] = bars[name].fillna(bars["close"])
    rows = candles(tape, 3 * SECOND)
    for name in ("open", "high", "low", "close"):
        assert rows[f"{name}_ticks"].tolist() == bars[name].astype(int).tolist()
    assert rows["volume_lots"].tolist() == volume.tolist()
    assert (rows["volume_lots"] == 0).any()
