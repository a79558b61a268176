"""Limits of a market: the largest order, and the most money that an account can hold, in its whole units.

Accounts count money in cash units, in 64 bits. `LARGEST_AMOUNT` leaves room for all that is computed of them: equity is
doubled, and an account is checked only after a quarter of that amount has been moved in its market (the notional of
one order is a quarter at most). So no amount can wrap: an order beyond its limit is rejected, and an account beyond its
limit halts the market and raises an error. A spec whose flow does not fit its limits raises ConfigError.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from marl_market.market.fees import BILLION
from marl_market.market.units import decimal
from marl_market.market.validation import ConfigError

if TYPE_CHECKING:
    from marl_market.market.spec import MarketSpec

LARGEST_AMOUNT = 2**58
"""Most cash units that a seat's account may hold, owe, have in fees or in a position, over all instruments."""

LARGEST_QUANTITY = 2**40
LARGEST_CARRIED_QUANTITY = 2**32
"""Largest order in lots, and where the fee of a lot is no whole number of cash units."""

ROOM = 4
"""Orders four times as large as the flow's largest, at prices four times the initial one, are within the limits."""


class Limits(NamedTuple):
    """Limits of one instrument.

    Attributes:
        amount: cash units that an account may hold, owe, have in fees or in a position.
        notional: cash units of an order's price times its quantity.
        quantity: lots of an order.
        per_lot: most cash units that a fill moves for each lot, besides its notional.
    """

    amount: int
    notional: int
    quantity: int
    per_lot: int


def limits_of(spec: MarketSpec, instruments: int = 1) -> Limits:
    """Return the limits of an instrument in a market of so many; raises ConfigError for fees its units cannot hold."""
    charged = [fees.in_billionths(spec.cash_unit, spec.lot_size) for fees in (spec.fees, *spec.fee_tiers)]
    billionths = [each for pair in charged for each in pair]
    amount = LARGEST_AMOUNT // instruments
    notional = amount // 4
    most = max(-(-abs(each) // BILLION) for each in billionths)
    quantity = LARGEST_CARRIED_QUANTITY if any(each % BILLION for each in billionths) else LARGEST_QUANTITY
    return Limits(amount, notional, min(quantity, notional // max(most, 1)), most + 1)


def require_fits(key: str, spec: MarketSpec, instruments: int = 1) -> None:
    """Raise ConfigError, naming units that would do, unless an instrument's flow and endowments are within its limits.

    Args:
        key: of the instrument in the config.
        spec: of the instrument.
        instruments: of its market.
    """
    flow, limits = spec.flow, limits_of(spec, instruments)
    largest = max(flow.limit_size_lots[-1], flow.market_size_lots[-1])
    traded = flow.market_rate * spec.size_scale_lots * spec.step_seconds * (spec.session_steps + spec.warmup_steps)
    units = (decimal(spec.lot_size), decimal(spec.cash_unit))
    would_do = fitting_units(*units, spec.cash_per_tick_lot, spec.initial_price_ticks, largest, traded, limits)
    if would_do != units:
        lot_size, cash_unit = would_do
        raise ConfigError(
            f"{key}.cash_unit is {spec.cash_unit} and {key}.lot_size is {spec.lot_size}; they must be larger, such as "
            f"lot_size {float(lot_size)} with cash_unit {float(cash_unit)}: at {ROOM} times the initial price, "
            f"{ROOM} times the flow's largest order ({largest:.3g} lots) or its session's volume ({traded:.3g} lots) "
            f"does not fit an order of {limits.quantity:.3g} lots and {limits.notional:.3g} cash units, or an account "
            f"of {limits.amount:.3g} cash units"
        )
    cash, lots, _ = spec.credit.in_steps(spec.cash_unit, spec.lot_size)
    given = cash + ROOM * lots * spec.initial_price_ticks * spec.cash_per_tick_lot
    if given > limits.amount:
        raise ConfigError(
            f"{key}.credit.initial_cash is {spec.credit.initial_cash} and initial_units is "
            f"{spec.credit.initial_units}; their value must be at most {limits.amount * spec.cash_unit:.4g}, at {ROOM} "
            f"times the initial price, or {key}.cash_unit be larger"
        )


def fitting_units(
    lot_size: Decimal,
    cash_unit: Decimal,
    cash_per_tick_lot: int,
    price_ticks: int,
    largest_lots: float,
    traded_lots: float,
    limits: Limits,
) -> tuple[Decimal, Decimal]:
    """Return the smallest lot size and cash unit, powers of ten of the given ones, of which a flow is within limits.

    Args:
        lot_size: at present.
        cash_unit: at present.
        cash_per_tick_lot: cash units of one tick times one lot.
        price_ticks: initial price.
        largest_lots: largest order.
        traded_lots: in a session.
        limits: of the instrument.
    """
    value = ROOM * price_ticks * cash_per_tick_lot
    smallest_unit = cash_unit * max(
        decimal(ROOM * largest_lots * value / limits.notional), decimal(traded_lots * value / limits.amount)
    )
    smallest_lot = lot_size * decimal(ROOM * largest_lots / limits.quantity)
    tick_lot = cash_unit * cash_per_tick_lot / lot_size
    while cash_unit < smallest_unit:
        cash_unit *= 10
    while lot_size < smallest_lot or (tick_lot * lot_size) % cash_unit:
        lot_size *= 10
    return lot_size, cash_unit
