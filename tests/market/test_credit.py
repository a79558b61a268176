import re
from typing import Any

import pytest

from marl_market.market.credit import Credit
from marl_market.market.validation import ConfigError
from tests.builders import market_spec


def test_by_default_credit_is_unlimited() -> None:
    credit = Credit()
    assert not credit.limits_orders
    assert not credit.watches_accounts
    assert market_spec().credit == credit
    assert credit.in_steps(0.01, 1.0) == (0, 0, -1)


@pytest.mark.parametrize(
    ("changes", "limits", "watches"),
    [
        ({"initial_cash": 5, "initial_units": 3}, False, False),
        ({"initial_cash": 5, "initial_margin": 0.5}, True, False),
        ({"initial_units": 5, "initial_margin": 0.5, "maintenance_margin": 0.5}, True, True),
        ({"initial_units": 5, "short_limit": 0}, True, False),
        ({"short_limit": 5}, True, False),
        ({"lending_rate": 0.05}, False, True),
    ],
)
def test_what_is_switched_on_is_known(changes: dict[str, Any], limits: bool, watches: bool) -> None:
    credit = Credit(**changes)
    assert (credit.limits_orders, credit.watches_accounts) == (limits, watches)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"initial_cash": -1.0}, "market.credit.initial_cash is -1.0; it must be zero or more"),
        ({"initial_units": float("inf")}, "market.credit.initial_units is inf; it must be zero or more"),
        ({"initial_margin": 2.5}, "market.credit.initial_margin is 2.5; it must be between 0 and 2.0"),
        ({"initial_margin": 0.5}, "market.credit.initial_cash is 0.0; it must be above zero (or initial_units)"),
        (
            {"initial_cash": 1, "initial_margin": 0.2, "maintenance_margin": 0.3},
            "market.credit.maintenance_margin is 0.3; it must be between 0 and initial_margin, 0.2",
        ),
        ({"short_limit": -1}, "market.credit.short_limit is -1; it must be zero or more, or null for none"),
        ({"short_limit": 0}, "market.credit.initial_units is 0.0; it must be above zero where short_limit is 0"),
        ({"lending_rate": -0.1}, "market.credit.lending_rate is -0.1; it must be between 0 and 1000.0 a year"),
        ({"initial_cash": float("nan")}, "market.credit.initial_cash is nan"),
    ],
)
def test_what_no_venue_can_give_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        Credit(**changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"initial_cash": 0.001}, "market test: credit.initial_cash 0.001 is not a whole multiple of 0.01"),
        ({"initial_units": 0.5}, "market test: credit.initial_units 0.5 is not a whole multiple of 1.0"),
        ({"short_limit": 1.5}, "market test: credit.short_limit 1.5 is not a whole multiple of 1.0"),
        (
            {"initial_cash": 1e16},
            "market.credit.initial_cash is 1e+16 and initial_units is 0.0; their value must be at most 2.882e+15",
        ),
    ],
)
def test_amounts_fit_the_units_of_the_market(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        market_spec(credit=Credit(**changes), cash_unit=0.01)
