from typing import Any

from marl_market.exchange.codes import CommandKind
from marl_market.exchange.publication import twice_profit
from marl_market.exchange.records import PUBLIC_LEVELS
from tests.builders import market_spec
from tests.venue import Venue

BUY, SELL = 1, -1


def quoted() -> tuple[Venue, Any]:
    """Return a market at 999 to 1003 whose quotes have stood a step."""
    venue = Venue()
    venue.limit(0, BUY, 999, 5)
    venue.limit(0, SELL, 1003, 5)
    venue.publish()
    return venue, venue.publish()


def test_the_best_levels_are_published_best_first() -> None:
    venue = Venue(16)
    for step in range(PUBLIC_LEVELS + 3):
        for seat in range(step % 3 + 1):
            venue.limit(seat, BUY, 1000 - 2 * step, 1 + step)
            venue.limit(seat, SELL, 1001 + 3 * step, 2 + step)
    public = venue.publish()
    assert public["depth"].tolist() == [PUBLIC_LEVELS, PUBLIC_LEVELS]
    expected = [(step % 3 + 1, 1 + step, 1000 - 2 * step) for step in range(PUBLIC_LEVELS)]
    bids, asks = public["level"]
    assert [(int(row["orders"]), int(row["quantity_lots"]) // int(row["orders"]), int(row["price_ticks"]))
            for row in bids] == expected  # fmt: skip
    assert asks["price_ticks"].tolist() == [1001 + 3 * step for step in range(PUBLIC_LEVELS)]
    assert (public["best_bid"], public["best_ask"], public["reference_ticks"]) == (1000, 1001, 1000.5)


def test_an_empty_market_stays_at_its_initial_price() -> None:
    venue = Venue()
    public = venue.publish()
    assert public["depth"].tolist() == [0, 0]
    assert public["reference_ticks"] == venue.spec.initial_price_ticks
    assert public["twice_mark_ticks"] == 2 * venue.spec.initial_price_ticks


def test_one_sided_quotes_move_the_reference_price_only_past_themselves() -> None:
    venue = Venue()
    venue.limit(0, BUY, 990, 1)
    assert venue.publish()["reference_ticks"] == 1000
    venue.limit(0, BUY, 1010, 1)
    assert venue.publish()["reference_ticks"] == 1010
    venue.send(0, CommandKind.CANCEL_ALL)
    venue.limit(0, SELL, 1004, 1)
    assert venue.publish()["reference_ticks"] == 1004


def test_a_quote_moves_the_mark_only_when_it_has_stood_a_step() -> None:
    venue, public = quoted()
    assert public["twice_mark_ticks"] == 999 + 1003
    venue.limit(1, BUY, 1002, 1)
    assert venue.publish()["twice_mark_ticks"] == 999 + 1003
    assert public["reference_ticks"] == 1002.5
    assert venue.publish()["twice_mark_ticks"] == 1002 + 1003
    venue.send(1, CommandKind.CANCEL_ALL)
    assert venue.publish()["twice_mark_ticks"] == 999 + 1003


def test_a_fresh_ask_does_not_move_the_mark_either() -> None:
    venue, public = quoted()
    venue.limit(1, SELL, 1000, 1)
    assert venue.publish()["twice_mark_ticks"] == 999 + 1003
    assert venue.publish()["twice_mark_ticks"] == 999 + 1000
    venue.send(1, CommandKind.CANCEL_ALL)
    assert public["twice_mark_ticks"] == 999 + 1000
    assert venue.publish()["twice_mark_ticks"] == 999 + 1003


def test_a_side_that_comes_back_moves_the_mark_only_when_it_has_stood_a_step() -> None:
    venue, public = quoted()
    venue.take(1, BUY, 5)
    assert venue.publish()["twice_mark_ticks"] == 999 + 1003
    venue.limit(1, SELL, 1030, 1)
    assert venue.publish()["twice_mark_ticks"] == 999 + 1003
    assert venue.publish()["twice_mark_ticks"] == 999 + 1030
    assert public["depth"].tolist() == [1, 1]


def test_quotes_too_far_apart_tell_no_price_but_bound_it() -> None:
    venue, public = quoted()
    venue.take(1, BUY, 5)
    venue.limit(1, SELL, 1_000_000, 1)
    for _ in range(3):
        venue.publish()
    assert (public["reference_ticks"], public["twice_mark_ticks"]) == (1001, 2002)
    venue.limit(1, BUY, 1500, 1)
    assert (venue.publish()["reference_ticks"], public["twice_mark_ticks"]) == (1401, 2002)
    # Anybody could sell at 1500 for a step; a hundred price scales are 400 ticks.
    assert [int(venue.publish()["twice_mark_ticks"]) for _ in range(3)] == [2802, 3000, 3000]


def test_a_quote_alone_bounds_the_mark_when_it_has_stood_a_step() -> None:
    for side, price in ((SELL, 890), (BUY, 1110)):
        venue = Venue(spec=market_spec(session_steps=30))
        venue.limit(0, side, price, 5)
        venue.step()
        assert venue.market["public"]["twice_mark_ticks"] == 2000
        venue.step()
        assert venue.market["public"]["twice_mark_ticks"] == 2 * price


def test_trades_at_the_only_quote_move_the_mark_there_at_a_bounded_speed() -> None:
    for side, price in ((BUY, 490), (SELL, 1510)):
        venue = Venue(spec=market_spec(session_steps=30))
        venue.limit(0, side, price, 50)
        venue.step()
        marks = []
        for _ in range(3):
            venue.take(1, -side, 1)
            venue.step()
            marks.append(int(venue.market["public"]["twice_mark_ticks"]) // 2)
        # A hundred price scales of four ticks a step.
        assert marks == [1000 - 400 * side, price, price]
        venue.step()
        assert venue.market["public"]["twice_mark_ticks"] == 2 * price


def test_a_trade_that_nobody_else_could_have_made_does_not_move_the_mark() -> None:
    venue = Venue(spec=market_spec(session_steps=30))
    venue.limit(0, BUY, 990, 50)
    venue.step()
    venue.step()
    venue.limit(1, SELL, 2000, 1)
    venue.take(2, BUY, 1)  # from a friend, far above all that stood
    venue.step()
    assert venue.market["public"]["last_trade_ticks"] == 2000
    assert venue.market["public"]["twice_mark_ticks"] == 2000  # twice 1000
    venue.limit(1, BUY, 991, 1)
    venue.limit(2, SELL, 991, 1)  # a bid of this step, above the one that stood
    venue.step()
    assert venue.market["public"]["twice_mark_ticks"] == 2000


def test_equity_is_cash_plus_the_position_at_the_mark() -> None:
    venue, public = quoted()
    venue.take(1, BUY, 3)
    account = venue.account(1)
    per_tick_lot = venue.spec.cash_per_tick_lot
    assert twice_profit(public, account) == 2 * int(account["cash"]) + 3 * 2002 * per_tick_lot
    assert int(account["cash"]) == -3 * 1003 * per_tick_lot - int(account["fees"])


def test_no_quote_moves_a_price_by_more_than_a_hundred_price_scales_a_step() -> None:
    venue, public = quoted()
    venue.send(0, CommandKind.CANCEL_ALL)
    venue.limit(0, BUY, 5000, 5)
    venue.limit(0, SELL, 5004, 5)
    prices = []
    for _ in range(3):
        venue.publish()
        prices.append((float(public["reference_ticks"]), int(public["twice_mark_ticks"])))
    assert prices == [(1401, 2002), (1801, 2802), (2201, 3602)]


def test_the_lowest_and_the_highest_mark_of_the_session_are_kept() -> None:
    venue = Venue(spec=market_spec(session_steps=30))
    public = venue.market["public"]
    for side, price in ((SELL, 970), (BUY, 990)):
        venue.send(0, CommandKind.CANCEL_ALL)
        venue.limit(0, side, price, 5)
        venue.step()
        venue.step()
    assert (public["twice_low_ticks"], public["twice_mark_ticks"], public["twice_high_ticks"]) == (1940, 1980, 2000)
