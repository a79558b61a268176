"""Copies of environments, and their states as values."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from marl_market.env.batch_market import BatchMarket
from marl_market.env.step.session_state import SessionState


class BatchPlace:
    """Stands for the batch in the attributes of a state, which are of no batch."""


@dataclass(frozen=True, eq=False)
class EnvState:
    """The state of an environment between two steps.

    Attributes:
        session: of its markets.
        attributes: of the environment, by name.
    """

    session: SessionState
    attributes: dict[str, Any]


class Copyable:
    """An environment on a `batch` that is copied, deep-copied and pickled, and whose state is a value.

    Attributes:
        changing: names of the attributes that resets and steps change, beside the batch.
    """

    batch: BatchMarket
    changing: ClassVar[tuple[str, ...]]

    def get_state(self) -> EnvState:
        """Return the state of the session, and of the seeds of later ones."""
        memo = {id(self.batch): BatchPlace}
        attributes = {name: copy.deepcopy(getattr(self, name), memo) for name in self.changing}
        return EnvState(self.batch.get_state(), attributes)

    def set_state(self, state: EnvState) -> None:
        """Continue from a state; raises ValueError for one of another environment."""
        self.batch.set_state(state.session)
        memo = {id(BatchPlace): self.batch}
        for name, value in state.attributes.items():
            setattr(self, name, copy.deepcopy(value, memo))

    def clone(self) -> Self:
        """Return an independent environment in the same state."""
        env = object.__new__(type(self))
        env.__dict__.update(self.__dict__)
        env.batch = self.batch.clone()
        memo = {id(self.batch): env.batch}
        for name in self.changing:
            setattr(env, name, copy.deepcopy(getattr(self, name), memo))
        return env

    __copy__ = clone

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.clone()
