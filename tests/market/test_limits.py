"""Limits of a market: specs whose flow could not be traded are refused, with units that would do."""

import re

import pytest

from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.limits import LARGEST_AMOUNT, LARGEST_CARRIED_QUANTITY, limits_of
from marl_market.market.order_flow import QUANTILES
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import ConfigError
from tests.builders import market_spec, order_flow


def coin(lot_size: float = 1e-8, cash_unit: float = 1e-12, **changes: object) -> MarketSpec:
    """Return a market of a coin at 0.45 in ticks of 0.0001 whose mean order is some 4,700 of it."""
    sizes = [9_400 / lot_size * number / QUANTILES for number in range(1, QUANTILES + 1)]
    flow = order_flow(limit_size_lots=sizes, market_size_lots=sizes)
    fields = {"name": "ada", "tick_size": 1e-4, "initial_price": 0.45, "fees": Fees(), "flow": flow}
    return market_spec(**{**fields, "lot_size": lot_size, "cash_unit": cash_unit, **changes})


def test_a_lot_that_the_flow_does_not_fit_is_refused_with_one_that_would_do() -> None:
    refused = r"^market\.cash_unit is 1e-12 and market\.lot_size is 1e-08; they must be larger, such as "
    with pytest.raises(ConfigError, match=refused) as raised:
        coin()
    named = re.findall(r"lot_size (\S+) with cash_unit (\S+):", str(raised.value))
    lot_size, cash_unit = (float(number) for number in named[0])
    assert (lot_size, cash_unit) == (1e-07, 1e-11)
    spec = coin(lot_size, cash_unit)
    assert limits_of(spec).notional >= 4 * 4 * 9_400 * 0.45 / cash_unit


def test_a_session_too_long_for_its_cash_unit_is_refused() -> None:
    assert coin(1e-4, 1e-8, session_steps=1000)
    with pytest.raises(ConfigError, match="session's volume") as raised:
        coin(1e-4, 1e-8, session_steps=1_000_000)
    assert "lot_size 0.001 with cash_unit 1e-07" in str(raised.value)


def test_an_instrument_of_several_has_its_part_of_the_limits() -> None:
    spec = market_spec(further_instruments={"b": market_spec()})
    assert [limits_of(spec, count).amount for count in (1, 2)] == [LARGEST_AMOUNT, LARGEST_AMOUNT // 2]
    dear = market_spec(cash_unit=1e-10, initial_price=20_000, fees=Fees())
    with pytest.raises(ConfigError, match=r"^market\.further_instruments\.b\.cash_unit is 1e-10"):
        market_spec(cash_unit=1e-10, fees=Fees(), further_instruments={"b": dear})


def test_fees_of_a_part_of_a_cash_unit_leave_smaller_orders() -> None:
    whole, parts = (Fees(taker_per_unit=charge) for charge in (0.01, 0.003))
    assert limits_of(market_spec(cash_unit=0.01, fees=parts)).quantity == LARGEST_CARRIED_QUANTITY
    assert limits_of(market_spec(cash_unit=0.01, fees=whole)).quantity > LARGEST_CARRIED_QUANTITY
    assert limits_of(market_spec(fees=Fees(maker_per_unit=1e9))).quantity == LARGEST_AMOUNT // 4 // 10**15


def test_an_endowment_beyond_the_limits_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^market\.credit\.initial_cash is 0\.0 and initial_units is 1000000000000\.0"
    ):
        market_spec(credit=Credit(initial_units=1e12))


@pytest.mark.parametrize("name", ["initial_margin", "maintenance_margin"])
def test_a_margin_finer_than_a_millionth_is_refused_and_not_zero(name: str) -> None:
    margins = {"initial_margin": 0.5, name: 1e-7}
    with pytest.raises(
        ConfigError, match=rf"^market\.credit\.{name} is 1e-07; it must be a whole number of millionths"
    ):
        Credit(initial_cash=1.0, **margins)
