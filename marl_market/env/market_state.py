"""The state of a whole market as one array, for centralized critics: no trader of a real market observes it.

It holds, in this order, each value with name, unit and bounds as those of observations (`MarketState.values`):

- the remaining share of the session;
- for each instrument, the ten best price levels of each side as the `book` observation has them;
- for each seat, scripted ones included, whether it is in the market and whether it acts in the next step;
- for each seat in each instrument, position, equity and open quantities as the `account` observation has them.

All of it is without delay, whatever the latency of market data.
"""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.values import Value, repeated
from marl_market.env.observations.account import VALUES as ACCOUNT_VALUES
from marl_market.env.observations.book import VALUES as BOOK_VALUES
from marl_market.env.observations.clock import VALUES as CLOCK_VALUES
from marl_market.exchange.records import PUBLIC_LEVELS

SEAT_VALUES = (Value("alive", "yes", 0.0, 1.0), Value("acts", "yes", 0.0, 1.0))
MONEY_VALUES = tuple(value for value in ACCOUNT_VALUES if value.name in ("position", "equity", "open_bid", "open_ask"))

Floats = NDArray[np.float32]


class MarketState:
    """Encode the state of the markets of one environment.

    Attributes:
        values: name, unit and bounds of each value.
        space: Box of the values, float32.
    """

    def __init__(self, environment: EnvironmentSpec) -> None:
        """Lay out the values of `environment`."""
        spec = environment.spec
        seats = [agent for group in environment.groups for agent in environment.agents_of(group.name)]
        instruments = [spec.name, *spec.further_instruments]
        in_instruments = [f"{seat}_{name}" for name in instruments for seat in seats] if len(instruments) > 1 else seats
        self.values = (
            *CLOCK_VALUES,
            *repeated(instruments, BOOK_VALUES),
            *repeated(seats, SEAT_VALUES),
            *repeated(in_instruments, MONEY_VALUES),
        )
        bounds = np.array([(value.low, value.high) for value in self.values], np.float32)
        self.space = Box(bounds[:, 0], bounds[:, 1], dtype=np.float32)

    def encode(self, batch: BatchMarket) -> Floats:
        """Return the states `(markets, size)` of the markets of `batch`, as they are after its last step or reset."""
        public, seats = batch.instruments["public"], batch.environment.seats
        seat = batch.instruments["seat"][..., :seats]
        alive = seat["present"][0] == 1
        parts = [
            1.0 - public["step"][0, :, None] / public["session_steps"][0, :, None],
            *(encode_book(each) for each in public),
            np.stack([alive, batch.active], axis=-1),
            *(encode_accounts(*each) for each in zip(public, seat["account"], strict=True)),
        ]
        markets = batch.markets.size
        return np.concatenate([part.reshape(markets, -1) for part in parts], axis=1, dtype=np.float32)


def encode_book(public: NDArray[np.void]) -> NDArray[np.float64]:
    """Return the (distance, quantity) of the best levels `(markets, 2, levels, 2)` of one instrument."""
    level, scale = public["level"][..., :PUBLIC_LEVELS], public["size_scale_lots"][:, None, None]
    ticks = level["price_ticks"] - public["reference_ticks"][:, None, None]
    lots = level["quantity_lots"].astype(np.float64)
    values = np.stack([ticks * public["per_price_scale"][:, None, None], lots / (lots + scale)], axis=-1)
    exists = np.arange(PUBLIC_LEVELS) < public["depth"][..., None]
    return np.where(exists[..., None], values, 0.0)


def encode_accounts(public: NDArray[np.void], account: NDArray[np.void]) -> NDArray[np.float64]:
    """Return (position, equity, open bid, open ask) `(markets, seats, 4)` of one instrument."""
    public = public[:, None]
    value = 0.5 * account["position"] * public["twice_mark_ticks"] * public["cash_per_tick_lot"]
    opened = account["open_lots"] * public["per_size_scale"][..., None]
    own = (
        0.1 * account["position"] * public["per_size_scale"],
        (account["cash"] + value) * public["per_wealth_scale"],
    )
    return np.concatenate([np.stack(own, axis=-1), opened], axis=-1)
