"""What a venue gives its seats, and how far it lets them go with it."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.market.units import to_steps
from marl_market.market.validation import is_number, require

HIGHEST_MARGIN = 2.0
HIGHEST_LENDING_RATE = 1000.0
HIGHEST_ENDOWMENT = 2**58
"""Most cash units that a seat can be given; what accounts are worth then fits 64 bits with room to win."""

NO_SHORT_LIMIT = -1


@dataclass(frozen=True)
class Credit:
    """How far the venue lets a seat go; as it stands, as far as the seat likes.

    A seat holds `initial_units` plus its position and `initial_cash` plus its cash: accounts count what has changed
    since the open, so that profits, rewards and the sums of money and positions do not depend on what was given.
    equity = initial_cash + cash + (initial_units + position) * mark.

    An order is reserved with the limit price (of a stop: the trigger; of a market order: the edge of the price band
    or, without one, the mark). For each lot,

        need = initial_margin * |mark| + loss      where it would lose `loss` = side * (price - mark) > 0 at once,
        need = initial_margin * |price|            else,

    and a new or replaced order is accepted if what all open orders of its side could open is covered at the need of
    the neediest one:

        initial_margin * |holding| * |mark| (where the side adds to it) + opened * need <= equity,

    `opened` being the lots of that side's open orders, it included, less those that close the holding. An order that
    can only close is always accepted, and so is one that is replaced by less of itself. Fees are not reserved: a
    margin a little above 1 covers them.

    At the beginning of each step of continuous trading, a seat whose equity < maintenance_margin * |holding| * |mark|
    is liquidated: the venue cancels its orders and sends one at market for all it holds; what the book cannot take is
    tried again a step later. A seat that then holds nothing and is worth nothing or less is bankrupt and leaves the
    market; its debt stays in its account, as the venue's claim.

    Attributes:
        initial_cash: what each seat is given at the open, in currency.
        initial_units: what each seat is given at the open, in units (shares, coins).
        initial_margin: share of the value of a position that equity must cover to open it; 1 is a cash account, 0
            leaves it unchecked.
        maintenance_margin: share of the value of a position below which it is liquidated; 0 never does.
        short_limit: most units a seat may owe if all of its open orders to sell were filled; 0 forbids short selling,
            None has no limit.
        lending_rate: what is charged a year of 365 days for what is borrowed (the value of units owed at the mark,
            and cash below zero), as a fraction of it; charged at the beginning of each step for the last one, rounded
            down to whole cash units, and paid as a fee.
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
            require(is_number(value) and value >= 0, f"credit.{name}", value, "zero or more")
        margin = self.initial_margin
        require(0 <= margin <= HIGHEST_MARGIN, "credit.initial_margin", margin, f"between 0 and {HIGHEST_MARGIN}")
        require(
            0 <= self.maintenance_margin <= margin,
            "credit.maintenance_margin",
            self.maintenance_margin,
            f"between 0 and initial_margin, {margin}",
        )
        require(
            margin == 0 or self.initial_cash > 0 or self.initial_units > 0,
            "credit.initial_cash",
            self.initial_cash,
            "above zero (or initial_units) where there is an initial_margin: nobody could open anything",
        )
        limit = self.short_limit
        require(
            limit is None or (is_number(limit) and limit >= 0),
            "credit.short_limit",
            limit,
            "zero or more, or null for none",
        )
        require(
            limit != 0 or self.initial_units > 0,
            "credit.initial_units",
            self.initial_units,
            "above zero where short_limit is 0: nobody could ever sell",
        )
        require(
            0 <= self.lending_rate <= HIGHEST_LENDING_RATE,
            "credit.lending_rate",
            self.lending_rate,
            f"between 0 and {HIGHEST_LENDING_RATE} a year",
        )

    @property
    def limits_orders(self) -> bool:
        """Return whether an order may be refused for what its seat has."""
        return self.initial_margin > 0 or self.short_limit is not None

    @property
    def watches_accounts(self) -> bool:
        """Return whether the venue looks at accounts at the beginning of a step."""
        return self.maintenance_margin > 0 or self.lending_rate > 0

    def in_steps(self, cash_unit: float, lot_size: float) -> tuple[int, int, int]:
        """Return the initial cash in cash units, the initial units and the short limit (-1: none) in lots.

        Raises ValueError where one is not a whole number of them, or too large.
        """
        cash = to_steps(self.initial_cash, cash_unit, "credit.initial_cash")
        most = f"at most {HIGHEST_ENDOWMENT} cash units"
        require(cash <= HIGHEST_ENDOWMENT, "credit.initial_cash", self.initial_cash, most)
        lots = to_steps(self.initial_units, lot_size, "credit.initial_units")
        if self.short_limit is None:
            return cash, lots, NO_SHORT_LIMIT
        return cash, lots, to_steps(self.short_limit, lot_size, "credit.short_limit")
