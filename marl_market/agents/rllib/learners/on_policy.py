"""A policy and a critic that learn from whole rollouts: what PPO and APPO share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from ray.rllib.core.rl_module.apis import TargetNetworkAPI

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, MarketShard
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron, NotCompiledError
from marl_market.agents.rllib.batches.recurrent import state_size_of
from marl_market.agents.rllib.learners.cloning import clone_actor_critic
from marl_market.agents.rllib.learners.learner import RLlibLearner
from marl_market.agents.rllib.networks.action_distribution import action_components
from marl_market.agents.rllib.networks.policy import PolicyNetwork, TorchPolicy, frozen, to_mlp
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.spaces import num_choices_of

METRICS = {
    "total_loss": "total_loss",
    "policy_loss": "policy_loss",
    "value_loss": "vf_loss",
    "explained_variance": "vf_explained_var",
    "entropy": "entropy",
    "mean_kl": "mean_kl_loss",
    "kl_coefficient": "curr_kl_coeff",
    "gradient_norm": "gradients_default_optimizer_global_norm",
}
"""What `OnPolicyLearner.learn` reports and what RLlib calls it."""


class OnPolicyLearner:
    """Act and learn for one group; built by `marl_market.agents.rllib.algorithms.ppo.PPO.build` and its like."""

    def __init__(self, learner: Any, seed: int, size: Callable[[Rollout], int] = len, **schedule: Any) -> None:
        """Wrap an RLlib learner whose connector takes rollouts; `schedule` says how it goes through a batch.

        `size` says how many entries of a batch the connector makes of a rollout.
        """
        self._learner = RLlibLearner(learner, METRICS, seed)
        self._seed = seed
        self._size = size
        self._schedule = schedule
        module = self._module
        self._actor = PolicyNetwork(
            module.encoder.actor_encoder, module.pi, action_components(module.action_space), state_size_of(module)
        )

    @property
    def _module(self) -> Any:
        return self._learner.module

    @property
    def state_size(self) -> int:
        """Return how many numbers a row remembers."""
        return self._actor.state_size

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return what each row does, see `marl_market.agents.rllib.networks.policy.PolicyNetwork.act`."""
        return self._actor.act(observation, state, noise, mask)

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write nothing: the policy acts outside the step."""

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update policy and critic, unless no agent of the group was active; return `METRICS` of the last minibatch."""
        if not rollout.has_actions:
            raise TypeError("rollout has no actions; an RLlib learner learns from those of external agents")
        if not rollout.active.any():
            return {}
        schedule = dict(self._schedule)
        schedule["minibatch_size"] = min(schedule["minibatch_size"], self._size(rollout))
        # It rides in the list of episodes: no container to dm_tree, RLlib hands it, whole, to the learner connector.
        return self._learner.update(len(rollout), episodes=[rollout], **schedule)

    def get_weights(self) -> dict[str, Any]:
        """Return what another needs in order to act as this one does now."""
        return self._learner.get_weights()

    def set_weights(self, shared: dict[str, Any]) -> None:
        """Act as the one does whose `get_weights` this is."""
        self._learner.set_weights(shared)

    def predict(self, observation: Floats, state: Floats) -> dict[str, Floats]:
        """Return what each auxiliary head says of observations (N, D) and memories (N, M), (N, outputs) each."""
        with torch.no_grad():
            outputs = self._module.predict(self._actor.batch(observation, state))
        return {name: output.numpy().reshape(len(observation), output.shape[-1]) for name, output in outputs.items()}

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Do as was done in `sessions`, see `marl_market.agents.imitation.behavior_cloning.CloningLearner`."""
        choices = num_choices_of(self._module.action_space)
        known = () if choices is None else tuple(choices.tolist())
        metrics = clone_actor_critic(self._module, known, self._learner.discount, rollouts, config, self._seed)
        if isinstance(self._module, TargetNetworkAPI):
            self._module.make_target_networks()
        self._learner.take_over()
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Return all that the next update depends on, as a picklable copy."""
        return self._learner.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`, of this learner or of one built alike."""
        self._learner.set_state(state)

    def policy(self) -> CompiledPolicy | TorchPolicy:
        """Return what is done without exploring, compiled where it can be."""
        return frozen(self.network, self._actor)

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network from observation to mean action or scores of choices, and its flat weights.

        Raises NotCompiledError for a memory, attention, hidden units or widths that compiled minds do not know.
        """
        if self._actor.state_size:
            raise NotCompiledError("the policy has a memory; compiled minds have none")
        if self._module.model_config["attention"] is not None:
            raise NotCompiledError("the policy attends to events; compiled minds have no attention")
        activation = self._module.model_config["fcnet_activation"]
        if activation != "tanh":
            raise NotCompiledError(f"the policy's activation is {activation!r}; compiled minds know tanh only")
        return to_mlp(self._actor.encoder, self._actor.head, self._module.action_space)
