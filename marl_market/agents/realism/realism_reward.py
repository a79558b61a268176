"""A session reward for being close to a real market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.realism.real_market import real_windows, require_reward
from marl_market.agents.realism.window_statistics import Reference, Windows
from marl_market.market.spec import MarketSpec


@dataclass(frozen=True)
class DistanceTerm:
    """What each window takes from the distance of all markets together from a real one, for each seat.

    Attributes:
        reference: the real market.
        windows: windows of a session, among which the term is divided.
    """

    reference: Reference
    windows: int

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return minus the contribution divided by the number of windows, (windows, markets, seats)."""
        found = self.reference.contributions(Windows.of(tape, self.windows)).reshape(self.windows, -1)
        return np.repeat(-found[:, :, None] / self.windows, reward.shape[2], axis=2)


@dataclass(frozen=True)
class RealismReward:
    """Lose reward for what a window contributes to the distance of the markets from a real one.

    The distance is that of `marl_market.agents.realism.window_statistics`, from 0 to 1, of all markets of an iteration
    together. The terms of a session, without their weight, are on average minus the distance (or less than it, where it
    is within the tolerance). All seats of the group have the same term. In evolution it is part of the fitness.

    Attributes:
        tape: path of a tape file of the real market (`marl_market.market.tape_file.save_tape`).
        weight: factor of the term, in units of reward: a number, or a list of [place, value], see
            `marl_market.agents.rllib.learners.schedule`.
        windows: windows of a session.
    """

    tape: str
    weight: float | Sequence[Sequence[float]] = 10.0
    windows: int = 4

    def __post_init__(self) -> None:
        require_reward(self.tape, self.windows, self.weight)

    def begin(self, spec: MarketSpec, seed: int) -> DistanceTerm:
        """Return the term in markets of `spec`; raises ValueError for a tape that does not tell all statistics."""
        return DistanceTerm(Reference.of(real_windows(self.tape, spec, self.windows)), self.windows)
