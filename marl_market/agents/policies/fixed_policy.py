"""A policy of fixed weights that plays inside the compiled step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.policies.compiled_mlp import play
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.env.population.traits import Traits
from marl_market.market.spec import MarketSpec


@dataclass(frozen=True, eq=False)
class CompiledPolicy:
    """Play one network, of any learner.

    Sees: its observation.
    Does: the network's greedy action.

    Attributes:
        network: shape of the network.
        weights: its flat weights (parameters,).
    """

    trader = play
    traits = Traits(observes=True)
    network: MultilayerPerceptron
    weights: NDArray[np.float32]

    @property
    def observation_size(self) -> int:
        """Return the size of the network's observation."""
        return self.network.sizes[0]

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return no parameters: the policy is in its weights."""
        return ()

    def write_params(self, params: NDArray[np.void], rows: slice) -> None:
        """Write the network into `rows` of PARAMS records."""
        self.network.write_params(params, np.arange(rows.start, rows.stop), self.weights)

    def get_state(self) -> dict[str, Any]:
        """Return its weights."""
        return {"weights": self.weights.copy()}

    def with_state(self, state: Mapping[str, Any]) -> CompiledPolicy:
        """Return the policy of this network with the weights of a `get_state`; raises ValueError for another length."""
        weights = np.array(state["weights"], np.float32)
        self.network.layers(weights)
        return replace(self, weights=weights)
