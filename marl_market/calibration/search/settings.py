"""How a calibration searches."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.calibration.search.eligibility import RULES
from marl_market.calibration.search.proposals import Budget
from marl_market.market.validation import is_number, is_whole, require_field

LEAST = {
    "recovery_points": 1,
    "recovery_seeds": 1,
    "best": 1,
    "fresh_seeds": 1,
    "resamples": 20,
    "seed": 0,
    "workers": 0,
}
"""Least values of the whole numbers that are no part of a budget."""


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search, see `marl_market.calibration.search`.

    Attributes:
        points: points that are played in all.
        start: of them, points of the quasi-random start.
        around: of them, points about the estimate, which tell the intervals.
        seeds: sessions a point.
        session_seconds: length of each of them; of shorter data, the length of the data.
        warmup_seconds: played before each of them and not measured.
        minutes: time of the search, and of the recovery check before it; None for any.
        recovery_points: points of the recovery check, always made first.
        recovery_seeds: sessions a point of it.
        best: best points that are scored anew.
        fresh_seeds: sessions of that score and of the comparison with the data.
        resamples: block-bootstrap resamples of the data.
        block_seconds: length of a block; None for a thirtieth of the data between 30 s and 300 s.
        eligibility: rule by which the data reject a point, "ks" or "j".
        seed: of everything random.
        workers: processes that play points at once; 0: this one alone.
        address: of the Ray that they run on, see `WorkerPool`.
    """

    points: int = 300
    start: int = 48
    around: int = 160
    seeds: int = 3
    session_seconds: float = 7200.0
    warmup_seconds: float = 90.0
    minutes: float | None = None
    recovery_points: int = 240
    recovery_seeds: int = 1
    best: int = 5
    fresh_seeds: int = 5
    resamples: int = 200
    block_seconds: float | None = None
    eligibility: str = "ks"
    seed: int = 1
    workers: int = 2
    address: str = "local"

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            require_field(self, name, is_whole(getattr(self, name), least), f"a whole number of {least} or more")
        require_field(self, "session_seconds", _is_length(self.session_seconds), "seconds above zero")
        good = self.block_seconds is None or _is_length(self.block_seconds)
        require_field(self, "block_seconds", good, "seconds above zero, or null")
        require_field(self, "warmup_seconds", is_number(self.warmup_seconds) and self.warmup_seconds >= 0, "0 or more")
        require_field(self, "eligibility", self.eligibility in RULES, f"one of {', '.join(RULES)}")
        _ = self.budget, self.recovery_budget

    @property
    def budget(self) -> Budget:
        """The budget of the search."""
        return Budget(self.points, self.start, self.around, self.seeds, self.minutes)

    @property
    def recovery_budget(self) -> Budget:
        """The budget of the recovery check, divided as that of the search is."""
        share = self.recovery_points / self.points
        start, around = max(1, round(share * self.start)), round(share * self.around)
        return Budget(self.recovery_points, start, around, self.recovery_seeds, self.minutes)


def _is_length(value: object) -> bool:
    return is_number(value) and float(value) > 0  # type: ignore[arg-type]
