"""The results of an evaluation as one value, and as the content of evaluation.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Any

from marl_market.evaluation.comparison import Comparison
from marl_market.evaluation.outcomes import GroupOutcome, outcome_fields
from marl_market.evaluation.replay_impact import ReplayImpact


@dataclass(frozen=True)
class Conservation:
    """Errors of position and cash over all sessions; both must be zero.

    Attributes:
        sessions: number of sessions checked.
        position_error_lots: sum over sessions of the absolute sum of all positions, in lots.
        cash_error_units: sum over sessions of the absolute sum of all cash changes and fees, in cash units.
    """

    sessions: int
    position_error_lots: int
    cash_error_units: int

    @property
    def holds(self) -> bool:
        """Return whether positions and cash were conserved exactly in every session."""
        return self.position_error_lots == 0 and self.cash_error_units == 0


@dataclass(frozen=True)
class Evaluation:
    """Results of an evaluation.

    Attributes:
        comparisons: one Comparison a learning group.
        outcomes: one GroupOutcome a group.
        conservation: of all sessions.
        warnings: one sentence a group whose orders were rejected or that sent none.
        replay: impact on the recording that the market replays; None where it replays none.
    """

    comparisons: tuple[Comparison, ...]
    outcomes: tuple[GroupOutcome, ...]
    conservation: Conservation
    warnings: tuple[str, ...] = ()
    replay: ReplayImpact | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, numbers and strings, ready for JSON."""
        return {
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
            "conservation": asdict(self.conservation),
            "warnings": list(self.warnings),
            "replay": None if self.replay is None else asdict(self.replay),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation of `to_dict`; raises ValueError naming a missing, unknown or wrong field."""
        _require_fields(data, _names(cls), "evaluation")
        comparisons, outcomes = data["comparisons"], data["outcomes"]
        return cls(
            tuple(Comparison(**_checked(row, _names(Comparison), "evaluation.comparisons")) for row in comparisons),
            tuple(GroupOutcome.from_dict(_checked(row, outcome_fields(), "evaluation.outcomes")) for row in outcomes),
            Conservation(**_checked(data["conservation"], _names(Conservation), "evaluation.conservation")),
            tuple(map(str, data["warnings"])),
            None if data["replay"] is None else _replay(data["replay"]),
        )


def _replay(data: Any) -> ReplayImpact:
    _require_fields(data, _names(ReplayImpact), "evaluation.replay")
    return ReplayImpact.from_dict(data)


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def _require_fields(data: Any, names: Sequence[str], key: str) -> None:
    if not isinstance(data, Mapping) or set(data) != set(names):
        found = sorted(data) if isinstance(data, Mapping) else data
        raise ValueError(f"{key} has {found}; it must have exactly {list(names)}")


def _checked(data: Mapping[str, Any], names: Sequence[str], key: str) -> Mapping[str, Any]:
    """Return `data` where it has exactly the fields `names`: a group's name, and numbers."""
    _require_fields(data, names, key)
    for name, value in data.items():
        wanted = str if name == "group" else Real
        if not isinstance(value, wanted):
            raise ValueError(f"{key}.{name} is {value!r}; it must be a {'string' if wanted is str else 'number'}")
    return data
