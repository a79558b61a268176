"""MarketSpec: the one description of a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise

from marl_market.market.credit import Credit
from marl_market.market.fees import MAXIMUM_FEE_TIERS, Fees
from marl_market.market.fundamental import Fundamental
from marl_market.market.latency import Latency
from marl_market.market.limits import require_fits
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.provenance import Provenance
from marl_market.market.rules import Rules
from marl_market.market.units import decimal, to_steps
from marl_market.market.validation import ConfigError, is_number, is_whole, require

MAXIMUM_PRICE_TICKS = 2**31 - 2

COMMON = (
    "currency",
    "cash_unit",
    "step_ns",
    "substeps",
    "session_steps",
    "warmup_steps",
    "candle_steps",
    "capacity",
    "latency",
)
"""Fields that all instruments of a market share."""


@dataclass(frozen=True)
class MarketSpec:
    """One market: its units, costs, session, capacity and the order flow it was calibrated to.

    Attributes:
        name: of the market in reports.
        tick_size: smallest price step, in currency.
        lot_size: smallest quantity step, in units (shares, coins).
        initial_price: price around which an empty book opens, in currency.
        flow: calibrated constants of the real market.
        fees: charged by the venue.
        fee_tiers: fees from rising traded quantities on, at most three.
        rules: trading rules of the venue.
        credit: endowment and margins of a seat.
        latency: of seats whose group does not set its own.
        currency: of prices.
        cash_unit: smallest amount of money an account can hold, in currency; one tick times one lot must be
            a whole number of it, and it must be large enough for what the flow trades, see `marl_market.market.limits`.
        step_ns: length of one step of the environment, in nanoseconds.
        substeps: ticks of the market's clock in a step: scripted traders act in each, those that observe in the first.
        session_steps: steps in one session (episode).
        warmup_steps: steps in which only background traders act, before the session opens.
        candle_steps: lengths of the three candle windows the venue publishes, in steps.
        capacity: size class of the compiled market, see `marl_market.exchange.capacity`; "auto" is the smallest
            in which the population has a seat each.
        provenance: source of the constants; None for an invented market.
        fundamental: process of the fundamental value, which informed traders observe; None is the initial price.
        further_instruments: other instruments of the same market, by name. Each has its own book, units, costs,
            rules, flow and part of the credit; session, money and latency are those of the market, and so are the
            seats: each has one account over all, see `Credit`.
    """

    name: str
    tick_size: float
    lot_size: float
    initial_price: float
    flow: OrderFlow
    fees: Fees = field(default_factory=Fees)
    fee_tiers: Sequence[Fees] = ()
    rules: Rules = field(default_factory=Rules)
    credit: Credit = field(default_factory=Credit)
    latency: Latency = field(default_factory=Latency)
    currency: str = "USD"
    cash_unit: float = 1e-6
    step_ns: int = 1_000_000_000
    substeps: int = 1
    session_steps: int = 200
    warmup_steps: int = 100
    candle_steps: Sequence[int] = (1, 10, 60)
    capacity: str = "auto"
    provenance: Provenance | None = None
    fundamental: Fundamental | None = None
    further_instruments: Mapping[str, MarketSpec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("fee_tiers", "candle_steps"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_numbers()
        self._check_fee_tiers()
        self._check_units()
        auctions = self.rules.opening_auction_steps + self.rules.closing_auction_steps
        require(auctions <= self.session_steps, "market.rules", auctions, "auctions that fit the session")
        require_fits("market", self, len(self.instruments))
        for name, instrument in self.further_instruments.items():
            self._check_instrument(f"market.further_instruments.{name}", instrument)

    def _check_numbers(self) -> None:
        for name in ("tick_size", "lot_size", "initial_price", "cash_unit"):
            value = getattr(self, name)
            require(is_number(value) and value > 0, f"market.{name}", value, "a finite number above zero")
        for name in ("step_ns", "substeps", "session_steps"):
            value = getattr(self, name)
            require(is_whole(value, 1), f"market.{name}", value, "a whole number of one or more")
        divides = f"a number of ticks that divides the step of {self.step_ns} ns"
        require(self.step_ns % self.substeps == 0, "market.substeps", self.substeps, divides)
        steps = self.warmup_steps
        require(is_whole(steps, 0), "market.warmup_steps", steps, "a whole number of zero or more")
        windows = self.candle_steps
        three = len(windows) == 3 and all(is_whole(steps, 1) for steps in windows)
        require(three, "market.candle_steps", windows, "three whole numbers of one or more")

    def _check_fee_tiers(self) -> None:
        thresholds = [fees.from_quantity for fees in (self.fees, *self.fee_tiers)]
        rising = thresholds[0] == 0 and all(low < high for low, high in pairwise(thresholds))
        require(
            rising and len(thresholds) <= MAXIMUM_FEE_TIERS,
            "market.fee_tiers",
            thresholds,
            f"0 for fees and then rising from_quantity for at most {MAXIMUM_FEE_TIERS - 1} tiers",
        )

    def _check_units(self) -> None:
        try:
            price_ticks, _ = self.initial_price_ticks, self.cash_per_tick_lot
            self.credit.in_steps(self.cash_unit, self.lot_size)
        except ConfigError:
            raise
        except ValueError as error:
            raise ConfigError(f"market {self.name}: {error}") from None
        most = f"at most {MAXIMUM_PRICE_TICKS} ticks"
        require(price_ticks <= MAXIMUM_PRICE_TICKS, "market.initial_price", self.initial_price, most)

    def _check_instrument(self, key: str, instrument: MarketSpec) -> None:
        for name in COMMON:
            value, wanted = getattr(instrument, name), getattr(self, name)
            require(value == wanted, f"{key}.{name}", value, f"{wanted!r}, as the market's")
        require(not instrument.further_instruments, key, instrument.name, "an instrument without further ones")
        require_fits(key, instrument, len(self.instruments))

    @property
    def instruments(self) -> tuple[MarketSpec, ...]:
        """Return all instruments: the market's own first."""
        return (self, *self.further_instruments.values())

    @property
    def clock(self) -> MarketSpec:
        """Return the market as its clock counts: each tick is a step, so that all numbers of steps are of ticks."""
        if self.substeps == 1:
            return self
        rules = {field.name: getattr(self.rules, field.name) for field in fields(self.rules)}
        ticks = {name: self.substeps * steps for name, steps in rules.items() if name.endswith("_steps")}
        return replace(
            self,
            step_ns=self.step_ns // self.substeps,
            substeps=1,
            session_steps=self.substeps * self.session_steps,
            warmup_steps=self.substeps * self.warmup_steps,
            candle_steps=[self.substeps * steps for steps in self.candle_steps],
            rules=replace(self.rules, **ticks),
            further_instruments={name: each.clock for name, each in self.further_instruments.items()},
        )

    @property
    def initial_price_ticks(self) -> int:
        """Return the initial price in ticks; raises ValueError where it lies between two ticks."""
        return to_steps(self.initial_price, self.tick_size, "initial_price")

    @property
    def cash_per_tick_lot(self) -> int:
        """Return the cash units of one tick times one lot; raises ValueError where they are no whole number."""
        return to_steps(decimal(self.tick_size) * decimal(self.lot_size), self.cash_unit, "tick_size * lot_size")

    @property
    def size_scale_lots(self) -> float:
        """Return the mean quantity of a market order, in lots: the unit of quantities in observations and actions."""
        sizes = self.flow.market_size_lots
        return (sum(sizes) - 0.5 * (sizes[0] + sizes[-1])) / (QUANTILES - 1)

    def lots(self, size: float) -> float:
        """Return the quantity of `size` size scales in lots, rounded, and one lot at least."""
        return max(1.0, self.signed_lots(size))

    def signed_lots(self, size: float) -> float:
        """Return the position of `size` size scales in lots, rounded: below zero if short, and possibly zero."""
        return float(round(size * self.size_scale_lots))

    @property
    def price_scale_ticks(self) -> float:
        """Return the mean spread or the volatility of a second, whichever is larger: the unit of price distances."""
        return max(self.flow.spread_ticks, self.flow.volatility_ticks)

    @property
    def step_seconds(self) -> float:
        """Return the length of one step in seconds."""
        return self.step_ns / 1e9
