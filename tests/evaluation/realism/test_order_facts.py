"""Facts of messages and of the lives of orders, on tapes worked out by hand."""

import numpy as np
import pytest

from marl_market.evaluation.realism.inter_arrival import (
    inter_arrival,
    inter_arrival_variation,
    log_inter_arrival,
    share_below_millisecond,
)
from marl_market.evaluation.realism.intraday import half_hour_of_trade
from marl_market.evaluation.realism.lifetimes import (
    log_time_to_cancel,
    log_time_to_fill,
    log_time_to_first_fill,
    outcome_share,
)
from marl_market.evaluation.realism.offsets import depth_from_mid, limit_offset
from marl_market.evaluation.realism.rates import rate
from marl_market.evaluation.realism.resting_orders import book_lots, level_lots, level_of_order
from marl_market.evaluation.realism.sizes import cancel_size, limit_size, market_size, modal_size_share
from marl_market.evaluation.realism.volume import traded_lots_a_minute, volume_volatility
from tests.evaluation.realism.toy import BUY, CANCEL, CANCELED, FILLED, LIMIT, MARKET, OPEN, SELL, tape

FLOW = [
    (1.0, LIMIT, BUY, 98, 4, 100),
    (1.0005, LIMIT, SELL, 105, 5, 100),
    (2.0005, CANCEL, BUY, 98, 4, 40),
    (9.0, MARKET, BUY, 102, 0, 7),
    (9.5, LIMIT, SELL, 103, 3, 30),
]
QUOTES = [(0.0, 100, 102, 5, 5), (9.0, 100, 103, 5, 5)]


def test_sizes_offsets_and_rates() -> None:
    toy = tape(QUOTES, flow=FLOW, sessions=[(0.0, 10.0)])
    assert limit_size(toy).tolist() == [100, 100, 30]
    assert cancel_size(toy).tolist() == [40]
    assert market_size(toy).tolist() == [7]
    assert limit_offset(toy).tolist() == [4, 5, 3]
    assert modal_size_share(toy) == pytest.approx(2 / 3)
    assert [rate(toy, kind) for kind in (LIMIT, CANCEL, MARKET)] == pytest.approx([0.3, 0.1, 0.1])


def test_depths_count_half_ticks_from_the_mid_just_before() -> None:
    toy = tape(QUOTES, flow=FLOW, sessions=[(0.0, 10.0)])
    assert depth_from_mid(toy, LIMIT, BUY).tolist() == [2 * (101 - 98)]
    assert depth_from_mid(toy, LIMIT, SELL).tolist() == [2 * (105 - 101), 2 * 103 - 203]
    assert depth_from_mid(toy, CANCEL, BUY).tolist() == [6]


def test_inter_arrival_times_stay_within_a_session() -> None:
    toy = tape(QUOTES, flow=FLOW, sessions=[(0.0, 3.0), (8.0, 10.0)])
    assert inter_arrival(toy).tolist() == pytest.approx([0.0005, 1.0, 0.5])
    assert log_inter_arrival(toy).tolist() == pytest.approx(np.log10([0.0005, 1.0, 0.5]).tolist())
    assert share_below_millisecond(toy) == pytest.approx(1 / 3)
    times = np.array([0.0005, 1.0, 0.5])
    assert inter_arrival_variation(toy) == pytest.approx(times.std() / times.mean())


def test_equal_times_count_as_a_microsecond() -> None:
    assert log_inter_arrival(tape(flow=[FLOW[0], FLOW[0]])).tolist() == [-6.0]


def test_the_lives_of_orders() -> None:
    toy = tape(
        orders=[
            (0.0, 10.0, 0.0, CANCELED, BUY, 100, 5, 0),
            (0.0, 0.00001, 0.0, CANCELED, BUY, 100, 5, 0),
            (1.0, 2.0, 1.1, CANCELED, BUY, 100, 5, 2),
            (2.0, 102.0, 3.0, FILLED, SELL, 101, 5, 5),
            (2.0, 110.0, 0.0, OPEN, SELL, 101, 5, 0),
        ],
        sessions=[(0.0, 110.0)],
    )
    assert log_time_to_cancel(toy).tolist() == pytest.approx([1.0, -4.0, 0.0])
    assert log_time_to_first_fill(toy).tolist() == pytest.approx([-1.0, 0.0])
    assert log_time_to_fill(toy).tolist() == pytest.approx([2.0])
    assert outcome_share(toy, CANCELED) == 0.75
    assert outcome_share(toy, FILLED) == 0.25


def test_levels_of_the_book_are_those_of_the_orders_that_rest() -> None:
    toy = tape(
        [(0.0, 100, 102, 5, 5)],
        flow=[
            (5.0, LIMIT, BUY, 99, 3, 1),
            (15.0, LIMIT, BUY, 97, 5, 1),
            (15.0, LIMIT, BUY, 101, 1, 1),
            (25.0, CANCEL, BUY, 96, 6, 1),
        ],
        orders=[
            (1.0, 14.0, 0.0, CANCELED, BUY, 100, 5, 0),
            (2.0, 31.0, 12.0, CANCELED, BUY, 98, 7, 3),
            (3.0, 31.0, 0.0, OPEN, BUY, 98, 2, 0),
            (4.0, 12.0, 0.0, CANCELED, BUY, 96, 8, 0),
            (20.5, 31.0, 0.0, OPEN, BUY, 96, 1, 0),
            (1.0, 31.0, 0.0, OPEN, SELL, 102, 6, 0),
        ],
        sessions=[(0.0, 31.0)],
    )
    # At 10 s: 5 at 100, 9 at 98, 8 at 96; at 20 s: 6 at 98; at 30 s: 6 at 98, 1 at 96.
    assert book_lots(toy, BUY).tolist() == [22, 6, 7]
    assert book_lots(toy, SELL).tolist() == [6, 6, 6]
    assert level_lots(toy, 1) == pytest.approx((5 + 6 + 6 + 18) / 6)
    assert level_lots(toy, 2) == pytest.approx((9 + 1) / 6)
    assert level_of_order(toy, LIMIT, BUY).tolist() == [1, 1, 0]
    assert level_of_order(toy, CANCEL, BUY).tolist() == [1]


def test_without_the_lives_of_orders_the_book_is_unknown() -> None:
    toy = tape(QUOTES, flow=FLOW, sessions=[(0.0, 100.0)])
    assert book_lots(toy, BUY).tolist() == level_of_order(toy, LIMIT, BUY).tolist() == []
    assert log_time_to_cancel(toy).tolist() == []
    assert np.isnan(level_lots(toy, 1))
    assert np.isnan(outcome_share(toy, FILLED))


def test_lots_are_counted_in_whole_minutes_of_a_session() -> None:
    trades = [
        (10.0, 101, BUY, 5),
        (59.0, 101, BUY, 2),
        (130.0, 101, BUY, 4),
        (200.0, 101, BUY, 8),
        (290.0, 101, BUY, 3),
    ]
    toy = tape([(0.0, 100, 102, 1, 1)], trades, sessions=[(0.0, 150.0), (200.0, 320.0)])
    assert traded_lots_a_minute(toy).tolist() == [7, 0, 8, 3]


def test_volume_and_volatility_of_a_minute() -> None:
    quotes = [(0.0, 100, 102, 1, 1), (70.5, 103, 105, 1, 1), (150.5, 102, 104, 1, 1)]
    trades = [(10.0, 101, BUY, 1), (75.0, 101, BUY, 7), (130.0, 101, BUY, 3)]
    toy = tape(quotes, trades, sessions=[(0.0, 180.0)])
    # Moves of the mid in half ticks: 0, 6 and 2.
    assert volume_volatility(toy) == pytest.approx(np.corrcoef([1, 7, 3], [0, 6, 2])[0, 1])


def test_the_shape_of_a_day_needs_a_day() -> None:
    trades = [(100.0, 101, BUY, 5), (1900.0, 101, BUY, 2), (7300.0, 101, BUY, 4)]
    assert half_hour_of_trade(tape(trades=trades, sessions=[(0.0, 4 * 3600.0)])).tolist() == [0, 1, 4]
    assert half_hour_of_trade(tape(trades=trades, sessions=[(0.0, 2 * 3600.0)])).tolist() == []
