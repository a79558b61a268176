"""Small markets, environments and hand-made records that the tests share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.records import SEAT
from marl_market.env.interface.signatures import PARAMS
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.tape import TradeTape
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.env.rewards.profit import Profit
from marl_market.exchange.records import PUBLIC
from marl_market.market.fees import Fees
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec

LIMIT_SIZES = tuple(1.0 + step for step in range(QUANTILES))
MARKET_SIZES = tuple(2.0 + 0.5 * step for step in range(QUANTILES))
OFFSETS = tuple(1.0 + 0.5 * step for step in range(QUANTILES))


@dataclass(frozen=True)
class Rule:
    """An agent of one function."""

    trader: Any
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


def order_flow(**changes: Any) -> OrderFlow:
    return OrderFlow(
        **{
            "limit_rate": 8.0,
            "market_rate": 2.0,
            "cancel_rate": 4.0,
            "limit_size_lots": LIMIT_SIZES,
            "market_size_lots": MARKET_SIZES,
            "limit_offset_ticks": OFFSETS,
            "spread_ticks": 4.0,
            "volatility_ticks": 2.0,
            "depth_lots": 20.0,
            **changes,
        }
    )


def market_spec(**changes: Any) -> MarketSpec:
    return MarketSpec(
        **{
            "name": "test",
            "tick_size": 0.01,
            "lot_size": 1.0,
            "initial_price": 10.0,
            "flow": order_flow(),
            "fees": Fees(maker_rate=-0.0001, taker_rate=0.0003, maker_per_unit=0.0007, taker_per_unit=-0.0001),
            "session_steps": 12,
            "warmup_steps": 8,
            **changes,
        }
    )


def environment(groups: Sequence[Group] | None = None, **changes: Any) -> EnvironmentSpec:
    """Return two seats that act from outside among four of order flow, or the `groups` given."""
    return EnvironmentSpec(
        **{
            "spec": market_spec(),
            "groups": groups or (Group("noise", ZeroIntelligence(), 4), Group("outside", External(), 2)),
            "observation": {"account": Account(), "book": Book(), "tape": TradeTape(), "clock": Clock()},
            "action": Quotes(),
            "reward": {"profit": Profit()},
            **changes,
        }
    )


def actions(batch: BatchMarket, steps: int, seed: int = 0) -> NDArray[np.float32]:
    """Return random actions for every step of a session, (steps, markets, external seats, action size).

    Continuous ones lie in the action space and a little beyond it.
    """
    shape = (steps, batch.markets.size, batch.external.size, batch.environment.action_size)
    random, choices = np.random.default_rng(seed), batch.num_choices
    if choices is None:
        return random.uniform(-1.2, 1.2, shape).astype(np.float32)
    drawn = random.integers(0, np.maximum(choices, 1), shape)
    if (choices == 0).any():
        return np.where(choices > 0, drawn, random.uniform(-1.2, 1.2, shape)).astype(np.float32)
    return drawn.astype(np.float32)


def public_record(**fields: Any) -> Any:
    """Return a public record of a market at 1000 ticks without quotes."""
    public = np.zeros(1, PUBLIC)[0]
    values = {
        "session_steps": 100,
        "step_seconds": 1.0,
        "reference_ticks": 1000.0,
        "twice_mark_ticks": 2000,
        "last_trade_ticks": 1000,
        "price_scale_ticks": 4.0,
        "size_scale_lots": 6.0,
        "cash_per_tick_lot": 10000,
        **fields,
    }
    for name, value in values.items():
        public[name] = value
    price_scale, size_scale = 1.0 / public["price_scale_ticks"], 1.0 / public["size_scale_lots"]
    public["per_price_scale"], public["per_size_scale"] = price_scale, size_scale
    public["per_wealth_scale"] = 0.01 * size_scale * price_scale / public["cash_per_tick_lot"]
    return public


def show_levels(public: Any, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> None:
    """Write (price, quantity) levels, best first, into a public record, and what follows from them."""
    for index, levels in enumerate((bids, asks)):
        public["depth"][index] = len(levels)
        for place, (price, quantity) in enumerate(levels):
            public["level"][index, place] = (quantity, price, 1)
    if bids:
        public["best_bid"] = bids[0][0]
    if asks:
        public["best_ask"] = asks[0][0]
    if bids and asks:
        public["reference_ticks"] = (bids[0][0] + asks[0][0]) / 2


def seat_record(random_key: int = 0) -> Any:
    seat = np.zeros(1, SEAT)[0]
    seat["random_key"] = random_key
    seat["present"] = seat["present_before"] = 1
    return seat


def params_record(parameters: Sequence[float] = (), reward_parameters: Sequence[float] = (), part: int = 0) -> Any:
    params = np.zeros(1, PARAMS)[0]
    params["value"][: len(parameters)] = parameters
    params["reward_value"][part, : len(reward_parameters)] = reward_parameters
    return params


def commands_of(seat: Any) -> list[tuple[int, int, int, int]]:
    """Return (kind, side, price, quantity) of each command that a seat has written."""
    written = seat["command"][: seat["command_count"]]
    return [(int(row["kind"]), int(row["side"]), int(row["price_ticks"]), int(row["quantity_lots"])) for row in written]
