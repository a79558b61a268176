"""MarketSpec: the one description of a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from marl_market.market.credit import Credit
from marl_market.market.fundamental import Fundamental
from marl_market.market.latency import Latency
from marl_market.market.units import decimal, to_steps
from marl_market.market.validation import SpecError, is_number, is_whole, require

QUANTILES = 17
"""Number of evenly spaced quantiles (0, 1/16, ..., 1) that describe a distribution in a market spec."""

SELF_TRADE = ("cancel_resting", "cancel_incoming", "decrement", "allow")
"""Self-trade prevention, in the order of `marl_market.exchange.codes.SelfTrade`."""

MAXIMUM_FEE_TIERS = 4

MAXIMUM_PRICE_TICKS = 2**31 - 2

COMMON = ("currency", "cash_unit", "step_ns", "session_steps", "warmup_steps", "candle_steps", "capacity", "latency")
"""Fields that all instruments of a market share."""


@dataclass(frozen=True)
class Fees:
    """Fees of each fill; a negative value is a rebate.

    Attributes:
        maker_rate: charge to the resting side, as a fraction of the notional.
        taker_rate: charge to the aggressor, as a fraction of the notional.
        maker_per_unit: charge to the resting side, in currency per unit of quantity (a share, a coin).
        taker_per_unit: charge to the aggressor, in currency per unit of quantity.
        from_quantity: quantity traded in the session, in units, from which these fees apply.
    """

    maker_rate: float = 0.0
    taker_rate: float = 0.0
    maker_per_unit: float = 0.0
    taker_per_unit: float = 0.0
    from_quantity: float = 0.0

    def __post_init__(self) -> None:
        for name in ("maker_rate", "taker_rate"):
            require(-0.1 <= getattr(self, name) <= 0.1, f"fees.{name}", getattr(self, name), "between -0.1 and 0.1")
        for name in ("maker_per_unit", "taker_per_unit"):
            require(is_number(getattr(self, name)), f"fees.{name}", getattr(self, name), "a finite number")


@dataclass(frozen=True)
class OrderFlow:
    """Average order flow of the whole real market; it is divided among the background traders.

    Distributions are `QUANTILES` evenly spaced quantiles, linear in between.

    Attributes:
        limit_rate: limit orders a second.
        market_rate: market orders (executions of one aggressor merged) a second.
        cancel_rate: cancels a second.
        limit_size_lots: quantiles of a limit order's quantity.
        market_size_lots: quantiles of a market order's quantity.
        limit_offset_ticks: quantiles of the distance between a new limit order's price and the best price of the
            opposite side, so that its position within the spread depends on the spread's width.
        spread_ticks: time-weighted mean spread.
        volatility_ticks: standard deviation of the one-second change of the mid price.
        depth_lots: mean quantity at the best price, over both sides.
    """

    limit_rate: float
    market_rate: float
    cancel_rate: float
    limit_size_lots: Sequence[float]
    market_size_lots: Sequence[float]
    limit_offset_ticks: Sequence[float]
    spread_ticks: float
    volatility_ticks: float
    depth_lots: float

    def __post_init__(self) -> None:
        for name in ("limit_rate", "market_rate", "cancel_rate"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, f"flow.{name}", value, "zero or more a second")
        for name in ("spread_ticks", "volatility_ticks", "depth_lots"):
            value = getattr(self, name)
            require(is_number(value) and value > 0, f"flow.{name}", value, "above zero")
        for name in ("limit_size_lots", "market_size_lots", "limit_offset_ticks"):
            values = tuple(getattr(self, name))
            numbers = len(values) == QUANTILES and all(map(is_number, values))
            require(
                numbers and all(low <= high for low, high in pairwise(values)),
                f"flow.{name}",
                values,
                f"{QUANTILES} finite numbers that never fall",
            )
            object.__setattr__(self, name, tuple(float(value) for value in values))
        for name in ("limit_size_lots", "market_size_lots"):
            require(getattr(self, name)[0] > 0, f"flow.{name}", getattr(self, name), "above zero")


@dataclass(frozen=True)
class Rules:
    """Trading rules of the venue.

    Attributes:
        self_trade: self-trade prevention where an order matches one of its own seat: cancel_resting, cancel_incoming,
            decrement (both shrink by the smaller quantity) or allow.
        price_band_ticks: farthest a limit price may be from the reference price, and a market order may reach; 0 has
            no band.
        opening_auction_steps: length of the call auction that opens the session.
        closing_auction_steps: length of the call auction that closes it.
        halt_move_ticks: move of the last price within a window that halts trading; 0 never does.
        halt_window_steps: length of that window.
        halt_steps: length of a trading halt.
    """

    self_trade: str = "cancel_resting"
    price_band_ticks: int = 0
    opening_auction_steps: int = 0
    closing_auction_steps: int = 0
    halt_move_ticks: int = 0
    halt_window_steps: int = 60
    halt_steps: int = 30

    def __post_init__(self) -> None:
        require(self.self_trade in SELF_TRADE, "rules.self_trade", self.self_trade, f"one of {', '.join(SELF_TRADE)}")
        for name in ("price_band_ticks", "opening_auction_steps", "closing_auction_steps", "halt_move_ticks"):
            require(
                is_whole(getattr(self, name), 0), f"rules.{name}", getattr(self, name), "a whole number of zero or more"
            )
        for name in ("halt_window_steps", "halt_steps"):
            require(
                is_whole(getattr(self, name), 1), f"rules.{name}", getattr(self, name), "a whole number of one or more"
            )


@dataclass(frozen=True)
class Provenance:
    """Source of the constants of a market spec.

    Attributes:
        source: name of the data file, without its folder.
        format: reader that read it.
        start: first time stamp in the data, ISO 8601.
        end: last time stamp in the data, ISO 8601.
        rows: number of messages read.
        sha256: digest of the file's bytes.
    """

    source: str
    format: str
    start: str
    end: str
    rows: int
    sha256: str


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
            a whole number of it.
        step_ns: length of one step of the environment, in nanoseconds.
        session_steps: steps in one session (episode).
        warmup_steps: steps in which only background traders act, before the session opens.
        candle_steps: lengths of the three candle windows the venue publishes, in steps.
        capacity: size class of the compiled market, see `marl_market.exchange.records`.
        provenance: source of the constants; None for an invented market.
        fundamental: process of the fundamental value, which informed traders observe; None is the initial price.
        further_instruments: other instruments of the same market, by name. Each has its own book, units, costs,
            rules, flow and part of the credit; session, money and latency are those of the market, and so are the
            seats: each has one account over all.
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
    session_steps: int = 200
    warmup_steps: int = 100
    candle_steps: Sequence[int] = (1, 10, 60)
    capacity: str = "small"
    provenance: Provenance | None = None
    fundamental: Fundamental | None = None
    further_instruments: Mapping[str, MarketSpec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "initial_price", "cash_unit"):
            value = getattr(self, name)
            require(is_number(value) and value > 0, name, value, "a finite number above zero")
        for name in ("step_ns", "session_steps"):
            require(is_whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of one or more")
        object.__setattr__(self, "fee_tiers", tuple(self.fee_tiers))
        thresholds = [fees.from_quantity for fees in (self.fees, *self.fee_tiers)]
        require(
            thresholds[0] == 0 and len(thresholds) <= MAXIMUM_FEE_TIERS and all(a < b for a, b in pairwise(thresholds)),
            "fee_tiers",
            thresholds,
            f"0 for fees and then rising from_quantity for at most {MAXIMUM_FEE_TIERS - 1} tiers",
        )
        auctions = self.rules.opening_auction_steps + self.rules.closing_auction_steps
        require(auctions <= self.session_steps, "rules", auctions, "auctions that fit the session")
        object.__setattr__(self, "candle_steps", tuple(self.candle_steps))
        require(
            len(self.candle_steps) == 3 and all(is_whole(steps, 1) for steps in self.candle_steps),
            "candle_steps",
            self.candle_steps,
            "three whole numbers of one or more",
        )
        require(is_whole(self.warmup_steps, 0), "warmup_steps", self.warmup_steps, "a whole number of zero or more")
        try:
            self.initial_price_ticks, self.cash_per_tick_lot  # noqa: B018 - both convert, and raise, here
            self.credit.in_steps(self.cash_unit, self.lot_size)
        except SpecError:
            raise
        except ValueError as error:
            raise SpecError(f"market {self.name}: {error}") from None
        require(
            self.initial_price_ticks <= MAXIMUM_PRICE_TICKS,
            "initial_price",
            self.initial_price,
            f"at most {MAXIMUM_PRICE_TICKS} ticks",
        )
        for name, instrument in self.further_instruments.items():
            key = f"further_instruments.{name}"
            for common in COMMON:
                value, wanted = getattr(instrument, common), getattr(self, common)
                require(value == wanted, f"{key}.{common}", value, f"{wanted!r}, as the market's")
            require(not instrument.further_instruments, key, instrument.name, "an instrument without further ones")

    @property
    def instruments(self) -> tuple[MarketSpec, ...]:
        """Return all instruments: the market's own first."""
        return (self, *self.further_instruments.values())

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
        """Return `size` size scales in whole lots, one or more."""
        return max(1.0, round(size * self.size_scale_lots))

    @property
    def price_scale_ticks(self) -> float:
        """Return the mean spread or the volatility of a second, whichever is larger: the unit of price distances."""
        return max(self.flow.spread_ticks, self.flow.volatility_ticks)

    @property
    def step_seconds(self) -> float:
        """Return the length of one step in seconds."""
        return self.step_ns / 1e9
