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
    """The negative distance of each window of a market from a real one, for each seat.

    Attributes:
        reference: the real market.
        windows: windows of a session, among which the term is divided.
    """

    reference: Reference
    windows: int

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return minus the distance divided by the number of windows, (windows, markets, seats)."""
        distance = self.reference.distance(Windows.of(tape, self.windows)).reshape(self.windows, -1)
        return np.repeat(-distance[:, :, None] / self.windows, reward.shape[2], axis=2)


@dataclass(frozen=True)
class RealismReward:
    """Lose reward for each window of a session by its distance from a real market.

    The distance is that of `marl_market.agents.realism.window_statistics`, between 0 and 1, of windows of the whole
    market: all seats of the group have the same term. Over a session it is minus the mean distance of its windows. Real
    windows have a distance above 0 too, since they are short. In evolution it is part of the fitness.

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
