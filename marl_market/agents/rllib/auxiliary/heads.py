"""Heads on the policy's encoder, and the losses that they add to RLlib's own.

Each head is one linear layer behind the encoder of the policy, so that the policy can use the features of its
prediction (Jaderberg et al. 2017, arXiv:1611.05397). The loss of the algorithm stays RLlib's, to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ACTOR, ENCODER_OUT
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from torch.nn import functional

from marl_market.agents.rllib.auxiliary.task import Head
from marl_market.agents.rllib.internals import actor_of

HEADS = "auxiliary_heads"
"""Key of the heads, a `Head` by name, in the config of a module."""


def add_heads(configuration: Any, heads: Mapping[str, Head]) -> Any:
    """Return an actor-critic's RLlib configuration, with heads; it is changed in place.

    Classes of its module and its learner are derived from their own classes and the mixins below.
    """
    if not heads:
        return configuration
    specification, learner = configuration.rl_module_spec, configuration.learner_class
    network = specification.model_config
    settings = asdict(network) if is_dataclass(network) and not isinstance(network, type) else dict(network)
    module = specification.module_class
    return configuration.rl_module(
        rl_module_spec=RLModuleSpec(
            module_class=type(f"Auxiliary{module.__name__}", (AuxiliaryHeads, module), {}),
            catalog_class=specification.catalog_class,
            model_config={**settings, HEADS: heads},
        )
    ).learners(learner_class=type(f"Auxiliary{learner.__name__}", (AuxiliaryLosses, learner), {}))


def column_of(name: str) -> str:
    """Return the column of the targets of a head in a batch."""
    return f"auxiliary_{name}"


def head_loss(head: Head, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of outputs (N, outputs): squared error, or cross entropy of classes.

    Targets (N, numbers) that are NaN are left out.
    """
    known = torch.isfinite(target).all(dim=1)
    if not known.any():
        return output.sum() * 0.0
    if head.scores:
        return functional.cross_entropy(output[known], target[known, 0].long())
    return functional.mse_loss(output[known], target[known])


class AuxiliaryHeads:
    """A mixin of actor-critic modules: heads behind the encoder of the policy."""

    def setup(self: Any) -> None:
        """Build the networks of the algorithm, and then the heads."""
        super().setup()  # type: ignore[misc]
        self.heads: Mapping[str, Head] = self.model_config[HEADS]
        width = self.catalog.latent_dims[0]
        layers = {name: torch.nn.Linear(width, head.outputs) for name, head in self.heads.items()}
        self.head_layers = torch.nn.ModuleDict(layers)

    def predict(self: Any, batch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Return the outputs of all heads for the observations (..., D) of a batch, (..., outputs) each.

        For a recurrent policy, the batch is one of sequences and holds the hidden states before them.
        """
        encoder, _ = actor_of(self)
        encoded = encoder(batch)[ENCODER_OUT]
        return {name: layer(encoded) for name, layer in self.head_layers.items()}


class AuxiliaryLosses:
    """A mixin of RLlib's learners: the loss of the algorithm, and those of the heads."""

    def compute_loss_for_module(self: Any, *, module_id: str, config: Any, batch: Any, fwd_out: Any) -> torch.Tensor:
        """Return RLlib's loss plus the weighted mean losses of the heads over the decisions of the batch."""
        loss = super().compute_loss_for_module(  # type: ignore[misc]
            module_id=module_id, config=config, batch=batch, fwd_out=fwd_out
        )
        module = self.module[module_id].unwrapped()
        inputs = {Columns.OBS: batch[Columns.OBS]}
        if Columns.STATE_IN in batch:
            inputs[Columns.STATE_IN] = batch[Columns.STATE_IN][ACTOR]
        outputs, mask = module.predict(inputs), batch.get(Columns.LOSS_MASK)
        rows = ... if mask is None else mask.bool()
        for name, head in module.heads.items():
            loss = loss + head.weight * head_loss(head, outputs[name][rows], batch[column_of(name)][rows])
        return loss
