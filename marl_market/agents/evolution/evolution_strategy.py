"""The evolving agent of a config: its network and its search strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.evolution.learner import EvolutionLearner
from marl_market.agents.evolution.strategies import OpenAIES, SearchState, Strategy
from marl_market.agents.policies.compiled_mlp import play
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import ActionScheme
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.population.traits import Traits
from marl_market.market.seeding import Stream, generator
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require_field


@dataclass(frozen=True)
class EvolutionStrategy:
    """Evolve the weights of a network that plays compiled; the markets of a batch carry the candidates.

    Attributes:
        hidden: widths of the tanh layers.
        strategy: search strategy of the weights.
        sessions: markets per candidate; the batch holds as many times fewer candidates.
        risk_aversion: of the exponential utility whose certainty equivalent over those sessions is a candidate's
            fitness, per unit of reward; at zero, and with one session, fitness is the mean return.
    """

    trader = play
    traits = Traits(observes=True, parameters_per="market")
    hidden: Sequence[int] = (16,)
    strategy: Strategy = field(default_factory=OpenAIES)
    sessions: int = 1
    risk_aversion: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        require_field(self, "sessions", self.sessions >= 1, "one or more")
        require_field(self, "risk_aversion", self.risk_aversion >= 0, "zero or more")
        averse = self.risk_aversion > 0
        require_field(self, "sessions", self.sessions > 1 or not averse, "two or more with a risk_aversion")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return no parameters: the policy is in its weights."""
        return ()

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> EvolutionLearner:
        """Return an untrained learner for the group of this name."""
        network = self.network(environment.observation_size, environment.action_of(group))
        seats = environment.seats_of(group)
        return EvolutionLearner(
            group,
            seats.stop - seats.start,
            network,
            self.strategy,
            self.initial(network, seed),
            self.sessions,
            self.risk_aversion,
        )

    def network(self, observation_size: int, action: ActionScheme) -> MultilayerPerceptron:
        """Return the network from observations to actions; raises NotCompiledError for one too large to compile."""
        choices = num_choices_of(action.space)
        if choices is None:
            return MultilayerPerceptron((observation_size, *self.hidden, action.size))
        outputs = int(np.maximum(choices, 1).sum())
        return MultilayerPerceptron((observation_size, *self.hidden, outputs), tuple(choices.tolist()))

    def initial(self, network: MultilayerPerceptron, seed: int) -> SearchState:
        """Return the state of a search that starts at a random network; the same seed gives the same search."""
        return self.strategy.initial(network.initial(generator(seed, Stream.WEIGHTS)), seed)
