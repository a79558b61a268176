"""Warnings of groups whose orders the venue rejects, or that send none: a mistake that shows nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.codes import Reason

if TYPE_CHECKING:
    from marl_market.env.environment import EnvironmentSpec

MOST_ORDERS = 0.9
"""Share of a group's orders from which on their rejection is a warning."""

REMEDIES: Mapping[Reason, str] = {
    Reason.QUANTITY_NOT_POSITIVE: "a quantity must be one lot or more, and no NaN",
    Reason.QUANTITY_ABOVE_MAXIMUM: "a quantity must be smaller, or market.lot_size larger, see market.limits",
    Reason.NOTIONAL_ABOVE_MAXIMUM: "price (and trigger) * quantity must be smaller, or market.cash_unit larger",
    Reason.PRICE_OUT_OF_RANGE: "a price and a trigger must be a finite number of ticks",
    Reason.SIDE_UNKNOWN: "a side must be +1 (buy) or -1 (sell)",
    Reason.COMMAND_UNKNOWN: "a command must be a CommandKind; the functions of marl_market.env.trading write no other",
    Reason.ORDER_UNKNOWN: "an order to replace must be an open one of the seat: seat.live names their slots",
    Reason.TOO_MANY_ORDERS: "a seat must cancel orders before it has SEAT_ORDERS open ones",
    Reason.TIME_IN_FORCE_NOT_ALLOWED: "POST_ONLY must be a limit order, FILL_OR_KILL a limit or market order",
    Reason.WOULD_TAKE: "a POST_ONLY order must not reach the best opposite price",
    Reason.CANNOT_FILL_ALL: "a FILL_OR_KILL order must find its whole quantity in the book",
    Reason.OUTSIDE_PRICE_BAND: "a price must lie within market.rules.price_band_ticks of the reference price",
    Reason.MARKET_HALTED: "orders must wait for the end of a halt, see market.rules.halt_steps",
    Reason.NOT_IN_AUCTION: "an order in a call auction must be one that may rest, see market.rules",
    Reason.DISPLAY_NEGATIVE: "the displayed quantity of an iceberg must be zero (all) or more",
    Reason.LIFETIME_NEGATIVE: "the lifetime of an order must be zero steps (it stays until canceled) or more",
    Reason.INSUFFICIENT_FUNDS: "buying power must cover an order: lower its size or raise market.credit.initial_cash",
    Reason.SHORT_LIMIT: "a sale must keep the position above market.credit's short limit",
    Reason.SEAT_ABSENT: "a seat must be in the market when its order arrives, see population.<group>.participation",
    Reason.TOO_MANY_IN_FLIGHT: "a seat must have at most SEAT_IN_FLIGHT commands in flight: fewer, or a lower latency",
    Reason.SESSION_OVER: "an order must arrive before the close: a lower latency, or a longer session",
    Reason.REDUCE_ONLY: "a reduce-only order must be on the other side than the position",
    Reason.TOO_MANY_COMMANDS: "a decision must write at most SEAT_COMMANDS commands",
}
"""What would be right, by reason: every reason for which the venue rejects an order."""


def order_warnings(
    environment: EnvironmentSpec, orders: NDArray[np.int64], rejections: NDArray[np.int64]
) -> dict[str, str]:
    """Return one sentence for each group that sent no order, or nearly all of whose orders were rejected, by name.

    A group that moves the fundamental value need not trade.

    Args:
        environment: the groups.
        orders: sent by each seat (sessions, seats).
        rejections: of these, by Reason (sessions, seats, reasons).
    """
    warnings = {}
    for group in environment.groups:
        seats = environment.seats_of(group.name)
        sent, rejected = int(orders[:, seats].sum()), rejections[:, seats].sum((0, 1))
        if sent == 0 and not group.agent.traits.moves_fundamental:
            warnings[group.name] = (
                f"population.{group.name} sent no order in {len(orders)} sessions; an agent that trades must submit one"
            )
        elif sent > 0 and rejected.sum() >= MOST_ORDERS * sent:
            reason = Reason(int(rejected.argmax()))
            warnings[group.name] = (
                f"population.{group.name} had {rejected.sum() / sent:.0%} of its {sent:,} orders rejected, "
                f"most as {reason.name}: {REMEDIES[reason]}"
            )
    return warnings
