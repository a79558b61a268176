"""The learner of a policy and a critic from whole rollouts, of PPO and APPO."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from ray.rllib.core.rl_module.apis import TargetNetworkAPI

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, RunLength
from marl_market.agents.policies.mlp import MultilayerPerceptron, NotCompiledError
from marl_market.agents.rllib.internals import actor_of
from marl_market.agents.rllib.learners.cloning import clone_actor_critic
from marl_market.agents.rllib.learners.learner import LearnerSettings, RLlibLearner
from marl_market.agents.rllib.networks.action_distribution import action_components
from marl_market.agents.rllib.networks.policy import PolicyNetwork
from marl_market.agents.rllib.networks.recurrent_state import state_size_of
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.interface.spaces import num_choices_of


class OnPolicyLearner(RLlibLearner):
    """Act and learn for one group by an RLlib learner whose connector takes rollouts."""

    def __init__(
        self,
        rllib_learner: Any,
        metrics: Mapping[str, str],
        seed: int,
        settings: LearnerSettings,
        batch_size: Callable[[Rollout], int] = len,
        **schedule: Any,
    ) -> None:
        """Take over a built RLlib learner.

        Args:
            rllib_learner: whose connector takes rollouts.
            metrics: RLlib's name of each metric.
            seed: of the updates.
            settings: those that all algorithms have.
            batch_size: the number of entries that the connector makes of a rollout.
            schedule: arguments of RLlib's `Learner.update`: epochs and minibatches.
        """
        super().__init__(rllib_learner, metrics, seed, settings)
        self._batch_size = batch_size
        self._schedule = schedule
        components = action_components(self.module.action_space)
        state_size, scale = state_size_of(self.module), self.normalization.observations
        self._actor = PolicyNetwork(*actor_of(self.module), components, state_size, scale=scale)

    @property
    def state_size(self) -> int:
        """Return the size of the hidden state."""
        return self._actor.state_size

    @property
    def greedy(self) -> PolicyNetwork:
        """Return the networks of the policy."""
        return self._actor

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions, see `marl_market.agents.rllib.networks.policy.PolicyNetwork.act`."""
        return self._actor.act(observation, state, noise, mask)

    def _complaints(self, run: RunLength) -> Iterator[str]:
        length, steps = int(self.module.model_config["max_seq_len"]), self.settings.session_steps
        if self.state_size and length > steps:
            yield f"sequence_length is {length} and a session has {steps} steps, so that all sequences are padded"

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Update policy and critic, unless no agent was active; return the metrics of the last minibatch.

        The statistics of observations change after the update, since the policy acted by those before. A session
        before there are any is only observed.
        """
        metrics = {}
        if rollout.active.any() and self.normalization.is_ready:
            minibatch_size = min(self._schedule["minibatch_size"], self._batch_size(rollout))
            schedule = {**self._schedule, "minibatch_size": minibatch_size}
            metrics = self.update(len(rollout), episodes=[self.normalization.rollout(rollout)], **schedule)
        self.normalization.observe_observations(rollout)
        return metrics

    def predict(self, observation: Floats, state: Floats) -> dict[str, Floats]:
        """Return the predictions (N, outputs) of each head, of observations (N, D) and hidden states (N, S)."""
        with torch.no_grad():
            outputs = self.module.predict(self._actor.batch(observation, state))
        return {name: output.numpy().reshape(len(observation), output.shape[-1]) for name, output in outputs.items()}

    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        choices = num_choices_of(self.module.action_space)
        counts = () if choices is None else tuple(choices.tolist())
        metrics = clone_actor_critic(self.module, counts, self.discount, rollouts, config, self._seed)
        if isinstance(self.module, TargetNetworkAPI):
            self.module.make_target_networks()
        return metrics

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network from observation to means and scores of choices, and its flat weights.

        Raises NotCompiledError for a hidden state, attention, or layers and units that a compiled policy cannot have.
        """
        if self.state_size:
            raise NotCompiledError("the policy has a hidden state; a compiled policy has none")
        if self.module.model_config["attention"] is not None:
            raise NotCompiledError("the policy has attention over events; a compiled policy has none")
        activation = self.module.model_config["fcnet_activation"]
        if activation != "tanh":
            raise NotCompiledError(f"the policy's activation is {activation!r}; that of a compiled policy is 'tanh'")
        return super().network()
