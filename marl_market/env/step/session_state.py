"""The state of a session of a batch of markets: a value, from which any batch of the same environment continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from marl_market.market.spec import MarketSpec


@dataclass(frozen=True, eq=False)
class SessionState:
    """The state of every market of a batch between two steps; its length is the number of markets.

    Attributes:
        layout: sizes that a batch must share to continue from it.
        specs: of each market.
        content: packed bytes of all markets, see `marl_market.env.step.state`.
        starts: (markets + 1,) index of each market's first byte, and the number of bytes.
        steps_left: of the session.
    """

    layout: tuple[object, ...]
    specs: tuple[MarketSpec, ...]
    content: NDArray[np.uint8]
    starts: NDArray[np.int64]
    steps_left: int

    def __len__(self) -> int:
        return len(self.specs)

    def take(self, markets: Sequence[int] | NDArray[np.integer]) -> Self:
        """Return the state of the given markets, each as often as it is named: `take([0] * 8)` branches market 0."""
        parts = [self.content[self.starts[market] : self.starts[market + 1]] for market in markets]
        starts = np.concatenate([[0], np.cumsum([part.size for part in parts])]).astype(np.int64)
        specs = tuple(self.specs[market] for market in markets)
        return type(self)(self.layout, specs, np.concatenate(parts), starts, self.steps_left)
