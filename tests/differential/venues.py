"""Venues drawn at random: units, fees, rules and credit, within what a spec allows."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import SELF_TRADE
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import ConfigError
from tests.builders import market_spec
from tests.differential.streams import CREDITS, credit, rules

OPENING_TICKS = 1000
LARGEST_FEE = 10**8


def draw_venue(random: np.random.Generator, prices: str, session_steps: int) -> MarketSpec:
    """Return a venue at which streams with these prices trade, some of them until an account exceeds its limits."""
    while True:
        try:
            return draw_spec(random, prices, session_steps)
        except ConfigError:  # units that the spec refuses for the credit
            continue


def draw_spec(random: np.random.Generator, prices: str, session_steps: int) -> MarketSpec:
    """Return a spec; raises ConfigError where its units do not fit."""
    tick, lot, cash_unit = draw_units(random)
    banded, called, halted = random.integers(0, 2, 3).astype(bool).tolist()
    tiers = draw_fees(random, lot, cash_unit)
    return market_spec(
        tick_size=float(tick),
        lot_size=float(lot),
        cash_unit=float(cash_unit),
        initial_price=float(OPENING_TICKS * tick),
        fees=tiers[0],
        fee_tiers=tiers[1:],
        session_steps=session_steps,
        rules=rules(prices, random.choice(SELF_TRADE), banded, called, halted),
        credit=scaled(credit(prices, random.choice(CREDITS)), tick * lot / Decimal("0.01"), lot),
    )


def draw_units(random: np.random.Generator) -> tuple[Decimal, Decimal, Decimal]:
    """Return tick and lot size and a cash unit of which one tick times one lot is 1 to some 10^11."""
    tick, lot = (Decimal(10) ** int(random.integers(-8, 3)) * int(random.choice([1, 2, 5])) for _ in range(2))
    parts = 10 ** int(random.integers(0, 12)) if random.integers(0, 4) == 0 else 10 ** int(random.integers(0, 5))
    return tick, lot, tick * lot / parts


def draw_fees(random: np.random.Generator, lot: Decimal, cash_unit: Decimal) -> Sequence[Fees]:
    """Return one to four tiers of fees, in whole billionths."""
    whole = bool(random.integers(0, 2))
    tiers = []
    for tier in range(random.integers(1, 5)):
        sizes = 10 ** random.integers(0, 9, 4) * random.choice([-1, 0, 1], 4)
        makers, takers, maker, taker = (int(size) * int(random.integers(1, 10)) for size in sizes)
        each = Decimal(1 if whole else "1e-9") * cash_unit / lot
        rates = (float(Decimal(min(max(rate, -LARGEST_FEE), LARGEST_FEE)) / 10**9) for rate in (makers, takers))
        per_unit = (float((charge // 10**4 if whole else charge) * each) for charge in (maker, taker))
        tiers.append(Fees(*rates, *per_unit, from_quantity=float(30 * tier * lot)))
    return tiers


def scaled(given: Credit, money: Decimal, lot: Decimal) -> Credit:
    """Return credit whose endowment buys as many lots, and whose limits are as many, in other units."""
    fields: dict[str, Any] = {
        "initial_cash": float(Decimal(str(given.initial_cash)) * money),
        "initial_units": float(Decimal(str(given.initial_units)) * lot),
        "short_limit": None if given.short_limit is None else float(Decimal(str(given.short_limit)) * lot),
    }
    others = ("initial_margin", "maintenance_margin", "lending_rate")
    return Credit(**fields, **{name: getattr(given, name) for name in others})
