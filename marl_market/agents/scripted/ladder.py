"""A market maker with a ladder of quotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.agents.scripted.quoting import quote_both_sides
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

LEVELS = 7
"""As many as a seat's commands of one step allow on both sides, beside the cancel."""


@trader
def quote(public, seat, params):  # type: ignore[no-untyped-def]
    """Quote evenly spaced levels around the middle."""
    table, middle = params.value, public.reference_ticks
    bid, ask = middle - table[0], middle + table[0]
    quote_both_sides(public, seat, bid, ask, table[2], table[2], int(table[3]), table[1])
    return DECIDED


@dataclass(frozen=True)
class Ladder:
    """Quote equal sizes at evenly spaced prices (Chakraborty and Kearns 2011).

    Sees: the mid price, the touch.
    Does: replaces `levels` bids and asks each step, the first half a spread from the mid price; never crosses the
        touch. In a call auction it is a linear supply schedule of slope spacing / size, as Kyle's dealers post.

    Attributes:
        spread: distance of the first bid and ask, in price scales of the market.
        spacing: distance of the levels, in price scales of the market.
        levels: number of levels on each side.
        size: quantity of each level, in size scales of the market.
    """

    trader = quote
    observes = False
    warms_up = True
    params_per_market = False
    spread: float = 1.0
    spacing: float = 0.5
    levels: int = 4
    size: float = 1.0

    def __post_init__(self) -> None:
        for name in ("spread", "spacing", "size"):
            require(getattr(self, name) > 0, f"ladder.{name}", getattr(self, name), "above zero")
        require(1 <= self.levels <= LEVELS, "ladder.levels", self.levels, f"1 to {LEVELS}")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return half the spread and the spacing in ticks, the size in lots and the number of levels."""
        scale = spec.price_scale_ticks
        return (0.5 * self.spread * scale, max(1.0, self.spacing * scale), spec.lots(self.size), self.levels)
