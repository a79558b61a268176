"""A learning mind: acts for all its rows at once and learns from their rollouts through RLlib's own PPO learner."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from ray.rllib.core import COMPONENT_OPTIMIZER, COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from marl_market.agents.rllib.gaussian import draw
from marl_market.agents.rllib.rollout import Floats, Rollout

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
"""What `PPOLearner.learn` reports and what RLlib calls it."""

COMPONENTS = [COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER]


class PPOLearner:
    """Act and learn for one group; built by `marl_market.agents.rllib.ppo.PPO.build`.

    No Algorithm and no Ray cluster: it wraps one unmodified `PPOTorchLearner`, on the CPU, and acts with the very
    module that learns, so that there are no weights to keep in step.
    """

    def __init__(self, learner: Any, epochs: int, minibatch_size: int, seed: int) -> None:
        self._learner = learner
        self._epochs = epochs
        self._minibatch_size = minibatch_size
        self._seed = seed
        self._updates = 0
        self._decisions = 0

    @property
    def _module(self) -> Any:
        return self._learner.module[DEFAULT_MODULE_ID]

    def act(self, observation: Floats, noise: Floats | None) -> tuple[Floats, dict[str, Floats]]:
        """Return actions (R, A) and the columns of a `Rollout` that go with them.

        Args:
            observation: (R, D).
            noise: standard normal noise that explores, (R, A); None acts with the mean of the policy. The same noise
                explores alike, so paired markets may share it.
        """
        # Not forward_exploration: it would toggle train and eval mode on each call, and run the critic as well.
        with torch.no_grad():
            encoded = self._module.encoder.actor_encoder({Columns.OBS: torch.from_numpy(observation)})
            inputs = self._module.pi(encoded[ENCODER_OUT]).numpy()
        action, logp = draw(inputs, noise)
        return action, {"action_logp": logp, "action_dist_inputs": inputs}

    def learn(self, *rollouts: Rollout) -> dict[str, float]:
        """Update the policy and the critic; return `METRICS`, each of the last minibatch.

        Raises FloatingPointError where the loss is not finite: RLlib itself would go on with gradients set to zero.
        """
        decisions = sum(len(rollout) for rollout in rollouts)
        with _global_stream(np.random.SeedSequence(self._seed, spawn_key=(self._updates,))):
            results = self._learner.update(
                episodes=list(rollouts),
                timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: self._decisions + decisions},
                num_epochs=self._epochs,
                minibatch_size=min(self._minibatch_size, decisions),
                shuffle_batch_per_epoch=True,
            )[DEFAULT_MODULE_ID]
        self._updates += 1
        self._decisions += decisions
        metrics = {name: float(results[key].peek()) for name, key in METRICS.items() if key in results}
        if not np.isfinite(metrics["total_loss"]):
            raise FloatingPointError(f"PPO diverged in update {self._updates}: {metrics}")
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Return all that the next update depends on, as a picklable copy."""
        learned = self._learner.get_state(components=COMPONENTS)
        return {
            "seed": self._seed,
            "updates": self._updates,
            "decisions": self._decisions,
            # RLlib adapts it but leaves it out of its own state.
            "kl_coefficient": self._learner.curr_kl_coeffs_per_module[DEFAULT_MODULE_ID].item(),
            **{key: learned[key] for key in COMPONENTS},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`, of this learner or of one built alike."""
        # Without RLlib's weights_seq_no: given one, it silently keeps its own weights if they are newer.
        # A copy, since torch's optimizers go on to write into the arrays they are given.
        self._learner.set_state(copy.deepcopy({key: state[key] for key in COMPONENTS}))
        self._learner.curr_kl_coeffs_per_module[DEFAULT_MODULE_ID].data.fill_(state["kl_coefficient"])
        self._seed, self._updates, self._decisions = state["seed"], state["updates"], state["decisions"]

    def mean_network(self) -> list[tuple[Floats, Floats]]:
        """Return weight (inputs, outputs) and bias (outputs,) of each layer from observation to mean action.

        With tanh hidden units, this is what `marl_market.agents.evolution.genome` plays compiled. Raises ValueError
        for other hidden units.
        """
        activation = self._module.model_config["fcnet_activation"]
        if activation != "tanh":
            raise ValueError(f"the policy's activation is {activation!r}; compiled minds know tanh only")
        modules = [*self._module.encoder.actor_encoder.modules(), *self._module.pi.modules()]
        layers = [
            (module.weight.detach().numpy().T.copy(), module.bias.detach().numpy().copy())
            for module in modules
            if isinstance(module, torch.nn.Linear)
        ]
        weight, bias = layers[-1]
        actions = self._module.action_space.shape[0]
        return [*layers[:-1], (weight[:, :actions], bias[:actions])]


@contextmanager
def _global_stream(sequence: np.random.SeedSequence) -> Iterator[None]:
    """Run with NumPy's global stream, from which RLlib shuffles, at `sequence`; then put it back."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.set_state(np.random.RandomState(np.random.MT19937(sequence)).get_state())  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
