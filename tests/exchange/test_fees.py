from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marl_market.exchange.codes import CommandKind
from marl_market.exchange.fees import BILLION, fee
from marl_market.market.fees import Fees
from tests.builders import market_spec
from tests.venue import Venue


@given(
    notional=st.integers(-(2**62), 2**62),
    quantity=st.integers(1, 2**31),
    rate=st.integers(-(10**8), 10**8),
    per_lot=st.integers(-(10**6), 10**6),
)
def test_a_fee_is_the_exact_amount_rounded_down(notional: int, quantity: int, rate: int, per_lot: int) -> None:
    assert fee(notional, quantity, rate, per_lot) == floor(Fraction(notional * rate, BILLION)) + quantity * per_lot


@pytest.mark.parametrize(("rate", "expected"), [(1, 0), (-1, -1), (10**8, 99), (-(10**8), -100)])
def test_a_charge_rounds_to_nothing_and_a_rebate_to_a_whole_unit(rate: int, expected: int) -> None:
    assert fee(999, 1, rate, 0) == expected


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
