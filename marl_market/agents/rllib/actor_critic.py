"""A policy and a critic that learn from whole rollouts: what PPO and APPO share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT
from ray.rllib.core.rl_module.apis import TargetNetworkAPI

from marl_market.agents.evolution.genome import MultilayerPerceptron
from marl_market.agents.imitation.fitting import Fitting
from marl_market.agents.learner import Experience
from marl_market.agents.rllib import categorical, gaussian
from marl_market.agents.rllib.cloning import clone_actor_critic
from marl_market.agents.rllib.learner import RLlibLearner, layers_of
from marl_market.agents.rllib.rollout import Floats, Masks, Rollout
from marl_market.env.scheme import ActionSpace, choices_of

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
"""What `ActorCritic.learn` reports and what RLlib calls it."""


class ActorCritic:
    """Act and learn for one group; built by `marl_market.agents.rllib.ppo.PPO.build` and its like."""

    def __init__(self, learner: Any, seed: int, size: Callable[[Rollout], int] = len, **schedule: Any) -> None:
        """Wrap an RLlib learner whose connector takes rollouts; `schedule` says how it goes through a batch.

        `size` says how many entries of a batch the connector makes of a rollout.
        """
        self._learner = RLlibLearner(learner, METRICS, seed)
        self._seed = seed
        self._size = size
        self._schedule = schedule
        choices = choices_of(self._module.action_space)
        self._choices: tuple[int, ...] = () if choices is None else tuple(choices.tolist())

    @property
    def _module(self) -> Any:
        return self._learner.module

    def act(
        self, observation: Floats, noise: Floats | None, mask: Masks | None = None
    ) -> tuple[Floats, dict[str, Floats]]:
        """Return actions (R, A) and the columns of a `Rollout` that go with them.

        Args:
            observation: (R, D).
            noise: standard normal noise that explores, (R, A); None takes the mean or the most probable choice. The
                same noise explores alike, so paired markets may share it.
            mask: which choices of a discrete action are allowed, (R, C); None: all.
        """
        # Not forward_exploration: it would toggle train and eval mode on each call, and run the critic as well.
        with torch.no_grad():
            encoded = self._module.encoder.actor_encoder({Columns.OBS: torch.from_numpy(observation)})
            inputs = self._module.pi(encoded[ENCODER_OUT]).numpy()
        if self._choices:
            inputs = categorical.mask_scores(inputs, mask)
            action, logp = categorical.draw(inputs, noise, self._choices)
        else:
            action, logp = gaussian.draw(inputs, noise)
        return action, {"action_logp": logp, "action_dist_inputs": inputs}

    def learn(self, *rollouts: Rollout) -> dict[str, float]:
        """Update the policy and the critic; return `METRICS`, each of the last minibatch."""
        decisions = sum(len(rollout) for rollout in rollouts)
        schedule = dict(self._schedule)
        schedule["minibatch_size"] = min(schedule["minibatch_size"], sum(map(self._size, rollouts)))
        return self._learner.update(decisions, episodes=list(rollouts), **schedule)

    def foretell(self, observation: Floats) -> dict[str, Floats]:
        """Return what each auxiliary head says of observations (N, D), (N, outputs) each."""
        with torch.no_grad():
            outputs = self._module.foretell({Columns.OBS: torch.from_numpy(observation)})
        return {name: output.numpy() for name, output in outputs.items()}

    def imitate(self, sessions: Sequence[Experience], fitting: Fitting) -> dict[str, float]:
        """Do as was done in `sessions`, see `marl_market.agents.imitation.cloned.CloningLearner`."""
        metrics = clone_actor_critic(self._module, self._choices, self._learner.discount, sessions, fitting, self._seed)
        if isinstance(self._module, TargetNetworkAPI):
            self._module.make_target_networks()
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Return all that the next update depends on, as a picklable copy."""
        return self._learner.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`, of this learner or of one built alike."""
        self._learner.set_state(state)

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network from observation to mean action or scores of choices, and its flat weights.

        Raises ValueError for hidden units that compiled minds do not know.
        """
        activation = self._module.model_config["fcnet_activation"]
        if activation != "tanh":
            raise ValueError(f"the policy's activation is {activation!r}; compiled minds know tanh only")
        layers = layers_of(self._module.encoder.actor_encoder, self._module.pi)
        if not self._choices:
            weight, bias = layers[-1]
            actions = self._module.action_space.shape[0]
            layers[-1] = (weight[:, :actions], bias[:actions])
        sizes = (layers[0][0].shape[0], *(bias.size for _, bias in layers))
        network = MultilayerPerceptron(sizes, self._choices)
        return network, np.asarray(network.flatten(layers))


def initialize_policy_head(module: Any, action: ActionSpace, scale: float, log_std: float, free_log_std: bool) -> None:
    """Scale the last policy layer of a newborn module and set the log standard deviation that it explores with.

    `free_log_std` says that the latter is a parameter; else it is an output of that layer.
    """
    last = [part for part in module.pi.modules() if isinstance(part, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(scale)
        last.bias.zero_()
        if isinstance(action, Box):
            (module.pi.log_std if free_log_std else last.bias[action.shape[0] :]).fill_(log_std)
