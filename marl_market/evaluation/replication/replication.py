"""A published number and its replication here, and the sessions in which it is measured."""

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

from marl_market.agents.sampling.session import play_session
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

HALF_STEP_LATENCY = Latency(entry=Delay(floor_ns=5e8))
"""Half a step of a bare market: orders this late meet the quotes that faster agents send in the same step."""


@dataclass(frozen=True)
class Replication:
    """One quantity, as published and as measured here.

    Attributes:
        name: of the quantity.
        published: its published value.
        margin: uncertainty of `published`: its own sampling error, its rounding.
        measured: its value in this market.
        error: standard error of `measured`.
    """

    name: str
    published: float
    margin: float
    measured: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Return the bounds of `measured`: `published` less and plus the margin and three standard errors."""
        width = self.margin + STANDARD_ERRORS * self.error
        return self.published - width, self.published + width

    @property
    def holds(self) -> bool:
        """Return whether `measured` lies within the interval."""
        low, high = self.interval
        return bool(low <= self.measured <= high)

    def to_text(self) -> str:
        """Return one line of a table, without its end."""
        low, high = self.interval
        verdict = "holds" if self.holds else "FAILS"
        return (
            f"{self.name:72} {self.published:>10.4f} {self.measured:>10.4f} {f'{low:.4f} .. {high:.4f}':>24}  {verdict}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, the interval and the verdict, ready for JSON."""
        return {**asdict(self), "interval": self.interval, "holds": self.holds}


def mean_replication(name: str, published: float, margin: float, values: NDArray[Any]) -> Replication:
    """Return the replication of the mean of independent values."""
    return Replication(name, published, margin, float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)))


def deviation_replication(name: str, published: float, margin: float, values: NDArray[Any]) -> Replication:
    """Return the replication of the standard deviation of independent values; its error holds for any distribution."""
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
    return MarketSpec(name="replication", flow=OrderFlow(**flow), **fields)


def play_sessions(
    spec: MarketSpec,
    groups: Sequence[Group],
    sessions: int,
    on_step: Callable[[BatchMarket], None] | None = None,
    seed: int = 0,
    prepare: Callable[[BatchMarket, int], None] | None = None,
) -> Iterator[BatchMarket]:
    """Play at least `sessions` sessions, a batch at a time, and yield each batch at its close.

    `prepare` is called with the batch and its first seed before each reset, `on_step` with the batch after every step.
    """
    environment = EnvironmentSpec(spec, groups, {"clock": Clock()}, Quotes(), {"profit": Profit()})
    size = min(BATCH, sessions)
    batch = BatchMarket(environment, size)
    after_step = None if on_step is None else lambda _: on_step(batch)
    for first in range(seed, seed + sessions, size):
        if prepare is not None:
            prepare(batch, first)
        play_session(batch, (), range(first, first + size), on_step=after_step)
        yield batch


def accounts_of(batch: BatchMarket, group: str) -> NDArray[np.void]:
    """Return a copy of the accounts (markets, seats) of a group."""
    return np.array(batch.markets["seat"]["account"][:, batch.environment.seats_of(group)])


def wealth_of(batch: BatchMarket, group: str, price_ticks: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Return cash plus position (markets, seats) of a group in currency, at the mark or at `price_ticks` (markets,)."""
    account, public = accounts_of(batch, group), batch.markets["public"]
    price = 0.5 * public["twice_mark_ticks"] if price_ticks is None else price_ticks
    equity = account["position"] * (price * public["cash_per_tick_lot"])[:, None]
    return np.asarray((account["cash"] + equity) * batch.environment.spec.cash_unit)


def publications() -> dict[str, ModuleType]:
    """Return the modules of this package, one a publication, by name; each has `measure(quick)`."""
    names = [
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "replication"
    ]
    return {name: import_module(f"{__package__}.{name}") for name in names}
