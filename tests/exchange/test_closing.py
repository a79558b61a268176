from typing import Any

import numpy as np
import pytest

from marl_market.exchange.closing import closing_profits
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Venue

BUY, SELL = 1, -1
PER_TICK_LOT = 10_000


def venue_of(**changes: Any) -> Venue:
    """Return a market without fees whose bids are 5 lots at 999 and at 995, its asks 5 at 1001 and at 1005."""
    venue = Venue(spec=market_spec(**{"fees": Fees(), "session_steps": 50, **changes}))
    for side in (BUY, SELL):
        venue.limit(0, side, 1000 - side, 5)
        venue.limit(0, side, 1000 - 5 * side, 5)
    return venue


def closing(venue: Venue, seat: int) -> float:
    """Return the closing profit of a seat in ticks times lots."""
    return float(closing_profits(venue.markets[None], 4)[0, seat]) / PER_TICK_LOT


def positioned(venue: Venue, seat: int, lots: int, price_ticks: int = 1000) -> None:
    account = venue.account(seat)
    account["position"], account["cash"] = lots, -lots * price_ticks * PER_TICK_LOT


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize(("lots", "cost"), [(0, 0), (3, 3), (5, 5), (8, 5 + 15), (10, 30)])
def test_a_position_is_closed_level_after_level(side: int, lots: int, cost: float) -> None:
    venue = venue_of()
    venue.step()
    venue.step()
    positioned(venue, 1, side * lots)
    assert closing(venue, 1) == -cost


def test_what_the_book_cannot_take_is_valued_as_if_it_went_on() -> None:
    venue = venue_of()
    venue.step()
    venue.step()
    positioned(venue, 1, 30)
    size = venue.spec.size_scale_lots
    assert size < 10  # so that the ten lots of the book count
    assert closing(venue, 1) == pytest.approx(-(30 + 20 * 5 * (1 + 20 / (2 * 10))))
    venue.send(0, 4)
    venue.step()
    empty = -30 * 4 * (1 + 30 / (2 * size))
    assert closing(venue, 1) == pytest.approx(empty)  # price scales of four ticks


def test_own_quotes_close_no_position_and_no_quote_is_better_than_the_mark() -> None:
    venue = venue_of()
    venue.step()
    venue.step()
    positioned(venue, 1, 5)
    venue.limit(1, BUY, 1000, 50)
    venue.limit(1, BUY, 999, 50)
    venue.step()
    venue.step()
    assert venue.market["public"]["twice_mark_ticks"] == 2001
    assert closing(venue, 1) == -5
    venue.market["public"]["twice_mark_ticks"] = 1996
    assert closing(venue, 1) == -10


def test_a_quote_counts_when_it_has_stood_a_step() -> None:
    venue = venue_of()
    venue.step()
    venue.step()
    positioned(venue, 1, 30)
    alone = closing(venue, 1)
    venue.limit(2, BUY, 999, 25)
    venue.step()
    assert closing(venue, 1) == alone
    venue.step()
    assert closing(venue, 1) == -(20 + 5 * 5 + 5 * 5 * (1 + 5 / (2 * 25)))  # a level counts for 20 lots at most
    venue.send(2, 4)
    venue.step()
    assert closing(venue, 1) == alone


def test_the_fee_of_the_taker_is_subtracted_and_a_rebate_is_not_added() -> None:
    for per_unit, fee in ((0.003, 3 * 3000), (-0.003, 0)):
        venue = venue_of(fees=Fees(taker_per_unit=per_unit))
        venue.step()
        venue.step()
        positioned(venue, 1, 3)
        assert closing(venue, 1) == pytest.approx(-3 - fee / PER_TICK_LOT)


def test_nothing_closes_in_a_call_auction() -> None:
    venue = venue_of(rules=Rules(closing_auction_steps=48))
    venue.step()
    venue.step()
    positioned(venue, 1, 3)
    assert closing(venue, 1) == -3
    venue.limit(2, BUY, 100_000, 50)
    venue.step()
    assert closing(venue, 1) == pytest.approx(-3 * 4 * (1 + 3 / (2 * venue.spec.size_scale_lots)))


def test_closing_is_what_a_market_order_brings() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        venue = Venue(spec=market_spec(fees=Fees(taker_per_unit=0.003), session_steps=50))
        for _ in range(6):
            venue.limit(0, BUY, 1000 - int(random.integers(1, 15)), int(random.integers(1, 9)))
            venue.limit(2, SELL, 1000 + int(random.integers(1, 15)), int(random.integers(1, 9)))
        venue.step()
        venue.step()
        lots = int(random.integers(-6, 7))
        positioned(venue, 1, lots)
        promised = closing(venue, 1)
        if lots:
            venue.take(1, -1 if lots > 0 else 1, abs(lots))
        account = venue.account(1)
        assert account["position"] == 0
        assert promised == pytest.approx(int(account["cash"]) / PER_TICK_LOT)
