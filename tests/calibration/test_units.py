"""A calibrated market trades: its lot and cash unit hold the recorded orders, and none is rejected for its size."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.calibration.readers.coinbase import CoinbaseReader
from marl_market.calibration.targets import market_spec
from marl_market.env.population.group import Group
from marl_market.evaluation.match import play_match
from marl_market.exchange.codes import Reason
from marl_market.market.fees import Fees
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import TRADE, FlowKind, Side
from tests.builders import environment
from tests.calibration.test_targets import SECOND, make_recording

FEED = "coinbase/coinbase_BTC-USD_ETH-USD_2026-07-07_60s.ndjson.gz"
TOO_LARGE = [Reason.QUANTITY_ABOVE_MAXIMUM, Reason.NOTIONAL_ABOVE_MAXIMUM]


def assert_trades(spec: MarketSpec) -> None:
    match = play_match(environment([Group("noise", ZeroIntelligence(), 8)], spec=spec), [1, 2])
    assert match.counts.rejections[..., TOO_LARGE].sum() == 0
    assert (match.trades.sum(1) > 10).all()
    np.testing.assert_array_equal([match.position_error, match.cash_error], 0)


@pytest.mark.parametrize("product", ["ETH-USD", "BTC-USD"])
def test_a_market_calibrated_from_a_real_feed_refuses_no_order_by_its_size(
    data: Callable[[str], Path], product: str
) -> None:
    recording = CoinbaseReader(product=product).read(data(FEED))
    assert_trades(market_spec(recording, "coin", session_steps=60, warmup_steps=30))


@pytest.mark.parametrize("fees", [Fees(), Fees(maker_rate=0.004, taker_rate=0.006)])
def test_calibration_takes_a_lot_of_which_the_orders_of_a_cheap_coin_fit(fees: Fees) -> None:
    """ADA-USD at Coinbase: ticks of 0.0001, quantities to eight decimals, a mean order of 4,687 coins at 0.45."""
    coin = 10**8
    sizes: Sequence[int] = [number * 4_687 * coin // 8 for number in range(1, 16)]
    orders = [
        (number * SECOND // 8, FlowKind.MARKET if number % 4 == 0 else FlowKind.LIMIT, side, 4_500 - 2 * side, 2, size)
        for number, size in enumerate(sizes * 16)
        for side in (Side.BUY, Side.SELL)
    ]
    recording = make_recording(
        quotes=[(second * SECOND, 4_499 + second % 2, 4_502, 9_000 * coin, 9_000 * coin) for second in range(30)],
        flow=orders, tick_size=1e-4, lot_size=1e-8, fees=fees, trades=np.array([], dtype=TRADE),
    )  # fmt: skip
    spec = market_spec(recording, "ada", session_steps=60, warmup_steps=30)
    assert spec.lot_size > recording.lot_size
    assert np.mean(spec.flow.limit_size_lots) * spec.lot_size == pytest.approx(4_687, rel=0.05)
    assert_trades(spec)
