from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_market.exchange.codes import CommandKind
from marl_market.exchange.fees import fee
from marl_market.exchange.records import ACCOUNT
from marl_market.market.fees import BILLION, Fees
from marl_market.market.validation import ConfigError
from tests.builders import market_spec
from tests.venue import Venue


def account() -> np.recarray:
    return np.zeros(1, ACCOUNT).view(np.recarray)[0]


CHARGE = st.tuples(st.integers(0, 2**56), st.integers(1, 2**32), st.booleans())


@given(
    fills=st.lists(CHARGE, min_size=1, max_size=20),
    rate=st.integers(-(10**8), 10**8),
    billionths=st.integers(-(10**15), 10**15),
)
def test_the_fees_of_all_fills_are_the_exact_amount_rounded_down_once(
    fills: list[tuple[int, int, bool]], rate: int, billionths: int
) -> None:
    given_account, exact, charged = account(), Fraction(0), 0
    per_lot, rest = (np.int64(each) for each in divmod(billionths, BILLION))
    for notional, quantity, rebates in fills:
        due = Fraction(notional * rate + quantity * billionths, BILLION)
        exact += due if rebates else max(due, Fraction(0))
        size, lots = np.int64(notional), np.int64(quantity)
        charged += int(fee.__wrapped__(given_account, size, lots, np.int64(rate), per_lot, rest, rebates))
    assert charged == floor(exact)
    assert Fraction(int(given_account.fee_remainder), BILLION) == exact - floor(exact)


@pytest.mark.parametrize(("quantity", "fills"), [(100, 1), (1, 100)])
@pytest.mark.parametrize("price", [100, -100])
def test_cents_of_a_fee_are_neither_lost_nor_won_by_splitting(quantity: int, fills: int, price: int) -> None:
    """A hundred at 1.00 in a market of whole cents: .001 of it is a dime, and a rebate of .0001 a cent."""
    venue = Venue(spec=market_spec(cash_unit=0.01, fees=Fees(taker_rate=0.001, maker_rate=-0.0001)))
    for _ in range(fills):
        venue.limit(0, 1, price, quantity)
        venue.take(1, -1, quantity)
    assert [int(venue.account(seat)["fees"]) for seat in (0, 1)] == [-1, 10]
    assert [int(venue.account(seat)["fee_remainder"]) for seat in (0, 1)] == [0, 0]


@pytest.mark.parametrize(("quantity", "fills"), [(1000, 1), (1, 1000), (8, 125)])
def test_a_fee_of_a_third_of_a_cent_a_share_is_charged_in_the_end(quantity: int, fills: int) -> None:
    venue = Venue(spec=market_spec(cash_unit=0.01, fees=Fees(taker_per_unit=0.003, maker_per_unit=-0.002)))
    for _ in range(fills):
        venue.limit(0, 1, 1000, quantity)
        venue.take(1, -1, quantity)
    assert [int(venue.account(seat)["fees"]) for seat in (0, 1)] == [-200, 300]


def test_maker_and_taker_pay_their_own_fees_to_the_venue() -> None:
    fees = Fees(maker_rate=-0.0002, taker_rate=0.001, maker_per_unit=0.01, taker_per_unit=-0.003)
    venue = Venue(spec=market_spec(fees=fees, lot_size=0.5, cash_unit=1e-6))
    venue.limit(0, 1, 1000, 8)
    venue.send(1, CommandKind.MARKET, -1, 0, 6)
    # 6 lots of half a unit at 10.00: a notional of 30.
    maker, taker = round(1e6 * (-0.006 + 0.03)), round(1e6 * (0.03 - 0.009))
    assert [venue.account(seat)["fees"] for seat in (0, 1)] == [maker, taker]
    assert [venue.account(seat)["cash"] for seat in (0, 1)] == [-30_000_000 - maker, 30_000_000 - taker]
    assert venue.market["fees_collected"] == maker + taker


def test_a_fee_finer_than_a_billionth_of_a_cash_unit_is_refused_with_one_that_would_do() -> None:
    with pytest.raises(
        ConfigError, match=r"^market\.fees\.maker_rate is 4e-10; it must be a whole number of billionths"
    ):
        Fees(maker_rate=4e-10)
    fees = Fees(taker_per_unit=0.0000000000003)
    wanted = r"^market\.fees\.taker_per_unit is 3e-13; it must be .* for a lot: cash_unit 0\.0001 would do$"
    with pytest.raises(ConfigError, match=wanted):
        market_spec(cash_unit=0.01, fees=fees)
    market_spec(cash_unit=0.0001, fees=fees)
