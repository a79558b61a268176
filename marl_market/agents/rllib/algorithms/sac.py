"""Soft actor-critic as a config describes it, on RLlib's own learner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from gymnasium.spaces import Box
from ray.rllib.algorithms.sac import SACConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, Policy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rllib.learners.cloning import clone_squashed
from marl_market.agents.rllib.learners.learner import build_rllib_learner, observation_space
from marl_market.agents.rllib.learners.off_policy import OffPolicy, OffPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import action_components
from marl_market.agents.rllib.networks.policy import PolicyNetwork, frozen, to_mlp
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.environment import EnvironmentSpec

METRICS = {
    "total_loss": "total_loss",
    "policy_loss": "policy_loss",
    "value_loss": "qf_loss",
    "value_mean": "qf_mean",
    "temporal_difference": "td_error_mean",
    "log_probability": "logps",
    "temperature": "alpha_value",
}
"""What `SACLearner.learn` reports and what RLlib calls it."""


@dataclass(frozen=True)
class SAC(OffPolicy):
    """Learn a squashed normal policy, two values of actions and how much chance is worth.

    Haarnoja et al. 2018 (arXiv:1812.05905): the policy maximizes reward plus temperature times entropy, and the
    temperature is learned so that the entropy comes to `target_entropy`.

    Attributes:
        policy_learning_rate: step of the policy's Adam.
        value_learning_rate: step of the values' Adam.
        temperature_learning_rate: step of the temperature's Adam.
        initial_temperature: worth of entropy to a newborn, in reward.
        target_entropy: entropy of each number of an action that the temperature aims for, below that of an even
            distribution, ln 2; the smaller, the less it explores, and the less it sees of what its actions change.
        policy_ema: how much of the policy that is compared, met and exported is that of before the last session, the rest
            being the policy that explores; 0 takes the latter. Values learned from rewards that are mostly luck send a
            policy hither and thither, and its average stays (Polyak and Juditsky 1992, SIAM Journal on Control and
            Optimization 30).
    """

    policy_learning_rate: float = 3e-4
    discount: float = 0.9
    batch_size: int = 512
    value_learning_rate: float = 5e-4
    temperature_learning_rate: float = 1e-3
    initial_temperature: float = 0.005
    target_entropy: float = 0.25
    policy_ema: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("policy_learning_rate", "value_learning_rate", "temperature_learning_rate", "initial_temperature"):
            self._require(name, getattr(self, name) > 0, "above zero")
        self._require("target_entropy", self.target_entropy < math.log(2), "below ln 2")
        self._require("policy_ema", 0 <= self.policy_ema < 1, "zero or more and below 1")

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> SACLearner:
        """Return a newborn learner for the group of this name; raises ValueError where its action is discrete."""
        action = environment.action_of(group)
        if not isinstance(action.space, Box):
            raise ValueError(
                f"population.{group} learns by SAC and its action is {type(action).__name__}, of space {action.space}; "
                f"it must be continuous: give the group another, e.g. /action@{group}.action: quotes"
            )
        return self.build(environment.observation_size, action.space, seed)

    def build(self, observation_size: int, action: Box, seed: int) -> SACLearner:
        """Return a newborn learner; the same seed gives the same weights, and the same sessions the same learning."""
        network = DefaultModelConfig(
            fcnet_hiddens=list(self.hidden),
            fcnet_activation="tanh",
            fusionnet_hiddens=[self.hidden[-1]],
            fusionnet_activation="tanh",
        )
        configuration = (
            SACConfig()
            .rl_module(model_config=network)
            .training(
                actor_lr=self.policy_learning_rate,
                critic_lr=self.value_learning_rate,
                alpha_lr=self.temperature_learning_rate,
                initial_alpha=self.initial_temperature,
                target_entropy=self.target_entropy * action.shape[0],
                **self._settings(),
            )
        )
        return SACLearner(
            self, build_rllib_learner(configuration, observation_space(observation_size), action, seed), seed
        )


class SACLearner(OffPolicyLearner):
    """Act by the squashed policy and learn; built by `SAC.build`."""

    def __init__(self, settings: SAC, learner: Any, seed: int) -> None:
        """Wrap a built RLlib learner."""
        super().__init__(settings, learner, METRICS, seed)
        module = self._module
        self._actor = PolicyNetwork(
            module.pi_encoder, module.pi, action_components(module.action_space), tanh_squashed=True
        )
        self._average = AveragedModel(self._policy, multi_avg_fn=get_ema_multi_avg_fn(settings.policy_ema))

    @property
    def _policy(self) -> torch.nn.Module:
        """Return the networks of the policy that explores."""
        return torch.nn.ModuleList([self._actor.encoder, self._actor.head])

    def _averaged(self) -> tuple[Any, Any]:
        encoder, head = self._average.module.children()
        return encoder, head

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Remember one session and learn; return `METRICS`."""
        updates, metrics = self._learner.updates, super().learn(rollout)
        if self._learner.updates > updates:
            self._average.update_parameters(self._policy)
        return metrics

    def act(self, observation: Floats, lstm_size: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A) within [-1, 1] and no columns."""
        return self._actor.act(observation, lstm_size, noise, mask)._replace(extra={})

    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        metrics = clone_squashed(self._module, rollouts, config, self._seed)
        self._average.n_averaged.zero_()
        self._average.update_parameters(self._policy)
        return metrics

    def policy(self) -> Policy:
        """Return what the average does without exploring, compiled where it can be."""
        encoder, head = self._averaged()
        return frozen(self.network, replace(self._actor, encoder=encoder, head=head))

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network of the average policy's squashed mean, and its flat weights.

        Raises NotCompiledError for more than compiled minds hold.
        """
        return to_mlp(*self._averaged(), self._module.action_space, tanh_squashed=True)

    def get_state(self) -> dict[str, Any]:
        """Return what `OffPolicyLearner` does, and the average."""
        average = {name: value.numpy().copy() for name, value in self._average.state_dict().items()}
        return {**super().get_state(), "average": average}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        super().set_state(state)
        self._average.load_state_dict({name: torch.tensor(value) for name, value in state["average"].items()})
