from marl_market.exchange.codes import CommandKind as Kind
from marl_market.exchange.codes import EventKind, Liquidity, Phase, PublicKind, Reason
from marl_market.exchange.market_history import update_history
from marl_market.exchange.records import BIDS
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
    # Five can trade at 999 and at 1002; 1002 is the middle of the quotes, and as many are left over at both.
    assert {event.price_ticks for event in events} == {1002}
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


def test_both_sides_of_an_auction_pay_as_makers() -> None:
    venue = calling()
    venue.limit(0, BUY, 1000, 5)
    venue.limit(1, SELL, 1000, 5)
    venue.step()
    # A rebate of .0001 on 50 and a charge of .0007 for each of 5: less than nothing, and an auction pays no rebates.
    assert venue.account(0)["fees"] == venue.account(1)["fees"] == max(5 * (-10 * 100 + 700), 0)


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
