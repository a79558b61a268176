"""Seats that send every kind of order there is, and change and cancel them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.commands import (
    cancel,
    replace,
    submit_limit_order,
    submit_market,
    submit_stop,
    submit_stop_limit,
)
from marl_market.exchange.random_streams import below
from marl_market.market.spec import MarketSpec
from tests.builders import environment


@trader
def send_anything(public, seat, params):  # type: ignore[no-untyped-def]
    """Send an order of any kind at about the last price, or change one that is open."""
    side = 1 - 2 * below(seat, 2)
    price = np.float64(public.last_trade_ticks) - side * (below(seat, 9) - 3)
    quantity = 2 + below(seat, 6)
    choice = below(seat, 6)
    if choice == 0:
        submit_stop(seat, side, price + 4 * side, quantity)
    elif choice == 1:
        submit_stop_limit(seat, side, price + 2 * side, price + 3 * side, quantity)
    elif choice == 2:
        submit_market(seat, side, quantity)
    else:
        submit_limit_order(seat, side, price, quantity, 2 * below(seat, 2), below(seat, 4), below(seat, 9))
    slots = seat.live
    if slots != 0 and choice != 5:
        order = seat.order[lowest_bit(slots)]
        if choice == 3:
            cancel(seat, order.order_id)
        else:
            replace(seat, order, order.price_ticks, 1 + below(seat, 8))
    return DECIDED


@dataclass(frozen=True)
class Anything:
    """A mind that knows every command."""

    trader = send_anything
    traits = Traits(warms_up=True)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


def any_environment(spec: MarketSpec) -> EnvironmentSpec:
    """Return a market of ordinary flow, of seats that send everything there is, and of one outside."""
    groups = (Group("noise", ZeroIntelligence(), 4), Group("any", Anything(), 6), Group("outside", External(), 1))
    return environment(groups, spec=spec)
