"""Open, high, low, close and volume of windows of time, from trades."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marl_market.market.tape import Tape

CANDLE = np.dtype(
    [
        ("time_ns", np.int64),  # begin of the window
        ("open_ticks", np.int32),
        ("high_ticks", np.int32),
        ("low_ticks", np.int32),
        ("close_ticks", np.int32),
        ("volume_lots", np.int64),
    ]
)


def candles(tape: Tape, window_ns: int) -> NDArray[np.void]:
    """Return the CANDLE of each window from the first trade's to the last trade's, without a gap.

    Windows begin at whole multiples of `window_ns` and exclude their end. One without a trade stays at the close
    before it and has no volume. Raises ValueError for a window that is not above zero.
    """
    if window_ns <= 0:
        raise ValueError(f"window_ns is {window_ns}; a window must be above zero")
    trades = tape.trades
    if not trades.size:
        return np.zeros(0, CANDLE)
    window = trades["time_ns"] // window_ns
    first = np.flatnonzero(np.diff(window, prepend=window[0] - 1))
    last = np.append(first[1:], trades.size) - 1
    every = np.arange(window[0], window[-1] + 1)
    # Of each window, the last window with a trade: its own where it has one.
    place = np.searchsorted(window[first], every, side="right") - 1
    traded = window[first][place] == every
    price = trades["price_ticks"]
    close = price[last][place]
    rows = np.zeros(every.size, CANDLE)
    rows["time_ns"] = every * window_ns
    rows["open_ticks"] = np.where(traded, price[first][place], close)
    rows["high_ticks"] = np.where(traded, np.maximum.reduceat(price, first)[place], close)
    rows["low_ticks"] = np.where(traded, np.minimum.reduceat(price, first)[place], close)
    rows["close_ticks"] = close
    rows["volume_lots"] = np.where(traded, np.add.reduceat(trades["quantity_lots"], first)[place], 0)
    return rows


def candle_frame(tape: Tape, window_ns: int) -> pd.DataFrame:
    """Return the candles in currency and units: columns open, high, low, close, volume by time since the origin."""
    rows = candles(tape, window_ns)
    prices = {name: rows[f"{name}_ticks"] * tape.tick_size for name in ("open", "high", "low", "close")}
    index = pd.TimedeltaIndex(rows["time_ns"].astype("timedelta64[ns]"), name="time")
    return pd.DataFrame({**prices, "volume": rows["volume_lots"] * tape.lot_size}, index=index)
