"""A learned mind that no longer learns: a network of fixed weights that plays compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.policies.compiled_mlp import play
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.env.population.traits import Traits
from marl_market.market.spec import MarketSpec


@dataclass(frozen=True, eq=False)
class CompiledPolicy:
    """Play one network, whoever learned it.

    Sees: its observation.
    Does: what the network says, without exploring.

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
        """Return how many numbers its network sees."""
        return self.network.sizes[0]

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return none: what it knows is in its weights."""
        return ()

    def write_params(self, params: NDArray[np.void], rows: slice) -> None:
        """Write the network into its mind records."""
        self.network.write_params(params, np.arange(rows.start, rows.stop), self.weights)
