"""The learner of a tanh-squashed policy, and of the average of it that is evaluated and exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision
from marl_market.agents.rllib.internals import soft_actor_of
from marl_market.agents.rllib.learners.cloning import clone_squashed
from marl_market.agents.rllib.learners.off_policy import OffPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import action_components
from marl_market.agents.rllib.networks.policy import PolicyNetwork
from marl_market.agents.rollout import Floats, Masks, Rollout


class SACLearner(OffPolicyLearner):
    """Act by the tanh-squashed policy and learn."""

    def __init__(self, *learner: Any, policy_ema: float, **settings: Any) -> None:
        """Take over a built RLlib learner; `policy_ema` is the weight of the past in the average."""
        super().__init__(*learner, **settings)
        components = action_components(self.module.action_space)
        scale = self.normalization.observations
        self._actor = PolicyNetwork(*soft_actor_of(self.module), components, tanh_squashed=True, scale=scale)
        self._average = AveragedModel(self._exploring, multi_avg_fn=get_ema_multi_avg_fn(policy_ema))

    @property
    def _exploring(self) -> torch.nn.Module:
        """Return the networks of the policy that explores."""
        return torch.nn.ModuleList([self._actor.encoder, self._actor.head])

    @property
    def greedy(self) -> PolicyNetwork:
        """Return the networks of the average policy."""
        encoder, head = self._average.module.children()
        return replace(self._actor, encoder=encoder, head=head)

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A) within [-1, 1]."""
        return self._actor.act(observation, state, noise, mask)._replace(extra={})

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Store one session and learn; return the metrics."""
        updates, metrics = self.updates, super()._learn(rollout)
        if self.updates > updates:
            self._average.update_parameters(self._exploring)
        return metrics

    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        metrics = clone_squashed(self.module, rollouts, config, self._seed)
        self._average.n_averaged.zero_()
        self._average.update_parameters(self._exploring)
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Return the state of `OffPolicyLearner`, and the average."""
        average = {name: value.numpy().copy() for name, value in self._average.state_dict().items()}
        return {**super().get_state(), "average": average}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        super().set_state(state)
        self._set_average(state)

    def load_weights(self, state: dict[str, Any]) -> None:
        """Begin from the networks and the average of a state of `get_state`."""
        super().load_weights(state)
        self._set_average(state)

    def _set_average(self, state: dict[str, Any]) -> None:
        self._average.load_state_dict({name: torch.tensor(value) for name, value in state["average"].items()})
