"""An attacker of quotes that the news has overtaken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.exchange.codes import TimeInForce
from marl_market.exchange.commands import submit_limit_order
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

IMMEDIATE_OR_CANCEL = int(TimeInForce.IMMEDIATE_OR_CANCEL)


@trader
def snipe(public, seat, params):  # type: ignore[no-untyped-def]
    """Take what is offered at a worse price than the value, and nothing else."""
    edge, limit, position = params.value[0], int(params.value[1]), seat.account.position
    if public.depth[1] > 0 and public.best_ask <= seat.agent.signal - edge and position < limit:
        submit_limit_order(seat, 1, math.floor(seat.agent.signal - edge), limit - position, 0, IMMEDIATE_OR_CANCEL, 0)
    elif public.depth[0] > 0 and public.best_bid >= seat.agent.signal + edge and position > -limit:
        submit_limit_order(seat, -1, math.ceil(seat.agent.signal + edge), limit + position, 0, IMMEDIATE_OR_CANCEL, 0)
    return DECIDED


@dataclass(frozen=True)
class StaleQuoteSniper:
    """Pick off quotes that makers have not yet moved (Budish, Cramton and Shim 2015). For robustness research only.

    Sees: the fundamental value without delay, the touch, its own position.
    Does: when the best ask is `edge` or more below the value, an immediate-or-cancel order for all that is offered up
        to there; the same with a bid that is too high. Never holds more than `position_limit`.

    An attacker is in the simulator to measure how robust others are to it; it is not meant for any real market.

    Attributes:
        edge: gain on the value it demands, in price scales of the market.
        position_limit: most it holds, in size scales of the market.
    """

    trader = snipe
    observes = False
    warms_up = False
    params_per_market = False
    privileges = ("fundamental",)
    edge: float = 0.5
    position_limit: float = 20.0

    def __post_init__(self) -> None:
        require(self.edge >= 0, "stale_quote_sniper.edge", self.edge, "zero or more")
        require(self.position_limit > 0, "stale_quote_sniper.position_limit", self.position_limit, "above zero")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return the edge in ticks and the position limit in lots."""
        return (self.edge * spec.price_scale_ticks, spec.lots(self.position_limit))
