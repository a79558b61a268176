"""A published number beside the one that this market gives, and the sessions in which it is measured."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.clock import Clock
from marl_market.env.population.group import Group
from marl_market.env.rewards.profit import Profit
from marl_market.market.latency import Delay, Latency
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MarketSpec

STANDARD_ERRORS = 3.0
BATCH = 100

LATER = Latency(entry=Delay(floor_ns=5e8))
"""Half a step of a bare market: the orders of those who are so slow meet the quotes that others send in that step."""


@dataclass(frozen=True)
class Replication:
    """One number, as it was published and as it comes out here.

    Attributes:
        name: what is measured.
        published: the number it must be.
        margin: how far off the published number itself may be: its own sampling error, its rounding.
        measured: the number that the market gives.
        error: standard error of `measured`.
    """

    name: str
    published: float
    margin: float
    measured: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Return between which numbers ours must lie: the margin and three standard errors about the published one."""
        width = self.margin + STANDARD_ERRORS * self.error
        return self.published - width, self.published + width

    @property
    def holds(self) -> bool:
        """Return the verdict."""
        low, high = self.interval
        return bool(low <= self.measured <= high)

    def to_text(self) -> str:
        """Return the truth for a reader, in columns."""
        low, high = self.interval
        verdict = "holds" if self.holds else "FAILS"
        return (
            f"{self.name:72} {self.published:>10.4f} {self.measured:>10.4f} {f'{low:.4f} .. {high:.4f}':>24}  {verdict}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the truth for a program."""
        return {**asdict(self), "interval": self.interval, "holds": self.holds}


def mean_replication(name: str, published: float, margin: float, values: NDArray[Any]) -> Replication:
    """Return the truth about the mean of independent values."""
    return Replication(name, published, margin, float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)))


def deviation_replication(name: str, published: float, margin: float, values: NDArray[Any]) -> Replication:
    """Return the truth about the standard deviation of independent values; its error holds for any distribution."""
    squares = (values - values.mean()) ** 2
    deviation = float(np.sqrt(squares.mean()))
    return Replication(
        name, published, margin, deviation, float(squares.std() / np.sqrt(values.size) / (2.0 * deviation))
    )


def bare_market(**changes: Any) -> MarketSpec:
    """Return a market without fees, delays or warm-up in which one size scale is one lot; `changes` are its fields.

    The fields of its order flow may be given under `flow`, as a dictionary.
    """
    flow = {
        "limit_rate": 1.0,
        "market_rate": 1.0,
        "cancel_rate": 1.0,
        "limit_size_lots": (1.0,) * QUANTILES,
        "market_size_lots": (1.0,) * QUANTILES,
        "limit_offset_ticks": (1.0,) * QUANTILES,
        "spread_ticks": 1.0,
        "volatility_ticks": 1.0,
        "depth_lots": 1.0,
        **changes.pop("flow", {}),
    }
    fields = {"tick_size": 1.0, "lot_size": 1.0, "initial_price": 100.0, "warmup_steps": 0, **changes}
    return MarketSpec(name="truths", flow=OrderFlow(**flow), **fields)


def play_sessions(
    spec: MarketSpec,
    groups: Sequence[Group],
    sessions: int,
    watch: Callable[[BatchMarket], None] | None = None,
    seed: int = 0,
    prepare: Callable[[BatchMarket, int], None] | None = None,
) -> Iterator[BatchMarket]:
    """Play at least so many sessions, a batch at a time, and yield each batch at its close.

    `prepare` is called with the batch and its first seed before each session, `watch` with the batch after every step.
    """
    environment = EnvironmentSpec(spec, groups, {"clock": Clock()}, Quotes(), {"profit": Profit()})
    size = min(BATCH, sessions)
    batch = BatchMarket(environment, size)
    action = np.zeros((size, 0, environment.action_size), np.float32)
    for first in range(seed, seed + sessions, size):
        if prepare is not None:
            prepare(batch, first)
        batch.reset(range(first, first + size))
        for _ in range(spec.session_steps):
            batch.step(action)
            if watch is not None:
                watch(batch)
        yield batch


def accounts_of(batch: BatchMarket, group: str) -> NDArray[np.void]:
    """Return a copy of the accounts (markets, seats) of a group."""
    return np.array(batch.markets["seat"]["account"][:, batch.environment.seats_of(group)])


def wealth_of(batch: BatchMarket, group: str, price_ticks: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Return what the accounts (markets, seats) of a group are worth, in currency, at the mark or a price each."""
    account, public = accounts_of(batch, group), batch.markets["public"]
    price = 0.5 * public["twice_mark_ticks"] if price_ticks is None else price_ticks
    worth = account["position"] * (price * public["cash_per_tick_lot"])[:, None]
    return np.asarray((account["cash"] + worth) * batch.environment.spec.cash_unit)


def families() -> dict[str, ModuleType]:
    """Return the modules of this package that replicate a publication, by name; each has `measure(quick)`."""
    names = [
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "replication"
    ]
    return {name: import_module(f"{__package__}.{name}") for name in names}
