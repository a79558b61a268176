"""The data of a rendering: prices, quantities and money of one market in currency and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.codes import Liquidity
from marl_market.exchange.feed import fill_pairs
from marl_market.exchange.records import ASKS, SEAT_ORDERS
from marl_market.market.tape import Side
from marl_market.market.units import decimal


@dataclass(frozen=True)
class Level:
    """A price level of the book: its quantity, and the quantity of each rendered agent."""

    price: float
    quantity: float
    own: Mapping[str, float]


@dataclass(frozen=True)
class Print:
    """A trade; its aggressor side is 0 in a call auction."""

    seconds: float
    price: float
    quantity: float
    aggressor_side: int


@dataclass(frozen=True)
class Balance:
    """The balance of an agent: position in units, profit in currency after fees with the position at the mark."""

    agent: str
    position: float
    profit: float
    fees: float
    orders: int


class MarketView:
    """Record the history of one market of a batch for rendering, see `marl_market.env.interface.recorder`.

    Attributes:
        name: of the market.
        currency: of its prices.
        price_digits: decimals of a price.
        quantity_digits: decimals of a quantity.
        seconds: times of the reset and of each step.
        best: best (bid, ask) at each of them, NaN without a quote.
        prints: all trades of the session.
    """

    def __init__(self, batch: BatchMarket, agents: Mapping[int, str], market: int = 0) -> None:
        """Record market number `market`; `agents` are the names of the rendered agents by seat."""
        spec = batch.environment.spec
        self._spec = spec
        self._batch, self._index = batch, market
        batch.keep_events(market)
        self._agents = dict(agents)
        self.name, self.currency = spec.name, spec.currency
        self.price_digits, self.quantity_digits = decimals(spec.tick_size), decimals(spec.lot_size)
        self.seconds: list[float] = []
        self.best: list[tuple[float, float]] = []
        self.prints: list[Print] = []

    @property
    def _market(self) -> Any:
        """Return the record of the market."""
        return self._batch.markets[self._index]

    def open(self) -> None:
        """Begin a session with the market as its reset has left it."""
        self.seconds, self.best, self.prints = [], [], []
        self._record_quote()

    def record(self) -> None:
        """Append the quote and the trades of the last step."""
        self._record_quote()
        spec = self._spec
        _, takers = fill_pairs(self._batch.events_of(self._index))
        for fill in takers:
            side = 0 if fill["liquidity"] == Liquidity.AUCTION else int(fill["side"])
            price, quantity = fill["price_ticks"] * spec.tick_size, fill["quantity_lots"] * spec.lot_size
            self.prints.append(Print(float(fill["time_ns"]) * 1e-9, float(price), float(quantity), side))

    def _record_quote(self) -> None:
        public = self._market["public"]
        self.seconds.append(float(public["time_ns"]) * 1e-9)
        bid, ask = (
            float(public[side]) * self._spec.tick_size if quoted else np.nan
            for side, quoted in zip(("best_bid", "best_ask"), public["depth"] > 0, strict=True)
        )
        self.best.append((bid, ask))

    def levels(self, side: Side) -> list[Level]:
        """Return the ten best levels of a side, best first."""
        index, spec = (1 - side) // 2, self._spec
        published = self._market["public"]["level"][index, : self._market["public"]["depth"][index]]
        own = self._own_orders(side)
        return [
            Level(
                float(level["price_ticks"] * spec.tick_size),
                float(level["quantity_lots"] * spec.lot_size),
                own.get(int(level["price_ticks"]), {}),
            )
            for level in published
        ]

    def _own_orders(self, side: Side) -> dict[int, dict[str, float]]:
        """Return the displayed quantity of each rendered agent by price in ticks."""
        found: dict[int, dict[str, float]] = {}
        resting = resting_orders(self._market["seat"])
        for seat, agent in self._agents.items():
            for order in self._market["seat"][seat]["order"][resting[seat]]:
                if order["side"] == side:
                    level = found.setdefault(int(order["price_ticks"]), {})
                    quantity = float(order["leaves_quantity"] * self._spec.lot_size)
                    level[agent] = level.get(agent, 0.0) + quantity
        return found

    def balances(self) -> list[Balance]:
        """Return the balance of each rendered agent."""
        public, spec = self._market["public"], self._spec
        mark = 0.5 * float(public["twice_mark_ticks"]) * float(public["cash_per_tick_lot"])
        rows = []
        for number, agent in self._agents.items():
            seat = self._market["seat"][number]
            account = seat["account"]
            profit = (float(account["cash"]) + float(account["position"]) * mark) * spec.cash_unit
            fees, position = float(account["fees"]) * spec.cash_unit, float(account["position"]) * spec.lot_size
            rows.append(Balance(agent, position, profit, fees, int(seat["live"]).bit_count()))
        return rows

    def session_seconds(self) -> float:
        """Return the length of the session."""
        return self._spec.session_steps * self._spec.step_seconds

    def price(self, value: float) -> str:
        """Return a price as text."""
        return f"{value:,.{self.price_digits}f}"

    def quantity(self, value: float, sign: str = "") -> str:
        """Return a quantity as text, with the sign of a positive one too for a `sign` of "+"."""
        return f"{value:{sign},.{self.quantity_digits}f}"


def decimals(size: float) -> int:
    """Return the number of decimals of multiples of `size`."""
    return max(0, -int(decimal(size).normalize().as_tuple().exponent))


def quote_path(view: MarketView) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times (T,) and best bids and asks (T, 2)."""
    return np.array(view.seconds), np.array(view.best).reshape(-1, 2)


def resting_orders(seat: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return a mask (seats, SEAT_ORDERS) of the orders of seat records (seats,) that rest in the book."""
    open_slots = (seat["live"][:, None] >> np.arange(SEAT_ORDERS, dtype=np.uint64)) & np.uint64(1)
    resting: NDArray[np.bool_] = (open_slots == 1) & (seat["order"]["ladder"] <= ASKS)
    return resting
