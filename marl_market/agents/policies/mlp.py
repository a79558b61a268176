"""The weights of a multilayer perceptron as one flat vector.

Layout, layer by layer: weight (inputs, outputs) row-major, then bias (outputs,). It is the order in which
`marl_market.agents.policies.compiled_mlp` reads, so that weights are written with one copy. Networks of other learners
play compiled too: `MultilayerPerceptron.flatten` takes their layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marl_market.env.interface.records import SEAT_ACTIONS, SEAT_CHOICES, SEAT_OBSERVATION
from marl_market.env.interface.signatures import MLP_LAYERS, MLP_WEIGHTS

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weight (inputs, outputs) and bias (outputs,) of one layer."""

OUTPUT_SCALE = 0.01


class NotCompiledError(ValueError):
    """The network is of a kind or a size that does not compile."""


@dataclass(frozen=True)
class MultilayerPerceptron:
    """Describe a network with tanh hidden units that fits the records of a compiled seat.

    Attributes:
        sizes: units of each layer: inputs, hidden widths, outputs. Raises NotCompiledError where they exceed what
            `SEAT` and `PARAMS` records hold.
        choices: number of choices of each number of an action, whose scores are outputs; 0 for a continuous number,
            which is an output itself; empty if all are continuous. The first number has choices if any has.
        tanh_squashed: whether the outputs are tanh units too; else they are linear.
    """

    sizes: Sequence[int]
    choices: Sequence[int] = ()
    tanh_squashed: bool = False

    def __post_init__(self) -> None:
        sizes = tuple(int(size) for size in self.sizes)
        object.__setattr__(self, "sizes", sizes)
        _require(2 <= len(sizes) <= MLP_LAYERS, f"{len(sizes)} layers", sizes, f"2 to {MLP_LAYERS}")
        _require(min(sizes) >= 1, f"a layer of {min(sizes)} units", sizes, "at least 1")
        _require(max(sizes) <= SEAT_OBSERVATION, f"a layer of {max(sizes)} units", sizes, f"up to {SEAT_OBSERVATION}")
        choices = tuple(int(count) for count in self.choices)
        object.__setattr__(self, "choices", choices)
        if choices:
            outputs = sum(max(count, 1) for count in choices)
            _require(outputs == sizes[-1], f"{sizes[-1]} outputs", sizes, f"a score for each of {choices} choices")
            _require(sum(choices) <= SEAT_CHOICES, f"{sum(choices)} choices", sizes, f"up to {SEAT_CHOICES}")
            _require(choices[0] > 0, f"choices {choices}", sizes, "a choice as the first number")
        numbers = len(choices) or sizes[-1]
        _require(numbers <= SEAT_ACTIONS, f"{numbers} outputs", sizes, f"up to {SEAT_ACTIONS}")
        count = self.parameter_count
        _require(count <= MLP_WEIGHTS, f"{count} parameters", sizes, f"up to {MLP_WEIGHTS}")

    @property
    def parameter_count(self) -> int:
        """Return the length of the flat vector."""
        return sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.sizes))

    def initial(self, random: np.random.Generator) -> NDArray[np.float32]:
        """Return a random vector (parameter_count,): biases zero, weights normal with variance 1 / inputs.

        Outputs are scaled by `OUTPUT_SCALE`: the first actions are near the middle of the action space.
        """
        layers = []
        for inputs, outputs in pairwise(self.sizes):
            weight = random.standard_normal((inputs, outputs), dtype=np.float32) / np.float32(math.sqrt(inputs))
            layers.append((weight, np.zeros(outputs, np.float32)))
        weight, bias = layers[-1]
        layers[-1] = (weight * np.float32(OUTPUT_SCALE), bias)
        return self.flatten(layers)

    def flatten(self, layers: Sequence[tuple[ArrayLike, ArrayLike]]) -> NDArray[np.float32]:
        """Return the vector (parameter_count,) of `layers`; raises ValueError for shapes that are not the network's.

        Args:
            layers: weight (inputs, outputs) and bias (outputs,) of each layer.
        """
        arrays = [np.asarray(array, np.float32) for layer in layers for array in layer]
        shapes = [shape for inputs, outputs in pairwise(self.sizes) for shape in ((inputs, outputs), (outputs,))]
        if [array.shape for array in arrays] != shapes:
            raise ValueError(
                f"layers have shapes {[array.shape for array in arrays]}; a network {self.sizes} has {shapes}"
            )
        return np.concatenate([array.ravel() for array in arrays])

    def layers(self, vector: NDArray[np.float32]) -> list[Layer]:
        """Return the layers of a flat vector as views of it; raises ValueError for a vector of another length."""
        self._check_length(vector)
        layers, offset = [], 0
        for inputs, outputs in pairwise(self.sizes):
            bias = offset + inputs * outputs
            layers.append((vector[offset:bias].reshape(inputs, outputs), vector[bias : bias + outputs]))
            offset = bias + outputs
        return layers

    def write_params(
        self, params: NDArray[np.void], rows: slice | Sequence[int] | NDArray[np.integer], vectors: NDArray[np.float32]
    ) -> None:
        """Write networks into PARAMS records, in place.

        Args:
            params: array of PARAMS records.
            rows: the n records to write, as indices or a slice, such as `BatchMarket.param_rows` names.
            vectors: flat vectors (n, parameter_count), or one (parameter_count,) for all rows; raises ValueError for
                another length or a weight that is not finite.
        """
        self._check_length(vectors)
        if not np.isfinite(vectors).all():
            raise ValueError("vectors hold a weight that is not finite; a policy cannot act by it")
        params["layer_count"][rows] = len(self.sizes)
        params["layer_size"][rows, : len(self.sizes)] = self.sizes
        params["tanh_squashed"][rows] = self.tanh_squashed
        params["num_choices"][rows] = 0
        params["num_choices"][rows, : len(self.choices)] = self.choices
        params["weight"][rows, : self.parameter_count] = vectors

    def _check_length(self, vectors: NDArray[np.float32]) -> None:
        if vectors.shape[-1] != self.parameter_count:
            raise ValueError(
                f"vector of length {vectors.shape[-1]}; a network {self.sizes} has {self.parameter_count} parameters"
            )


def _require(condition: bool, found: str, sizes: tuple[int, ...], wanted: str) -> None:
    if not condition:
        raise NotCompiledError(f"network {sizes} has {found}; a compiled policy holds {wanted}")
