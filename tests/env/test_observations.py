from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.tape import TradeTape
from marl_market.env.scheme import ObservationScheme
from marl_market.env.trader import call_encoder, encoder
from marl_market.exchange.compiled import compiled
from tests.builders import actions, environment, market_spec, public_record, seat_record, show_levels

OFFSET = 11


@compiled
def call(address, public, seat, offset):  # type: ignore[no-untyped-def]
    return call_encoder(address, public, seat, offset)


def encode(scheme: ObservationScheme, public: Any, seat: Any) -> NDArray[np.float32]:
    """Return what a scheme writes, having checked that it writes just that."""
    seat["observation"] = -77
    public_before, seat_before = public.copy(), seat.copy()
    assert call(scheme.encoder.address, public, seat, OFFSET) == OFFSET + scheme.size
    written: NDArray[np.float32] = seat["observation"][OFFSET : OFFSET + scheme.size].copy()
    assert np.isfinite(written).all()
    assert (written != -77).all()
    seat["observation"][OFFSET : OFFSET + scheme.size] = -77
    assert seat.tobytes() == seat_before.tobytes()
    assert public.tobytes() == public_before.tobytes()
    return written


def with_orders(*orders: tuple[int, int, int, int]) -> Any:
    """Return a seat with open orders (slot, side, price, quantity)."""
    seat = seat_record()
    for slot, side, price, quantity in orders:
        seat["live"] |= np.uint64(1 << slot)
        seat["order"][slot]["side"] = side
        seat["order"][slot]["price_ticks"] = price
        seat["order"][slot]["leaves_quantity"] = quantity
        seat["account"]["open_lots"][(1 - side) // 2] += quantity
    return seat


def test_the_clock_runs_from_one_to_nothing() -> None:
    shown = [encode(Clock(), public_record(step=step), seat_record())[0] for step in (0, 25, 100)]
    assert shown == [1.0, 0.75, 0.0]


def test_the_book_shows_distances_from_the_reference_price_and_damped_quantities() -> None:
    public = public_record()
    show_levels(public, bids=[(998, 6), (990, 18)], asks=[(1003, 2)])
    shown = encode(Book(), public, seat_record())
    middle = 1000.5
    bids = [(998 - middle) / 4, 6 / 12, (990 - middle) / 4, 18 / 24]
    assert shown == pytest.approx(bids + [0.0] * 16 + [(1003 - middle) / 4, 2 / 8] + [0.0] * 18)


def test_levels_beyond_the_depth_are_not_shown() -> None:
    public = public_record()
    public["level"]["price_ticks"] = 900
    public["level"]["quantity_lots"] = 5
    assert not encode(Book(), public, seat_record()).any()


def test_the_tape_shows_spread_last_trade_volume_and_imbalance() -> None:
    public = public_record(last_trade_ticks=1009)
    show_levels(public, bids=[(998, 9)], asks=[(1004, 3)])
    public["step_lots"] = (6, 30)
    shown = encode(TradeTape(), public, seat_record())
    assert shown == pytest.approx([6 / 4, (1009 - 1001) / 4, 6 / 12, 30 / 36, (9 - 3) / 12])


@pytest.mark.parametrize(("bids", "asks"), [([(998, 9)], []), ([], [(1004, 3)]), ([], [])], ids=["bid", "ask", "empty"])
def test_without_two_sides_there_is_neither_spread_nor_imbalance(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> None:
    public = public_record(best_bid=950, best_ask=1050)
    show_levels(public, bids, asks)
    shown = encode(TradeTape(), public, seat_record())
    assert shown.tolist() == [0.0, 0.0, 0.0, 0.0, 0.0]


def test_a_spread_over_the_whole_range_of_prices_does_not_overflow() -> None:
    public = public_record()
    show_levels(public, bids=[(-(2**31) + 1, 1)], asks=[(2**31 - 1, 1)])
    assert encode(TradeTape(), public, seat_record())[0] == pytest.approx((2**32 - 2) / 4)
    assert encode(Book(), public, seat_record())[20] == pytest.approx((2**31 - 1) / 4)


def test_an_account_shows_money_position_and_its_best_open_orders() -> None:
    seat = with_orders((0, 1, 990, 3), (5, 1, 996, 4), (31, 1, 993, 1), (2, -1, 1012, 7), (3, -1, 1008, 2))
    seat["order"][7]["price_ticks"], seat["order"][7]["side"] = 999, 1  # gone: its bit is not set
    public = public_record(reference_ticks=1001.0, mark_twice_ticks=2003)
    account = seat["account"]
    account["cash"], account["position"], account["fees"] = -123_450_000, 12, -700_000
    shown = encode(Account(), public, seat)
    money = 100 * 4 * 6 * 10000
    worth = -123_450_000 + 12 * 2003 * 10000 / 2
    expected = [0.1 * 12 / 6, worth / money, -700_000 / money, 8 / 6, 9 / 6, (996 - 1001) / 4, (1008 - 1001) / 4]
    assert shown == pytest.approx(expected, rel=1e-6)


def test_an_account_without_orders_shows_no_distance() -> None:
    assert not encode(Account(), public_record(), seat_record()).any()
    shown = encode(Account(), public_record(), with_orders((4, -1, -5, 1)))
    assert shown[5:].tolist() == [0.0, (-5 - 1000) / 4]


def test_every_seat_sees_its_own_account_and_the_same_market() -> None:
    batch = BatchMarket(environment(spec=market_spec(session_steps=30)), 2)
    batch.reset([1, 2])
    for action in actions(batch, 30):
        observation = batch.step(action).observation
        for market, row in zip(batch.markets, observation, strict=True):
            for place, seat in enumerate(batch.external):
                record = market["seat"][seat].copy()
                public = market["public"].copy()
                parts = [encode(part, public, record) for part in batch.environment.observation.values()]
                assert np.array_equal(row[place], np.concatenate(parts))
            assert np.array_equal(row[0, 7:], row[1, 7:])
    assert not np.array_equal(observation[0, 0, :7], observation[0, 1, :7])


@encoder
def write_mind_row(public, seat, offset):  # type: ignore[no-untyped-def]
    """Write what differs from seat to seat."""
    seat.observation[offset] = np.float32(seat.random_key % np.uint64(1000))
    return offset + 1


@dataclass(frozen=True)
class Private:
    encoder = write_mind_row
    shared = False
    size = 1


@dataclass(frozen=True)
class Shared(Private):
    shared = True


def test_a_shared_part_is_encoded_once_and_stands_where_the_config_puts_it() -> None:
    parts = {"shared": Shared(), "private": Private(), "clock": Clock()}
    batch = BatchMarket(environment(observation=parts), 1)
    first, second = batch.reset([1])[0]
    keys = (batch.markets[0]["seat"]["random_key"][batch.external] % 1000).astype(np.float32)
    assert keys[0] != keys[1]
    assert first.tolist() == [keys[0], keys[0], 1.0]
    assert second.tolist() == [keys[0], keys[1], 1.0]
