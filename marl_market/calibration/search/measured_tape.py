"""What a search measures of a tape: some of the numbers and samples of `marl_market.evaluation.realism`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marl_market.calibration.search.description import Description
from marl_market.evaluation.realism.catalogue import EIGHT, NUMBERS, SAMPLES
from marl_market.market.tape import Tape
from marl_market.market.validation import ConfigError, did_you_mean

MATCHED_NUMBERS = (
    "mean_spread", "mean_best_lots", "volatility_1s", "volatility_10s", "volatility_60s", "variance_ratio_60s",
    "kurtosis_1s", "still_share", "volatility_clustering_1", "volatility_clustering_10", "sign_memory_1",
    "sign_memory_5", "sign_memory_10", "response_1s", "response_10s", "response_30s", "half_spread_earned",
    "mark_out_1s", "mark_out_10s", "mark_out_30s", "limits_a_second", "cancels_a_second", "takers_a_second",
    "imbalance_r2",
)  # fmt: skip
"""Numbers that a search matches by default: what emerges from the traders together."""
MATCHED_SAMPLES = (*EIGHT, "log_time_to_cancel")
"""Samples that it matches by default."""


@dataclass(frozen=True)
class MeasuredTape:
    """Measures a tape.

    Attributes:
        numbers: names of numbers of the catalogue.
        samples: names of samples of it.
    """

    numbers: Sequence[str] = MATCHED_NUMBERS
    samples: Sequence[str] = MATCHED_SAMPLES

    def __post_init__(self) -> None:
        _require_known("numbers", self.numbers, NUMBERS)
        _require_known("samples", self.samples, SAMPLES)

    def __call__(self, tape: Tape) -> Description:
        """Return the numbers and samples of a tape; a number is NaN and a sample empty where it has too little."""
        return Description(
            {name: NUMBERS[name](tape) for name in self.numbers}, {name: SAMPLES[name](tape) for name in self.samples}
        )

    def of(self, tape: Tape) -> MeasuredTape:
        """Return what measures only what a tape tells, such as no life of an order where orders have none."""
        found = self(tape)
        return MeasuredTape(
            [name for name, value in found.numbers.items() if value == value],
            [name for name, sample in found.samples.items() if len(sample)],
        )


def _require_known(field: str, names: Collection[str], known: Mapping[str, Any]) -> None:
    """Raise ConfigError for a name that the catalogue lacks."""
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"known are {', '.join(known)}"
            raise ConfigError(f"search.{field} has {name!r}, which is none; {hint}")
