"""Outcomes of the groups in a match, one declared column a quantity.

`OUTCOME_COLUMNS` is their only declaration: the fields of evaluation.json, the columns of the W&B table, the table and
the bar figures of the report all follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.evaluation.statistics import CONFIDENCE, finite_array, interval_of_mean

if TYPE_CHECKING:
    from marl_market.evaluation.match import Match

CURRENCY = "currency"
"""Unit of money; a report names the market's currency in its place."""


@dataclass(frozen=True)
class OutcomeColumn:
    """One quantity of the seats of a group in an average session.

    Attributes:
        name: first part of its field names.
        label: header of its column in the report.
        unit: of a value; per seat and session.
        description: one clause.
        values: function from a match to the values (sessions, seats).
        aggregate: over seats and sessions: the mean of the values or of their sizes.
        interval: whether the mean has a `CONFIDENCE` interval over sessions.
        figure: title of its bars in the report, None without a figure.
    """

    name: str
    label: str
    unit: str
    description: str
    values: Callable[[Match], ArrayLike]
    aggregate: Literal["mean", "mean_abs"] = "mean"
    interval: bool = False
    figure: str | None = None

    @property
    def mean_field(self) -> str:
        """Return the name of the field of its mean."""
        return f"{self.name}_{self.aggregate}"

    @property
    def interval_fields(self) -> tuple[str, ...]:
        """Return the names of the fields of both ends of its interval, none without an interval."""
        return (f"{self.name}_low", f"{self.name}_high") if self.interval else ()

    def summarize(self, values: NDArray[np.float64]) -> dict[str, float]:
        """Return its fields for values (sessions, seats).

        Seats of one session share its market and are not independent, so the interval is over the sessions' means.
        """
        sizes = np.abs(values) if self.aggregate == "mean_abs" else values
        ends = interval_of_mean(sizes.mean(axis=1), CONFIDENCE) if self.interval else ()
        return {self.mean_field: float(sizes.mean()), **dict(zip(self.interval_fields, ends, strict=True))}


OUTCOME_COLUMNS: tuple[OutcomeColumn, ...] = (
    OutcomeColumn(
        "pnl", "PnL after fees", CURRENCY, "profit at the mark, after fees", lambda match: match.profit,
        interval=True, figure="Profit and loss, after fees",
    ),
    OutcomeColumn(
        "closing_pnl", "PnL if closed", CURRENCY, "profit if all positions were closed at the close, after fees",
        lambda match: match.closing_profit, interval=True, figure="Profit and loss if closed, after fees",
    ),
    OutcomeColumn(
        "fees", "fees", CURRENCY, "fees paid less rebates earned", lambda match: match.fees, figure="Fees paid",
    ),
    OutcomeColumn("traded_lots", "lots traded", "lots", "quantity traded", lambda match: match.traded_lots),
    OutcomeColumn("trades", "trades", "fills", "number of fills", lambda match: match.trades),
    OutcomeColumn("orders", "orders", "orders", "orders and replacements sent", lambda match: match.counts.orders),
    OutcomeColumn(
        "rejections", "rejected", "orders", "orders and replacements that the venue rejected",
        lambda match: match.counts.rejections.sum(-1),
    ),
    OutcomeColumn(
        "fill_ratio", "fill ratio", "of 1", "quantity traded of the quantity ordered, mean over seats",
        lambda match: match.counts.traded_lots / np.maximum(match.counts.ordered_lots, 1),
    ),
    OutcomeColumn(
        "final_position", "final position, abs. lots", "lots", "size of the position at the close",
        lambda match: match.position_lots, aggregate="mean_abs",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class GroupOutcome:
    """Outcome of the seats of one group in an average session.

    Attributes:
        group: name of the group.
        seats: seats of the group in one market.
        sessions: number of sessions measured.
        statistics: the fields of all `OUTCOME_COLUMNS`, per seat and session.
    """

    group: str
    seats: int
    sessions: int
    statistics: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return `outcome_fields` and their values, flat."""
        return {"group": self.group, "seats": self.seats, "sessions": self.sessions, **self.statistics}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GroupOutcome:
        """Return the outcome of a flat mapping of all `outcome_fields`."""
        statistics = {name: data[name] for name in outcome_fields()[3:]}
        return cls(data["group"], data["seats"], data["sessions"], statistics)


def outcome_fields() -> list[str]:
    """Return the names of all fields of a group's outcome, in order."""
    columns = [name for column in OUTCOME_COLUMNS for name in (column.mean_field, *column.interval_fields)]
    return ["group", "seats", "sessions", *columns]


def outcomes_of(match: Match) -> tuple[GroupOutcome, ...]:
    """Return the outcome of each group of a match."""
    values = {column.name: np.asarray(column.values(match)) for column in OUTCOME_COLUMNS}
    seats = {group.name: match.environment.seats_of(group.name) for group in match.environment.groups}
    return tuple(
        summarize_group(group, {name: each[:, mine] for name, each in values.items()}) for group, mine in seats.items()
    )


def summarize_group(group: str, values: Mapping[str, ArrayLike]) -> GroupOutcome:
    """Summarize a group: `values` are arrays (sessions, seats) by the names of all `OUTCOME_COLUMNS`.

    Raises ValueError where names or shapes differ, there are fewer than two sessions or no seats, or a value is not
    finite.
    """
    names = [column.name for column in OUTCOME_COLUMNS]
    if set(values) != set(names):
        raise ValueError(f"{group}: outcomes are {sorted(values)}; they must be exactly {names}")
    arrays = {name: finite_array(values[name], f"{group}: {name}", dimensions=2) for name in names}
    shape = arrays[names[0]].shape
    for name, array in arrays.items():
        if array.shape != shape:
            raise ValueError(f"{group}: {name} has shape {array.shape}; it must be that of {names[0]}, {shape}")
    sessions, seats = shape
    if sessions < 2 or seats < 1:
        raise ValueError(f"{group}: {sessions} sessions of {seats} seats; an interval needs two sessions and one seat")
    summaries = [column.summarize(arrays[column.name]) for column in OUTCOME_COLUMNS]
    return GroupOutcome(group, seats, sessions, {name: value for each in summaries for name, value in each.items()})
