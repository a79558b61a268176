"""What a person sees of a market: prices, quantities and money in currency and units, seat by seat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.recording.displayed_orders import resting_orders
from marl_market.exchange.codes import Liquidity
from marl_market.exchange.feed import fill_pairs
from marl_market.market.tape import Side
from marl_market.market.units import decimal


@dataclass(frozen=True)
class Level:
    """A price at which the book has quantity, and how much of it is whose, of the agents watched."""

    price: float
    quantity: float
    own: Mapping[str, float]


@dataclass(frozen=True)
class Print:
    """A trade; there is no aggressor side, 0, in a call auction."""

    seconds: float
    price: float
    quantity: float
    aggressor_side: int


@dataclass(frozen=True)
class Balance:
    """What an agent has: units of the instrument, and currency after fees with the position at the mark."""

    agent: str
    position: float
    profit: float
    fees: float
    orders: int


class MarketView:
    """One market of a batch as it has been since its session opened; call `record` after the reset and each step.

    Attributes:
        name: of the market.
        currency: of its prices.
        price_digits: decimals of a price.
        quantity_digits: decimals of a quantity.
        seconds: times of the records.
        best: best (bid, ask) at each of them, NaN where there was none.
        prints: all trades so far.
    """

    def __init__(self, batch: BatchMarket, agents: Mapping[int, str], market: int = 0) -> None:
        """Look at market number `market`, and at the seats in `agents`, by name."""
        spec = batch.environment.spec
        self._spec = spec
        self._market = batch.markets[market]
        self._agents = dict(agents)
        self.name, self.currency = spec.name, spec.currency
        self.price_digits, self.quantity_digits = decimals(spec.tick_size), decimals(spec.lot_size)
        self.seconds: list[float] = []
        self.best: list[tuple[float, float]] = []
        self.prints: list[Print] = []

    def record(self) -> None:
        """Take over what the last step, or the reset, has brought."""
        public, spec = self._market["public"], self._spec
        if public["step"] == 0:
            self.seconds, self.best, self.prints = [], [], []
        self.seconds.append(float(public["time_ns"]) * 1e-9)
        bid, ask = (
            float(public[side]) * spec.tick_size if there else np.nan
            for side, there in zip(("best_bid", "best_ask"), public["depth"] > 0, strict=True)
        )
        self.best.append((bid, ask))
        _, takers = fill_pairs(self._market["event"][: self._market["event_count"]])
        for fill in takers:
            side = 0 if fill["liquidity"] == Liquidity.AUCTION else int(fill["side"])
            price, quantity = fill["price_ticks"] * spec.tick_size, fill["quantity_lots"] * spec.lot_size
            self.prints.append(Print(float(fill["time_ns"]) * 1e-9, float(price), float(quantity), side))

    def levels(self, side: Side) -> list[Level]:
        """Return the ten best levels of a side, best first."""
        index, spec = (1 - side) // 2, self._spec
        shown = self._market["public"]["level"][index, : self._market["public"]["depth"][index]]
        own = self._own_orders(side)
        return [
            Level(
                float(level["price_ticks"] * spec.tick_size),
                float(level["quantity_lots"] * spec.lot_size),
                own.get(int(level["price_ticks"]), {}),
            )
            for level in shown
        ]

    def _own_orders(self, side: Side) -> dict[int, dict[str, float]]:
        """Return the displayed quantity of each watched agent by price in ticks."""
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
        """Return what each watched agent has."""
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
        """Return a quantity as text; a `sign` of "+" writes it of gains too."""
        return f"{value:{sign},.{self.quantity_digits}f}"


def decimals(size: float) -> int:
    """Return how many decimals multiples of `size` have."""
    return max(0, -int(decimal(size).normalize().as_tuple().exponent))


def path(view: MarketView) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times (records,) and best bids and asks (records, 2)."""
    return np.array(view.seconds), np.array(view.best).reshape(-1, 2)
