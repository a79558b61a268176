import pytest

from marl_market.exchange.codes import CommandKind as Kind
from marl_market.exchange.codes import EventKind, Liquidity, Phase, PublicKind, Reason
from marl_market.exchange.market_history import update_history
from marl_market.exchange.records import BIDS
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from tests.builders import market_spec
from tests.venue import Venue

BUY, SELL = 1, -1


def calling(steps: int = 1) -> Venue:
    return Venue(spec=market_spec(rules=Rules(opening_auction_steps=steps)))


def test_orders_rest_across_each_other_until_the_auction_uncrosses_at_one_price() -> None:
    venue = calling()
    for seat, side, price, quantity in ((0, BUY, 1005, 4), (1, BUY, 1002, 3), (2, SELL, 999, 5), (3, SELL, 1003, 9)):
        assert venue.send(seat, Kind.LIMIT, side, price, quantity)[-1].kind == EventKind.RESTED
    assert venue.send(0, Kind.MARKET, BUY, 0, 1)[0].reason == Reason.NOT_IN_AUCTION
    events = venue.step()
    # Five can trade at 999 and at 1002, with as many left over; 999 is nearer to the price before the auction, 1000.
    assert {event.price_ticks for event in events} == {999}
    assert {event.liquidity for event in events} == {Liquidity.AUCTION}
    assert [int(venue.account(seat)["position"]) for seat in range(4)] == [4, 1, -5, 0]
    assert [(order.seat, order.leaves_quantity) for order in venue.resting(BIDS)] == [(1, 2)]
    assert venue.market["phase"] == Phase.CONTINUOUS
    assert venue.market["public"]["last_aggressor_side"] == 0


def test_of_two_prices_as_near_to_the_reference_the_lower_one_is_taken() -> None:
    venue = calling()
    venue.limit(0, BUY, 1002, 5)
    venue.limit(1, SELL, 998, 5)
    assert {event.price_ticks for event in venue.step()} == {998}


@pytest.mark.parametrize(("maker_per_unit", "fee"), [(0.0007, 700), (-0.002, 0)])
def test_both_sides_of_an_auction_pay_as_makers_but_earn_no_rebate(maker_per_unit: float, fee: int) -> None:
    fees = Fees(maker_per_unit=maker_per_unit, taker_per_unit=0.003)
    venue = Venue(spec=market_spec(fees=fees, rules=Rules(opening_auction_steps=1)))
    venue.limit(0, BUY, 1000, 5)
    venue.limit(1, SELL, 1000, 5)
    venue.step()
    assert venue.account(0)["fees"] == venue.account(1)["fees"] == 5 * fee


@pytest.mark.parametrize("calling_steps", [0, 1])
def test_trading_with_oneself_earns_no_rebate_and_no_fee_tier(calling_steps: int) -> None:
    fees = Fees(maker_per_unit=-0.002, taker_per_unit=0.003)
    inverted = Fees(maker_per_unit=0.003, taker_per_unit=-0.002, from_quantity=5)
    rules = Rules("allow", opening_auction_steps=calling_steps)
    venue = Venue(spec=market_spec(fees=fees, fee_tiers=[inverted], rules=rules))
    venue.limit(0, BUY, 1000, 5)
    venue.limit(0, SELL, 1000, 5)
    venue.step()
    venue.step()
    account = venue.account(0)
    assert account["fees"] == (0 if calling_steps else 5 * 3000)
    assert (account["position"], account["traded_lots"], account["trades"], account["fee_tier"]) == (0, 0, 2, 0)
    venue.market["seat"][0]["account"]["fee_tier"] = 1
    fees_before = int(account["fees"])
    venue.limit(0, BUY, 1000, 5)
    venue.take(0, SELL, 5)
    assert account["fees"] - fees_before == 5 * 3000  # the maker's fee; the taker's rebate is not paid


def test_the_call_moves_neither_reference_nor_mark_and_its_price_is_both_after_it() -> None:
    venue = Venue(spec=market_spec(rules=Rules(opening_auction_steps=3)))
    public = venue.market["public"]
    venue.limit(0, BUY, 1_000_000, 5)
    venue.limit(1, SELL, 1010, 8)
    for _ in range(2):
        venue.step()
        assert (public["reference_ticks"], public["twice_mark_ticks"], public["phase"]) == (1000, 2000, Phase.AUCTION)
        assert (public["indicative_ticks"], public["indicative_lots"], public["imbalance_lots"]) == (1010, 5, -3)
    events = venue.step()
    assert {event.price_ticks for event in events} == {1010}
    assert (public["reference_ticks"], public["twice_mark_ticks"]) == (1010, 2020)
    assert (public["indicative_lots"], public["imbalance_lots"]) == (0, 0)
    venue.limit(0, BUY, 1008, 5)
    venue.step()  # the quotes of the call have not stood in continuous trading
    assert (public["reference_ticks"], public["twice_mark_ticks"], public["phase"]) == (1009, 2020, Phase.CONTINUOUS)
    venue.step()
    assert public["twice_mark_ticks"] == 2018


def test_an_auction_without_a_trade_between_two_seats_leaves_the_mark() -> None:
    venue = calling()
    venue.limit(0, BUY, 5000, 5)
    venue.limit(0, SELL, 5000, 5)
    venue.step()
    public = venue.market["public"]
    assert (public["last_trade_ticks"], public["reference_ticks"], public["twice_mark_ticks"]) == (5000, 1000, 2000)


def test_a_closing_auction_marks_at_its_price_whatever_rests_across_it() -> None:
    venue = Venue(spec=market_spec(session_steps=4, rules=Rules(closing_auction_steps=3)))
    public = venue.market["public"]
    venue.limit(0, SELL, 1005, 5)
    venue.limit(0, BUY, 1001, 5)
    venue.step()
    venue.limit(1, BUY, 100_000_000, 3000)
    for _ in range(3):
        venue.step()
    assert public["step"] == 4
    assert (public["last_trade_ticks"], public["reference_ticks"], public["twice_mark_ticks"]) == (1005, 1005, 2010)


def test_a_halted_book_moves_neither_price() -> None:
    spec = market_spec(session_steps=40, rules=Rules(halt_move_ticks=10, halt_window_steps=40, halt_steps=3))
    venue = Venue(spec=spec)
    public = venue.market["public"]
    near = venue.limit(0, BUY, 1004, 5)
    venue.limit(0, BUY, 1000, 5)
    venue.limit(0, SELL, 1010, 5)
    venue.step()
    venue.take(1, BUY, 1)
    venue.step()
    assert (public["phase"], public["reference_ticks"], public["twice_mark_ticks"]) == (Phase.HALTED, 1007, 2014)
    venue.send(0, Kind.CANCEL, order_id=near)
    for phase in (Phase.HALTED, Phase.HALTED, Phase.HALTED):
        venue.step()
        assert (public["phase"], public["reference_ticks"], public["twice_mark_ticks"]) == (phase, 1007, 2014)
    venue.step()  # the book stood through this step, in which all could trade again
    assert (public["phase"], public["reference_ticks"], public["twice_mark_ticks"]) == (Phase.CONTINUOUS, 1005, 2010)


def test_an_auction_trade_is_published_once_and_without_an_aggressor() -> None:
    venue = calling()
    venue.limit(0, BUY, 1000, 5)
    venue.limit(1, SELL, 1000, 5)
    venue.step()
    update_history(venue.market)
    public = venue.market["public"]
    assert public["event_count"] == 1
    published = public["event"][0]
    assert (int(published["kind"]), int(published["side"]), int(published["quantity_lots"])) == (PublicKind.TRADE, 0, 5)


def test_a_market_without_a_closing_auction_trades_on_after_its_session() -> None:
    venue = Venue(spec=market_spec(session_steps=2))
    for _ in range(3):
        venue.step()
    assert venue.market["phase"] == Phase.CONTINUOUS
