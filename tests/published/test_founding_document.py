"""The two worked examples of the document that the project began with, by the engine's own arithmetic."""

from decimal import Decimal

import pytest

from marl_market.exchange.exchange import Exchange
from marl_market.exchange.values import Statement
from marl_market.market.fees import Fees
from marl_market.market.tape import Side
from tests.builders import market_spec

CENT = Decimal("0.01")
TRADER, OTHERS = 0, 1


def bitcoin_exchange(fees: Fees) -> Exchange:
    spec = market_spec(tick_size=0.01, lot_size=1e-6, cash_unit=1e-8, initial_price=12551.0, fees=fees)
    return Exchange(spec, 2)


def test_a_large_buy_walks_the_book_and_pays_the_fee_on_all_of_it() -> None:
    exchange = bitcoin_exchange(Fees(taker_rate=0.003))
    for price, quantity in (("12551.00", "0.08"), ("12551.60", "0.01"), ("12552.00", "2.95")):
        exchange.submit_limit(OTHERS, Side.SELL, price, quantity)
    assert exchange.best_ask == Decimal("12551.00")
    exchange.submit_market(TRADER, Side.BUY, 3)
    account = exchange.account(TRADER)
    assert account.position == 3
    assert account.trades == 3
    assert account.fees == Decimal("112.967748")
    assert (-account.cash).quantize(CENT) == Decimal("37768.88")
    assert exchange.best_ask == Decimal("12552.00")
    (left,) = exchange.levels(Side.SELL)
    assert left.quantity == Decimal("0.04")


def predict_rightly(fees: Fees) -> Statement:
    """Buy one bitcoin before the price rises and sell it after; return the account."""
    exchange = bitcoin_exchange(fees)
    for price in (10000, 10010):
        exchange.submit_limit(OTHERS, Side.SELL, price, "0.5")
    exchange.submit_market(TRADER, Side.BUY, 1)
    for price in (10045, 10040):
        exchange.submit_limit(OTHERS, Side.BUY, price, "0.5")
    exchange.submit_market(TRADER, Side.SELL, 1)
    account = exchange.account(TRADER)
    assert account.position == 0
    assert account.trades == 4
    return account


@pytest.mark.parametrize(
    ("fees", "fees_paid", "profit"),
    [
        (Fees(), "0", "37.50"),
        (Fees(taker_rate=0.003), "60.1425", "-22.64"),
        (Fees(taker_per_unit=30.0), "60", "-22.50"),  # one bitcoin each way: 30 a time
    ],
)
def test_a_correct_prediction_loses_money_to_the_fees(fees: Fees, fees_paid: str, profit: str) -> None:
    account = predict_rightly(fees)
    assert account.fees == Decimal(fees_paid)
    assert account.cash == Decimal("37.5") - Decimal(fees_paid)
    assert account.cash.quantize(CENT) == Decimal(profit)
