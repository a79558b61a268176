"""Rewards of whole sessions, such as the realism of a market's tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marl_market.market.spec import MarketSpec


class SessionTerm(Protocol):
    """A term of a group's reward that depends on the tape of a whole session."""

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.floating]:
        """Return the term of each seat in each window of the session `(windows, markets, seats)`.

        The windows are equal parts of the session. The term of a window is added to the reward of its last step, of a
        seat that leaves within it to that of the seat's last step; a seat that has left before has none.

        Args:
            tape: TAPE_ROW records `(session steps, markets)`, as `BatchMarket.tape`.
            reward: rewards of the group's seats `(session steps, markets, seats)`.
        """
        ...


@runtime_checkable
class LearnedTerm(SessionTerm, Protocol):
    """A term that learns from the sessions of a run."""

    def learn(self, tape: NDArray[np.void]) -> dict[str, float]:
        """Update from the tape of an iteration, before its `term` is asked for; return metrics."""
        ...

    def get_state(self) -> dict[str, Any]:
        """Return all that it has learned: a copy, of arrays and plain values."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        ...


class SessionReward(Protocol):
    """A session term as a value.

    Attributes:
        weight: factor of the term: a number, or a list of [place, value] as for a schedule of a learner.
    """

    @property
    def weight(self) -> float | Sequence[Sequence[float]]: ...

    def begin(self, spec: MarketSpec, seed: int) -> SessionTerm:
        """Return the term at the beginning of a run in markets of `spec`."""
        ...
