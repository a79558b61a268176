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
    """What a seat is scored by.

    Attributes:
        reward: compiled function of signature `marl_market.env.trader.REWARD`.
    """

    @property
    def reward(self) -> Any: ...

    def parameters(self, spec: MarketSpec) -> Sequence[float]:
        """Return what the reward reads from mind.reward_parameter."""
        ...
