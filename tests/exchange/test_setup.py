import numpy as np
import pytest

from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.records import market_dtype
from marl_market.exchange.setup import allocate_markets
from marl_market.market.fees import Fees
from tests.builders import market_spec
from tests.venue import Venue


def test_constants_are_those_of_the_spec_in_whole_units() -> None:
    fees = Fees(maker_rate=-0.00025, taker_rate=0.0006, maker_per_unit=-0.002, taker_per_unit=0.003)
    tiers = [Fees(taker_rate=0.0001, from_quantity=25)]
    spec = market_spec(fees=fees, fee_tiers=tiers, tick_size=0.05, lot_size=10, initial_price=12.35, cash_unit=0.0001)
    markets = allocate_markets(spec, 3, 5)
    assert markets.shape == (3,)
    for market in markets:
        assert market["seat_count"] == 5
        public = market["public"]
        assert market["fee_tiers"] == 2
        assert public["fees"].tolist() == [
            (-250_000, 600_000, -200, 300, 0, 0, 0),
            (0, 100_000, 0, 0, 0, 0, 3),  # 25 units are more than two lots
            (0, 0, 0, 0, 0, 0, 0),
            (0, 0, 0, 0, 0, 0, 0),
        ]
        assert public["cash_per_tick_lot"] == 5000
        assert public["reference_ticks"] == public["best_bid"] == public["last_trade_ticks"] == 247
        assert public["twice_mark_ticks"] == 494
        assert public["session_steps"] == spec.session_steps
        assert public["step_seconds"] == spec.step_seconds
        assert public["price_scale_ticks"] == spec.price_scale_ticks
        assert public["size_scale_lots"] == spec.size_scale_lots


@pytest.mark.parametrize("capacity", CAPACITY_SEATS)
def test_a_size_class_takes_as_many_seats_as_it_says_and_no_more(capacity: str) -> None:
    spec, seats = market_spec(capacity=capacity), CAPACITY_SEATS[capacity]
    assert allocate_markets(spec, 1, seats)["seat"].shape == (1, seats)
    for count in (0, seats + 1):
        with pytest.raises(ValueError, match=rf"market.capacity '{capacity}' has {seats} seats, .* needs {count}"):
            allocate_markets(spec, 1, count)


@pytest.mark.parametrize(("seats", "room"), [(1, 16), (16, 16), (17, 64), (64, 64), (65, 256), (257, 1024)])
def test_without_a_size_class_it_is_the_smallest_that_fits(seats: int, room: int) -> None:
    assert market_spec().capacity == "auto"
    assert allocate_markets(market_spec(), 1, seats)["seat"].shape == (1, room)


@pytest.mark.parametrize("seats", [0, 1025])
def test_no_size_class_fits_more_seats_than_the_largest(seats: int) -> None:
    with pytest.raises(ValueError, match=rf"population has {seats} seats; a market has 1 to 1024"):
        allocate_markets(market_spec(), 1, seats)


def test_an_unknown_size_class_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="capacity 'tiny' is no size class; choose one of small, medium"):
        market_dtype("tiny")
    with pytest.raises(ValueError, match=r"market\.capacity 'tiny' is no size class; choose auto or one of small"):
        allocate_markets(market_spec(capacity="tiny"), 1, 1)


def test_opening_again_leaves_nothing_of_the_last_session() -> None:
    venue = Venue(3)
    fresh = allocate_markets(venue.spec, 1, 3)[0]
    for step in range(20):
        venue.limit(step % 3, 1 if step % 2 else -1, 1000 + step % 5, 1 + step)
    venue.publish()
    venue.reopen()
    assert venue.resting(0) == venue.resting(1) == []
    order = venue.limit(0, 1, 1000, 1)
    assert order == 1 << 20, "order ids begin again"
    venue.reopen()
    for name in ("trade_sequence", "fees_collected", "time_ns", "event_count"):
        assert venue.market[name] == fresh[name]
    for name in ("account", "live", "command_count", "order_sequence"):
        assert np.array_equal(venue.market["seat"][name], fresh["seat"][name]), name
    levels = [name for name in venue.market["public"].dtype.names or () if name != "level"]
    assert all(np.array_equal(venue.market["public"][name], fresh["public"][name]) for name in levels)
