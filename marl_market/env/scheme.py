"""How a seat sees, acts and is scored: the three schemes of an environment, each a file and a yaml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from marl_market.market.spec import MarketSpec


class ObservationScheme(Protocol):
    """A part of what a seat sees.

    Attributes:
        encoder: compiled function of signature `marl_market.env.trader.ENCODER`; it writes `size` numbers.
        size: how many numbers it writes.
        digests: whether it needs the market's events, candles, fills or queue places kept up to date.
        shared: whether all seats of a market see the same (then it is encoded once).
    """

    @property
    def encoder(self) -> Any: ...
    @property
    def size(self) -> int: ...
    @property
    def shared(self) -> bool: ...
    @property
    def digests(self) -> bool: ...


class ActionScheme(Protocol):
    """What a seat can do.

    Attributes:
        decoder: compiled function of signature `marl_market.env.trader.TRADER` that turns seat.action into commands.
        size: how many numbers an action has, each meant to lie in [-1, 1].
    """

    @property
    def decoder(self) -> Any: ...
    @property
    def size(self) -> int: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the decoder reads from mind.parameter, in ticks and lots."""
        ...


class RewardScheme(Protocol):
    """A part of what a seat is scored by.

    Attributes:
        reward: compiled function of signature `marl_market.env.trader.REWARD`.
        weight: what its result is multiplied by in the sum of all parts.
    """

    @property
    def reward(self) -> Any: ...
    @property
    def weight(self) -> float: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the reward reads from its row of mind.reward_parameter."""
        ...


def money_scale(spec: MarketSpec) -> float:
    """Return the cash units of one price scale on one size scale: the unit in which rewards count money."""
    return spec.price_scale_ticks * spec.size_scale_lots * spec.cash_per_tick_lot


def require(condition: bool, name: str, value: object, wanted: str) -> None:
    """Raise ValueError, naming the config key, its value and what is wanted, unless `condition` holds."""
    if not condition:
        raise ValueError(f"{name} is {value!r}; it must be {wanted}")
