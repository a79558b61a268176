"""An attacker of stale quotes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.trading import DECIDED, MarketSpec, TimeInForce, Traits, require, submit_limit_order, trader

IMMEDIATE_OR_CANCEL = int(TimeInForce.IMMEDIATE_OR_CANCEL)


@trader
def snipe(public, seat, params):  # type: ignore[no-untyped-def]
    """Take every quote that is mispriced by the edge or more, and no other."""
    edge, limit, position = params.value[0], int(params.value[1]), seat.account.position
    if public.depth[1] > 0 and public.best_ask <= seat.agent.signal - edge and position < limit:
        submit_limit_order(seat, 1, math.floor(seat.agent.signal - edge), limit - position, 0, IMMEDIATE_OR_CANCEL, 0)
    elif public.depth[0] > 0 and public.best_bid >= seat.agent.signal + edge and position > -limit:
        submit_limit_order(seat, -1, math.ceil(seat.agent.signal + edge), limit + position, 0, IMMEDIATE_OR_CANCEL, 0)
    return DECIDED


@dataclass(frozen=True)
class StaleQuoteSniper:
    """Pick off stale quotes (Budish, Cramton and Shim 2015). For robustness research only.

    Sees: the fundamental value without delay, the best bid and offer, its own position.
    Does: when the best ask is `edge` or more below the value, an immediate-or-cancel order for all asks up to there;
        the same with bids that are too high. Never holds more than `position_limit`.

    Attackers serve to measure the robustness of other agents in simulation; not for use in any real market.

    Attributes:
        edge: minimum gain on the value, in price scales of the market.
        position_limit: maximum position, in size scales of the market.
    """

    trader = snipe
    traits = Traits(privileges=("fundamental",))
    edge: float = 0.5
    position_limit: float = 20.0

    def __post_init__(self) -> None:
        require(self.edge >= 0, "stale_quote_sniper.edge", self.edge, "zero or more")
        require(self.position_limit > 0, "stale_quote_sniper.position_limit", self.position_limit, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the edge in ticks and the position limit in lots."""
        return (self.edge * spec.price_scale_ticks, spec.lots(self.position_limit))
