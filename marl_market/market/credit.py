"""Endowments, margins, short limits and lending rates of a venue's seats."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.market.units import decimal, to_steps
from marl_market.market.validation import is_number, require

HIGHEST_MARGIN = 2.0
HIGHEST_LENDING_RATE = 1000.0
MILLION = 1_000_000
ROUNDING = decimal("1e-6")
NO_SHORT_LIMIT = -1


@dataclass(frozen=True)
class Credit:
    """Credit that the venue extends to a seat; unlimited by default.

    A seat holds `initial_units` plus its position and `initial_cash` plus its cash: accounts count changes since the
    open, so that profits, rewards and the sums of money and positions do not depend on the endowment.
    equity = initial_cash + cash + (initial_units + position) * mark.

    An order is reserved with the limit price (of a stop: the trigger; of a market order: the edge of the price band
    or, without one, the mark). For each lot,

        need = initial_margin * |mark| + loss      where its immediate `loss` = side * (price - mark) > 0,
        need = initial_margin * |price|            else,

    and a new or replaced order is accepted if all lots that the open orders of its side could open are covered at the
    largest need of these orders:

        initial_margin * |holding| * |mark| (where the side adds to it) + opened * need <= equity,

    `opened` being the lots of that side's open orders, it included, less those that close the holding. An order that
    can only close is always accepted, and so is a replace that only reduces the quantity. Fees are not reserved: a
    margin a little above 1 covers them.

    At the beginning of each step of continuous trading, a seat whose equity < maintenance_margin * |holding| * |mark|
    is liquidated: the venue cancels its orders and sends a market order for its whole position; a remainder that the
    book cannot fill is sent again a step later. A seat that then has no position and no positive equity is bankrupt and
    leaves the market; its debt stays in its account, as the venue's claim.

    In a market of several instruments the account is one. Cash, equity and the margins of all holdings count in every
    check, so that one without a margin adds none. If any instrument has a maintenance margin, an account whose equity
    is below the sum of all is liquidated in every instrument, and a bankrupt seat leaves them all. Each
    short position pays the rate of its own instrument, and cash below zero pays once, at the highest rate of them all.

    Attributes:
        initial_cash: cash of each seat at the open, in currency.
        initial_units: holding of each seat at the open, in units (shares, coins).
        initial_margin: share of the value of a position that equity must cover to open it; 1 is a cash account, 0
            leaves it unchecked.
        maintenance_margin: share of the value of a position below which it is liquidated; 0 never does.
        short_limit: largest short position in units, if all open orders to sell were filled; 0 forbids short selling,
            None has no limit.
        lending_rate: interest of a year of 365 days on loans (the value of a short position at the mark, and cash
            below zero), as a fraction of them; charged at the beginning of each step for the last one and paid as a
            fee, in whole cash units: what is owed besides is carried to the next fee.
    """

    initial_cash: float = 0.0
    initial_units: float = 0.0
    initial_margin: float = 0.0
    maintenance_margin: float = 0.0
    short_limit: float | None = None
    lending_rate: float = 0.0

    def __post_init__(self) -> None:
        for name in ("initial_cash", "initial_units"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, f"market.credit.{name}", value, "zero or more")
        self._check_margins()
        self._check_short_limit()
        rate, most = self.lending_rate, HIGHEST_LENDING_RATE
        require(0 <= rate <= most, "market.credit.lending_rate", rate, f"between 0 and {most} a year")

    def _check_margins(self) -> None:
        margin, maintenance = self.initial_margin, self.maintenance_margin
        most = f"between 0 and {HIGHEST_MARGIN}"
        require(0 <= margin <= HIGHEST_MARGIN, "market.credit.initial_margin", margin, most)
        most = f"between 0 and initial_margin, {margin}"
        require(0 <= maintenance <= margin, "market.credit.maintenance_margin", maintenance, most)
        for name in ("initial_margin", "maintenance_margin"):
            value = getattr(self, name)
            whole = abs(in_millionths(value) - decimal(value) * MILLION) <= ROUNDING
            require(whole, f"market.credit.{name}", value, "a whole number of millionths (1e-6)")
        require(
            margin == 0 or self.initial_cash > 0 or self.initial_units > 0,
            "market.credit.initial_cash",
            self.initial_cash,
            "above zero (or initial_units) where there is an initial_margin: no seat could open a position",
        )

    def _check_short_limit(self) -> None:
        limit, wanted = self.short_limit, "zero or more, or null for none"
        require(limit is None or (is_number(limit) and limit >= 0), "market.credit.short_limit", limit, wanted)
        wanted = "above zero where short_limit is 0: no seat could ever sell"
        require(limit != 0 or self.initial_units > 0, "market.credit.initial_units", self.initial_units, wanted)

    @property
    def limits_orders(self) -> bool:
        """Return whether an order may be rejected for its seat's account."""
        return self.initial_margin > 0 or self.short_limit is not None

    @property
    def watches_accounts(self) -> bool:
        """Return whether the venue checks accounts at the beginning of a step."""
        return self.maintenance_margin > 0 or self.lending_rate > 0

    def in_steps(self, cash_unit: float, lot_size: float) -> tuple[int, int, int]:
        """Return the initial cash in cash units, the initial units and the short limit (-1: none) in lots.

        Raises ValueError where one is not a whole number of them.
        """
        cash = to_steps(self.initial_cash, cash_unit, "credit.initial_cash")
        lots = to_steps(self.initial_units, lot_size, "credit.initial_units")
        if self.short_limit is None:
            return cash, lots, NO_SHORT_LIMIT
        return cash, lots, to_steps(self.short_limit, lot_size, "credit.short_limit")


def in_millionths(margin: float) -> int:
    """Return a margin in whole millionths, rounded."""
    return round(decimal(margin) * MILLION)
