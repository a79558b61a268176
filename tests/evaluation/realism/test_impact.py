"""Response, mark-out and order-flow imbalance, on tapes worked out by hand."""

import numpy as np
import pytest

from marl_market.evaluation.realism import mark_out, response
from marl_market.evaluation.realism.order_flow_imbalance import (
    contributions,
    imbalance_given_tick,
    imbalance_r2,
    imbalance_slope,
    order_flow_imbalance,
)
from marl_market.market.tape import QUOTE, TRADE, Tape
from tests.evaluation.realism.toy import BUY, MARKET, SELL, ns, tape

# Mids: 101 up to 2 s, 103 up to 5 s, 100 afterwards.
QUOTES = [(0.0, 100, 102, 5, 5), (2.0, 102, 104, 5, 5), (5.0, 99, 101, 5, 5)]
TRADES = [(2.0, 102, BUY, 3), (4.0, 102, SELL, 1), (4.0, 101, SELL, 1), (5.5, 100, 0, 50)]
ORDERS = [(2.0, MARKET, BUY, 102, 0, 3), (4.0, MARKET, SELL, 101, 1, 2)]


def toy(sessions: list[tuple[float, float]]) -> Tape:
    return tape(QUOTES, TRADES, ORDERS, sessions=sessions)


def test_the_response_counts_from_the_mid_just_before() -> None:
    market = toy([(0.0, 10.0)])
    assert response.response_in_seconds(market, 1) == pytest.approx((2 + 3) / 2)
    assert response.response_in_seconds(market, 3) == pytest.approx((-1 + 3) / 2)
    assert response.response_in_trades(market, 1) == pytest.approx(2.0)
    assert np.isnan(response.response_in_trades(market, 2))


def test_what_lies_beyond_the_end_of_a_session_is_not_measured() -> None:
    market = toy([(0.0, 4.5)])
    assert response.response_in_seconds(market, 1) == pytest.approx(2.0)
    assert np.isnan(response.response_in_seconds(market, 10))
    assert mark_out.mark_out_in_seconds(market, 1) == pytest.approx(102 - 103)
    assert np.isnan(mark_out.mark_out_in_seconds(market, 10))
    split = toy([(0.0, 3.0), (3.5, 10.0)])
    assert np.isnan(response.response_in_trades(split, 1))
    assert np.isnan(mark_out.mark_out_in_trades(split, 1))


def test_the_mark_out_is_what_passive_volume_keeps() -> None:
    market = toy([(0.0, 10.0)])
    earned = (3 * (102 - 101) + (103 - 102) + (103 - 101)) / 5
    kept = (3 * (102 - 103) + (100 - 102) + (100 - 101)) / 5
    assert mark_out.half_spread_earned(market) == pytest.approx(earned)
    assert mark_out.mark_out_in_seconds(market, 1) == pytest.approx(kept)
    assert mark_out.adverse_selection(market, 1) == pytest.approx(earned - kept)
    assert mark_out.mark_out_in_trades(market, 1) == pytest.approx(102 - 103)


def test_tapes_without_trades_or_quotes_have_no_response() -> None:
    for market in (tape(QUOTES, sessions=[(0.0, 9.0)]), tape(trades=TRADES, flow=ORDERS), tape()):
        assert np.isnan(response.response_in_seconds(market, 1))
        assert np.isnan(mark_out.half_spread_earned(market))
        assert np.isnan(mark_out.mark_out_in_trades(market, 1))


def test_the_imbalance_of_each_kind_of_change() -> None:
    market = tape(
        [
            (0.0, 100, 103, 5, 5),
            (1.0, 100, 103, 8, 5),  # 3 lots more at the bid
            (2.0, 101, 103, 2, 5),  # a new best bid of 2 lots
            (3.0, 100, 103, 8, 5),  # which is gone again
            (4.0, 100, 103, 8, 1),  # 4 lots fewer at the ask
            (5.0, 100, 104, 8, 6),  # the last lot of the ask is gone
            (6.0, 100, 103, 8, 9),  # a new best ask of 9 lots
        ]
    )
    assert contributions(market).tolist() == [0, 3, 2, -2, 4, 1, -9]


def linear_market(count: int, lots_a_tick: int) -> Tape:
    """Return a market whose mid moves a tick for every `lots_a_tick` lots of imbalance, by new and lost levels."""
    quotes = np.zeros(count, QUOTE)
    steps = np.where(np.random.default_rng(3).random(count) < 0.5, -1, 1)
    mid = 10_000 + np.cumsum(steps)
    quotes["time_ns"] = ns(np.arange(count))
    quotes["bid_price_ticks"], quotes["ask_price_ticks"] = mid - 1, mid + 1
    quotes["bid_quantity_lots"] = quotes["ask_quantity_lots"] = lots_a_tick // 2
    return Tape(1.0, 1.0, quotes, np.zeros(0, TRADE), tape().flow, tape().orders, ns([[0, count]]))


def test_the_regression_of_moves_on_imbalance() -> None:
    market = linear_market(5000, 50)
    assert imbalance_r2(market) == pytest.approx(1.0)
    assert imbalance_slope(market) == pytest.approx(100 / 50)


def test_the_rolling_imbalance_is_a_mean_of_a_hundred_changes() -> None:
    market = linear_market(400, 50)
    imbalance = order_flow_imbalance(market)
    assert len(imbalance) == 300
    assert imbalance[0] == pytest.approx(contributions(market)[1:101].mean())
    given = [imbalance_given_tick(market, direction) for direction in (1, 0, -1)]
    assert sum(map(len, given)) == 300
    assert given[0].min() > 0
    assert not given[1].any()
    assert given[2].max() < 0


def test_without_quotes_there_is_no_imbalance() -> None:
    assert order_flow_imbalance(tape()).tolist() == contributions(tape()).tolist() == []
    assert np.isnan(imbalance_r2(tape()))
    assert np.isnan(imbalance_slope(tape(QUOTES)))
