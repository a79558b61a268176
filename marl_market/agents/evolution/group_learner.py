"""A group of seats that evolves: every market of the batch carries another candidate."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.evolution.frozen import FrozenPolicy
from marl_market.agents.evolution.genome import MultilayerPerceptron
from marl_market.agents.evolution.strategies import SearchState, Strategy
from marl_market.agents.learner import Experience, Floats, Masks
from marl_market.env.batch_market import BatchMarket

STRETCHES = 8
"""Parts of a session by which a candidate's behavior is told."""


class GroupLearner:
    """Search the weights of one group; a session is a generation, a candidate's fitness its seats' mean return."""

    def __init__(
        self, group: str, seats: int, network: MultilayerPerceptron, strategy: Strategy, state: SearchState
    ) -> None:
        """Begin at `state`, for `seats` seats of each market."""
        self._group = group
        self._seats = seats
        self._network = network
        self._strategy = strategy
        self._state = state

    def prepare(self, batch: BatchMarket) -> None:
        """Write a candidate into each market; raises ValueError for an odd number of markets."""
        rows = batch.mind_rows[self._group]
        candidates = self._strategy.ask(self._state, rows.stop - rows.start)
        self._network.write_minds(batch.minds, np.arange(rows.start, rows.stop), candidates)

    def act(
        self, observation: Floats, noise: Floats | None, mask: Masks | None = None
    ) -> tuple[Floats, dict[str, NDArray[Any]]]:
        """Raise TypeError: the candidates play inside the step."""
        raise TypeError("an evolving group plays inside the step; nobody asks it for actions")

    def learn(self, experience: Experience) -> dict[str, float]:
        """Move on to the next generation; what a candidate did is what it earned in each stretch of the session."""
        fitness = experience.reward.sum(0).reshape(-1, self._seats).mean(1)
        stretches = np.array_split(experience.reward, min(STRETCHES, len(experience.reward)))
        behavior = np.stack([part.sum(0).reshape(-1, self._seats).mean(1) for part in stretches], axis=1)
        before = self._state.center
        self._state = self._strategy.tell(self._state, fitness, behavior.astype(np.float64))
        return {
            "fitness_best": float(fitness.max()),
            "fitness_deviation": float(fitness.std()),
            "step_length": float(np.linalg.norm(self._state.center - before)),
        }

    def policy(self) -> FrozenPolicy:
        """Return the center of the search."""
        return FrozenPolicy(self._network, self._state.center.astype(np.float32))

    def get_state(self) -> dict[str, Any]:
        """Return the state of the search."""
        return {"search": copy.deepcopy(self._state)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._state = copy.deepcopy(state["search"])
