"""Metrics of a training iteration, each declared once.

`MARKET_METRICS` and `GROUP_METRICS` (and of markets that replay a recording `REPLAY_MEASURES`) are their only
declaration: the keys `market/<name>` and `group/<group>/<name>` in
W&B, metrics.jsonl and metrics.parquet, the tables and the learning curves of the report all follow from it.
Learners add `learner/<group>/...`; a key without a slash is of the run as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.evaluation.order_warnings import REMEDIES
from marl_market.evaluation.outcomes import CURRENCY
from marl_market.evaluation.replay_impact import REPLAY_MEASURES, ReplayMeasure
from marl_market.exchange.codes import Reason
from marl_market.market.units import decimal

if TYPE_CHECKING:
    from marl_market.env.environment import EnvironmentSpec

Values = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """One quantity of a market, or of a group per seat and session.

    Attributes:
        name: last part of its key.
        label: its name in the report.
        unit: of a value; money is computed in cash units and logged in currency.
        description: one clause.
        values: function from a sampled session to the values; of a group metric (markets, seats).
        aggregate: over all values; of a group metric over markets and the group's seats.
        curve: whether the report draws it against environment steps, for each learning group.
        over: denominator, a function as `values`: the metric is then the ratio of both sums, 0 without a denominator.
        rare: whether it is logged only where it is not zero.
    """

    name: str
    label: str
    unit: str
    description: str
    values: Callable[[SampledSession], Values]
    aggregate: Literal["mean", "sum", "std"] = "mean"
    curve: bool = False
    over: Callable[[SampledSession], Values] | None = None
    rare: bool = False

    def compute(self, session: SampledSession, seats: slice | None = None, cash_unit: float = 1.0) -> float:
        """Return its value over the seats of a group, or of all values; NaN where there are none."""
        values = self.values(session) if seats is None else self.values(session)[:, seats]
        if self.over is not None:
            total = self.over(session)[:, seats or slice(None)].sum()
            return float(values.sum() / max(total, 1))
        if values.size == 0:
            return float("nan")
        value = float(getattr(values, self.aggregate)())
        return value * cash_unit if self.unit == CURRENCY else value


def quoted_spread(session: SampledSession) -> Values:
    """Return the spreads (any,) in ticks of all steps and markets with both sides quoted."""
    return session.spread[~np.isnan(session.spread)]


def orders_sent(session: SampledSession) -> Values:
    """Return the orders and replacements that each seat sent (markets, seats)."""
    return session.orders


def orders_rejected(session: SampledSession) -> Values:
    """Return the rejected ones of them (markets, seats)."""
    return session.rejections.sum(-1)


def rejected_for(reason: Reason, session: SampledSession) -> Values:
    """Return those rejected for one reason (markets, seats)."""
    return session.rejections[..., reason]


REJECTION_METRICS: tuple[Metric, ...] = tuple(
    Metric(
        f"rejections/{reason.name.lower()}", f"rejected: {reason.name.lower().replace('_', ' ')}", "share of orders",
        remedy, partial(rejected_for, reason), over=orders_sent, rare=True,
    )
    for reason, remedy in REMEDIES.items()
)  # fmt: skip
"""The rejections of a group by reason; a reason that did not occur is not logged, since there are twenty of them."""


MARKET_METRICS: tuple[Metric, ...] = (
    Metric("spread_ticks", "spread", "ticks", "mean while both sides are quoted", quoted_spread),
    Metric("trades_per_step", "trades", "per step", "mean over steps", lambda session: session.trades),
    Metric(
        "volatility_ticks", "volatility", "ticks per step", "standard deviation of the reference price's change",
        lambda session: np.diff(session.price, axis=0), aggregate="std",
    ),
)  # fmt: skip


def replay_measure(measure: ReplayMeasure, session: SampledSession) -> Values:
    """Return a measure of the replay of each market (markets,)."""
    return np.zeros(0) if session.replay is None else measure.values(session.replay)


REPLAY_METRICS: tuple[Metric, ...] = tuple(
    Metric(f"replay_{measure.name}", measure.label, measure.unit, measure.description, partial(replay_measure, measure))
    for measure in REPLAY_MEASURES
)
"""Logged where a market replays a recording."""

GROUP_METRICS: tuple[Metric, ...] = (
    Metric("reward", "reward", "reward", "sum of rewards", lambda session: session.reward, curve=True),
    Metric("pnl", "PnL after fees", CURRENCY, "profit at the mark, after fees", lambda session: session.profit),
    Metric(
        "closing_pnl", "PnL if closed", CURRENCY, "profit if all positions were closed at the end, after fees",
        lambda session: session.closing_profit,
    ),
    Metric("fees", "fees", CURRENCY, "fees paid less rebates earned", lambda session: session.fees),
    Metric("orders", "orders", "orders", "orders and replacements sent, rejected ones included", orders_sent),
    Metric("fills", "fills", "fills", "number of fills", lambda session: session.fills),
    Metric(
        "fill_ratio", "fill ratio", "share of lots", "quantity traded of the quantity ordered",
        lambda session: session.traded_lots, over=lambda session: session.ordered_lots,
    ),
    Metric("rejections", "rejections", "share of orders", "rejected by the venue", orders_rejected, over=orders_sent),
    *REJECTION_METRICS,
)  # fmt: skip


def session_metrics(session: SampledSession, environment: EnvironmentSpec) -> dict[str, float]:
    """Return all declared metrics of a session by their keys, money in currency."""
    cash_unit = float(decimal(environment.spec.cash_unit))
    of_market = MARKET_METRICS if session.replay is None else (*MARKET_METRICS, *REPLAY_METRICS)
    metrics = {f"market/{metric.name}": metric.compute(session, None, cash_unit) for metric in of_market}
    for group in environment.groups:
        seats = environment.seats_of(group.name)
        for metric in GROUP_METRICS:
            value = metric.compute(session, seats, cash_unit)
            if value != 0 or not metric.rare:
                metrics[f"group/{group.name}/{metric.name}"] = value
    return metrics
