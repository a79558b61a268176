"""Trading towards a position, and executing a parent order: what takers have in common."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.commands import HIGHEST_PRICE, submit_limit, submit_market
from marl_market.exchange.compiled import compiled
from marl_market.market.validation import require


@compiled
def take_at_any_price(seat, side, lots, auction):  # type: ignore[no-untyped-def]
    """Send a market order or, to a call auction, which takes none, a limit order that any price is good for."""
    if auction == 0.0:
        submit_market(seat, side, lots)
    else:
        submit_limit(seat, side, side * HIGHEST_PRICE, lots)


@compiled
def trade_towards(seat, position):  # type: ignore[no-untyped-def]
    """Buy or sell at market what is missing to `position`, in lots."""
    change = np.int64(position) - seat.account.position
    if change > 0:
        submit_market(seat, 1, change)
    elif change < 0:
        submit_market(seat, -1, -change)


@compiled
def execute_up_to(seat, side, quantity, share):  # type: ignore[no-untyped-def]
    """Trade at market what is missing to `share` of a parent order of `quantity` lots on `side`; never trade back."""
    goal = np.int64(np.floor(quantity * min(1.0, max(0.0, share)) + 0.5))
    missing = goal - np.int64(side) * seat.account.position
    if missing > 0:
        submit_market(seat, np.int64(side), missing)


@compiled
def share_of_horizon(public, horizon):  # type: ignore[no-untyped-def]
    """Return the share of the first `horizon` parts of a session that is over when this step is."""
    return min(1.0, (max(public.step, 0) + 1.0) / max(1.0, np.floor(horizon * public.session_steps + 0.5)))


def require_parent_order(name: str, side: int, size: float, horizon: float) -> None:
    """Raise ValueError for a parent order that the execution trader `name` cannot have."""
    require(side in (-1, 1), f"{name}.side", side, "1 to buy or -1 to sell")
    require(size > 0, f"{name}.size", size, "above zero")
    require(0 < horizon <= 1, f"{name}.horizon", horizon, "above 0 and at most 1")
