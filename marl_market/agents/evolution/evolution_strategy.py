"""The evolving agent as a config describes it: how wide its network is and how it searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.evolution.compiled_policy import play
from marl_market.agents.evolution.genome import MultilayerPerceptron
from marl_market.agents.evolution.group_learner import GroupLearner
from marl_market.agents.evolution.strategies import OpenAIES, StrategyState
from marl_market.env.batch_market import Environment
from marl_market.market.spec import MarketSpec


@dataclass(frozen=True)
class EvolutionStrategy:
    """Evolve the weights of a network that plays compiled; each market carries another candidate.

    Attributes:
        hidden: widths of the tanh layers.
        strategy: how the weights are searched.
    """

    trader = play
    observes = True
    warms_up = False
    mind_per_market = True
    hidden: Sequence[int] = (32, 32)
    strategy: OpenAIES = field(default_factory=OpenAIES)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return none: what it knows is in its weights."""
        return ()

    def learner(self, environment: Environment, group: str, seed: int) -> GroupLearner:
        """Return a newborn learner for the group of this name."""
        sizes = environment.observation_size, environment.action_of(group).size
        seats = environment.seats_of(group)
        return GroupLearner(
            group, seats.stop - seats.start, self.network(*sizes), self.strategy, self.initial(*sizes, seed)
        )

    def network(self, observation_size: int, action_size: int) -> MultilayerPerceptron:
        """Return the network for these sizes; raises ValueError where it does not fit a compiled mind."""
        return MultilayerPerceptron((observation_size, *self.hidden, action_size))

    def initial(self, observation_size: int, action_size: int, seed: int) -> StrategyState:
        """Return the state of a search that starts at a random network; the same seed gives the same search."""
        network = self.network(observation_size, action_size)
        # The strategy spawns its noise from (seed, generation); the newborn's weights must not share that stream.
        newborn = np.random.default_rng(np.random.SeedSequence(seed))
        return self.strategy.initial(network.initial(newborn), seed)
