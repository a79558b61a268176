from typing import Any

import numpy as np
import pytest

from marl_market.env.observations.account import Account
from marl_market.env.observations.auction import Auction
from marl_market.env.observations.best_bid_offer import BestBidOffer
from marl_market.env.observations.book import Book
from marl_market.env.observations.candles import Candles
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.events import Events
from marl_market.env.observations.fees import FeeSchedule
from marl_market.env.observations.fills import Fills
from marl_market.env.observations.flow_imbalance import FlowImbalance
from marl_market.env.observations.orders import Orders
from marl_market.env.observations.tape import TradeTape
from marl_market.exchange.codes import Liquidity, Phase, PublicKind
from marl_market.exchange.records import BUY_STOPS, PUBLIC_EVENTS, SEAT_FILLS, SELL_STOPS
from tests.builders import public_record, seat_record, show_levels
from tests.env.calls import observe

# A price scale is 4 ticks, a size scale 6 lots, the reference price 1000, a step one second.
SECOND = 1_000_000_000


def share(lots: float) -> float:
    return lots / (lots + 6)


def with_orders(*orders: tuple[int, int, int, int]) -> Any:
    """Return a seat with open orders (slot, side, price, quantity)."""
    seat = seat_record()
    for slot, side, price, quantity in orders:
        seat["live"] |= np.uint64(1 << slot)
        seat["order"][slot]["side"] = side
        seat["order"][slot]["ladder"] = (1 - side) // 2
        seat["order"][slot]["price_ticks"] = price
        seat["order"][slot]["leaves_quantity"] = quantity
        seat["account"]["open_lots"][(1 - side) // 2] += quantity
    return seat


def test_the_clock_runs_from_one_to_nothing() -> None:
    observed = [observe(Clock(), public_record(step=step), seat_record()) for step in (0, 25, 100)]
    assert observed == [[1.0], [0.75], [0.0]]


def test_the_book_shows_distances_from_the_reference_price_and_damped_quantities() -> None:
    public = public_record()
    show_levels(public, bids=[(998, 6), (990, 18)], asks=[(1003, 2)])
    observed = observe(Book(), public, seat_record())
    middle = 1000.5
    bids = [(998 - middle) / 4, 6 / 12, (990 - middle) / 4, 18 / 24]
    assert observed == pytest.approx(bids + [0.0] * 16 + [(1003 - middle) / 4, 2 / 8] + [0.0] * 18)


def test_the_auction_shows_what_it_would_trade() -> None:
    assert observe(Auction(), public_record(), seat_record()) == [0.0] * 4
    call = {"phase": Phase.AUCTION, "indicative_ticks": 1010, "indicative_lots": 18, "imbalance_lots": -6}
    assert observe(Auction(), public_record(**call), seat_record()) == [1.0, 10 / 4, 0.75, -0.5]
    call |= {"indicative_lots": 0, "imbalance_lots": 0}
    assert observe(Auction(), public_record(**call), seat_record()) == [1.0, 0.0, 0.0, 0.0]


def test_levels_beyond_the_depth_are_zero() -> None:
    public = public_record()
    public["level"]["price_ticks"] = 900
    public["level"]["quantity_lots"] = 5
    assert observe(Book(), public, seat_record()) == [0.0] * 40


def test_the_tape_shows_spread_last_trade_volume_and_imbalance() -> None:
    public = public_record(last_trade_ticks=1009)
    show_levels(public, bids=[(998, 9)], asks=[(1004, 3)])
    public["step_lots"] = (6, 30)
    observed = observe(TradeTape(), public, seat_record())
    assert observed == pytest.approx([6 / 4, (1009 - 1001) / 4, 6 / 12, 30 / 36, (9 - 3) / 12])


@pytest.mark.parametrize(("bids", "asks"), [([(998, 9)], []), ([], [(1004, 3)]), ([], [])], ids=["bid", "ask", "empty"])
def test_without_two_sides_there_is_neither_spread_nor_imbalance(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> None:
    public = public_record(best_bid=950, best_ask=1050)
    show_levels(public, bids, asks)
    assert observe(TradeTape(), public, seat_record()) == [0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_spread_over_the_whole_range_of_prices_does_not_overflow() -> None:
    public = public_record()
    show_levels(public, bids=[(-(2**31) + 1, 1)], asks=[(2**31 - 1, 1)])
    assert observe(TradeTape(), public, seat_record())[0] == pytest.approx((2**32 - 2) / 4)
    assert observe(Book(), public, seat_record())[20] == pytest.approx((2**31 - 1) / 4)


def test_an_account_shows_money_position_and_its_best_open_orders() -> None:
    seat = with_orders((0, 1, 990, 3), (5, 1, 996, 4), (31, 1, 993, 1), (2, -1, 1012, 7), (3, -1, 1008, 2))
    seat["order"][7]["price_ticks"], seat["order"][7]["side"] = 999, 1  # gone: its bit is not set
    for slot, side, ladder, price in ((8, 1, BUY_STOPS, 1005), (9, -1, SELL_STOPS, 0)):  # these are not in the book
        seat["live"] |= np.uint64(1 << slot)
        order = seat["order"][slot]
        order["side"], order["ladder"], order["price_ticks"], order["leaves_quantity"] = side, ladder, price, 5
    public = public_record(reference_ticks=1001.0, twice_mark_ticks=2003)
    account = seat["account"]
    account["cash"], account["position"], account["fees"] = -123_450_000, 12, -700_000
    account["cost"] = cost = 12 * 1000 * 10000
    observed = observe(Account(), public, seat)
    money = 100 * 4 * 6 * 10000
    value = 12 * 2003 * 10000 / 2
    expected = [0.1 * 12 / 6, (-123_450_000 + value) / money, -700_000 / money, 8 / 6, 9 / 6]
    profits = [(-123_450_000 - 700_000 + cost) / money, (value - cost) / money]
    assert observed == pytest.approx([*expected, (996 - 1001) / 4, (1008 - 1001) / 4, *profits], rel=1e-6)


def test_an_account_without_orders_shows_no_distance() -> None:
    assert observe(Account(), public_record(), seat_record()) == [0.0] * 9
    observed = observe(Account(), public_record(), with_orders((4, -1, -5, 1)))
    assert observed[5:] == [0.0, (-5 - 1000) / 4, 0.0, 0.0]


def test_best_bid_and_offer_are_relative_to_the_mid_price() -> None:
    public = public_record()
    show_levels(public, [(997, 6), (996, 1)], [(1001, 2)])
    assert observe(BestBidOffer(), public, seat_record()) == pytest.approx([-0.5, 0.5, 0.5, 0.25])


def test_a_missing_best_bid_or_offer_is_zero() -> None:
    public = public_record()
    show_levels(public, [], [(1006, 2)])
    assert observe(BestBidOffer(), public, seat_record()) == pytest.approx([0, 0, 1.5, 0.25])


def test_events_are_newest_first_and_their_kind_carries_the_side() -> None:
    public = public_record(time_ns=10 * SECOND, event_count=3)
    public["event"][0] = (6 * SECOND, 6, 1000, PublicKind.REST, -1)
    public["event"][1] = (8 * SECOND, 2, 1004, PublicKind.CANCEL, 1)
    public["event"][2] = (9 * SECOND, 12, 994, PublicKind.TRADE, -1)
    written = np.array(observe(Events(), public, seat_record())).reshape(-1, 6)
    np.testing.assert_allclose(written[0], [0, 0, -1, 1, -1.5, share(12)], rtol=1e-6)
    np.testing.assert_allclose(written[1], [0, 1, 0, 1 / 2, 1, share(2)], rtol=1e-6)
    np.testing.assert_allclose(written[2], [-1, 0, 0, 1 / 4, 0, share(6)], rtol=1e-6)
    assert (written[3:] == 0).all()


def test_an_event_far_away_is_observed_at_the_farthest_distance() -> None:
    public = public_record(event_count=2)
    public["event"][0] = (0, 1, 2**31 - 1, PublicKind.REST, -1)
    public["event"][1] = (0, 1, -(2**31) + 1, PublicKind.REST, 1)
    written = np.array(observe(Events(), public, seat_record())).reshape(-1, 6)
    assert written[:2, 4].tolist() == [-20.0, 20.0]


def test_the_oldest_events_give_way() -> None:
    public = public_record(time_ns=100 * SECOND, event_count=PUBLIC_EVENTS + 5)
    for number in range(PUBLIC_EVENTS + 5):
        public["event"][number % PUBLIC_EVENTS] = ((number + 1) * SECOND, 1, 1000, PublicKind.TRADE, 1)
    recency = np.array(observe(Events(), public, seat_record())).reshape(-1, 6)[:, 3]
    np.testing.assert_allclose(1 / recency, 100 - np.arange(PUBLIC_EVENTS + 5, 5, -1), rtol=1e-5)


def test_candles_show_prices_and_the_volume_of_a_step() -> None:
    public = public_record()
    public["candle"][0] = (1, 6, 1000, 1004, 998, 1002)
    public["candle"][1] = (10, 20, 990, 1010, 980, 1000)
    public["candle"][2] = (60, 0, 1001, 1001, 1001, 1001)
    assert observe(Candles(), public, seat_record()) == pytest.approx(
        [0, 1, -0.5, 0.5, 0.5, -2.5, 2.5, -5, 0, share(2), 0.25, 0.25, 0.25, 0.25, 0]
    )


@pytest.mark.parametrize(
    ("before", "now", "lots"),
    [
        (((998, 5), (1002, 7)), ((998, 9), (1002, 7)), 4),  # the bid grows
        (((998, 5), (1002, 7)), ((999, 3), (1002, 7)), 3),  # a better bid is all new
        (((998, 5), (1002, 7)), ((997, 30), (1002, 7)), -5),  # a bid is eaten up
        (((998, 5), (1002, 7)), ((998, 5), (1002, 9)), -2),  # the ask grows
        (((998, 5), (1002, 7)), ((998, 5), (1001, 4)), -4),  # a better ask is all new
        (((998, 5), (1002, 7)), ((998, 5), (1003, 1)), 7),  # an ask is eaten up
        (((998, 5), (1002, 7)), ((999, 3), (1003, 1)), 10),
        (((998, 5), (1002, 7)), (None, (1002, 7)), -5),
        ((None, (1002, 7)), ((998, 5), (1002, 7)), 5),
        ((None, None), (None, (1002, 7)), -7),
        ((None, None), (None, None), 0),
    ],
)
def test_flow_imbalance_follows_cont_kukanov_and_stoikov(before: Any, now: Any, lots: int) -> None:
    public = public_record()
    show_levels(public, [now[0]] if now[0] else [], [now[1]] if now[1] else [])
    for index, quote in enumerate(before):
        if quote:
            public["previous_level"][index, 0] = (quote[1], quote[0], 1)
    assert observe(FlowImbalance(), public, seat_record()) == pytest.approx([lots / (abs(lots) + 6)])


def test_orders_show_the_best_four_of_a_side_with_their_queues() -> None:
    seat = seat_record()
    # side, price, lots, ahead; a later order number lies in a lower slot
    own = [(1, 990, 3, 9), (1, 996, 6, 0), (-1, 1008, 2, 1), (1, 990, 1, 12), (1, 988, 1, 0), (1, 980, 1, 0)]
    for place, (side, price, lots, ahead) in enumerate(own):
        order = seat["order"][20 - place]
        order["order_id"], order["side"], order["price_ticks"] = place, side, price
        order["leaves_quantity"], seat["ahead_lots"][20 - place] = lots, ahead
        order["ladder"] = (1 - side) // 2
        seat["live"] |= np.uint64(1 << (20 - place))
    written = np.array(observe(Orders(), public_record(), seat)).reshape(2, 4, 3)
    bids = [
        [-1, 0.5, 0],
        [-2.5, share(3), share(9)],
        [-2.5, share(1), share(12)],
        [-3, share(1), 0],
    ]
    np.testing.assert_allclose(written[0], bids, rtol=1e-6)
    np.testing.assert_allclose(written[1], [[2, share(2), share(1)], [0, 0, 0], [0, 0, 0], [0, 0, 0]], rtol=1e-6)


def test_fills_are_newest_first_and_their_part_carries_the_side() -> None:
    seat = seat_record()
    seat["fill_count"] = SEAT_FILLS + 1
    for number in range(SEAT_FILLS + 1):
        side, part = (1, Liquidity.MAKER) if number % 2 else (-1, Liquidity.TAKER)
        seat["fill"][number % SEAT_FILLS] = ((number + 1) * SECOND, 2 + number, 1000 - 4 * number, side, part)
    written = np.array(observe(Fills(), public_record(time_ns=11 * SECOND), seat)).reshape(-1, 5)
    np.testing.assert_allclose(written[0], [0, -1, 1 / 2, -8, share(10)], rtol=1e-6)
    np.testing.assert_allclose(written[1], [1, 0, 1 / 3, -7, share(9)], rtol=1e-6)
    np.testing.assert_allclose(written[-1], [1, 0, 1 / 9, -1, share(3)], rtol=1e-6)


def test_a_seat_without_fills_sees_zeros() -> None:
    assert observe(Fills(), public_record(), seat_record()) == [0.0] * (5 * SEAT_FILLS)


def test_fees_of_the_seats_tier_are_price_moves() -> None:
    public = public_record(reference_ticks=2000.0)
    rates = {"maker_parts_per_billion": -100_000, "taker_parts_per_billion": 3_000_000}
    per_lot = {"maker_per_lot": 7000, "taker_per_lot": -1000}  # cash units, 10000 to a tick
    for name, value in {**rates, **per_lot}.items():
        public["fees"][1][name] = value
    seat = seat_record()
    seat["account"]["fee_tier"] = 1
    maker, taker = 2000 * -1e-4 + 0.7, 2000 * 3e-3 - 0.1
    assert observe(FeeSchedule(), public, seat) == pytest.approx([maker / 4, taker / 4])


def test_account_splits_its_equity_into_realized_and_unrealized_profit_and_fees() -> None:
    seat, public = seat_record(), public_record(twice_mark_ticks=2010)
    account = seat["account"]
    account["position"], account["fees"] = -3, 500
    account["cost"] = -3 * 1003 * 10_000
    account["cash"] = 70_000 - account["cost"] - account["fees"]
    written = observe(Account(), public, seat)
    scale = 0.01 / (6 * 4 * 10_000)
    assert written[7] == pytest.approx(70_000 * scale)
    assert written[8] == pytest.approx(-3 * 2 * 10_000 * scale)
    assert written[1] == pytest.approx(written[7] + written[8] - written[2])
