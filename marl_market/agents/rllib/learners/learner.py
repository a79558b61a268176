"""A learner of one group on an unmodified RLlib learner: counted updates, pinned to a seed, with its whole state."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from ray.rllib.core import COMPONENT_OPTIMIZER, COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_ENV_STEPS_TRAINED_LIFETIME

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, MarketShard
from marl_market.agents.learning_device import learning_device
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron, NotCompiledError
from marl_market.agents.rllib.internals import get_adapted_state, learner_on, set_adapted_state, update_learner
from marl_market.agents.rllib.learners.streams import global_streams
from marl_market.agents.rllib.networks.policy import PolicyNetwork, TorchPolicy, to_mlp
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.market.seeding import Stream, seed_sequence

COMPONENTS = [COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER]


class RLlibLearner(ABC):
    """Act and learn for one group by one RLlib `Learner` with one module; no Algorithm and no Ray cluster.

    Attributes:
        module: the module that acts, on the CPU. Where the learning device is the CPU it is the one that learns; else
            it is a copy with the same weights.
        updates: updates so far.
        decisions: actions learned from so far, or passed over.
        metrics: RLlib's name of each metric of an update.
    """

    def __init__(self, rllib_learner: Any, metrics: Mapping[str, str], seed: int) -> None:
        """Take over a built RLlib learner."""
        self._rllib_learner = rllib_learner
        self._seed = seed
        self.metrics = metrics
        self.updates = 0
        self.decisions = 0
        learning = self._learning_module
        self.module = learning if rllib_learner.device.type == "cpu" else copy.deepcopy(learning).to("cpu")

    @property
    def _learning_module(self) -> Any:
        """Return the module that learns, on the learning device."""
        return self._rllib_learner.module[DEFAULT_MODULE_ID]

    @property
    def discount(self) -> float:
        """Return the discount of a step."""
        return float(self._rllib_learner.config.gamma)

    @property
    def state_size(self) -> int:
        """Return the size of the hidden state."""
        return 0

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:  # noqa: B027
        """Do nothing: the policy plays outside the compiled step."""

    @abstractmethod
    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions, see `marl_market.agents.interfaces.Actor`."""

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update from the rollout of one session; return metrics.

        Raises FloatingPointError where a gradient or a weight is not finite.
        """
        if not rollout.has_actions:
            raise TypeError("rollout has no actions; an RLlib learner learns from those of external agents")
        metrics = self._learn(rollout)
        for name, weight in self._learning_module.state_dict().items():
            if not torch.isfinite(weight).all():
                raise FloatingPointError(f"weight {name} is not finite after update {self.updates}: {metrics}")
        return metrics

    @abstractmethod
    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Update from a rollout that has actions."""

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Clone the behavior of rollouts, the last of which is held out; return metrics.

        See `marl_market.agents.imitation.behavior_cloning.CloningLearner`.
        """
        metrics = self._clone(rollouts, config)
        _copy_weights(self.module, self._learning_module)
        return metrics

    @abstractmethod
    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Fit the module that acts to all but the last of `rollouts`."""

    @property
    @abstractmethod
    def greedy(self) -> PolicyNetwork:
        """Return the networks of the policy that does not explore."""

    def policy(self) -> CompiledPolicy | TorchPolicy:
        """Return the current greedy policy, compiled where its network is a `MultilayerPerceptron`."""
        try:
            return CompiledPolicy(*self.network())
        except NotCompiledError:
            return TorchPolicy.copy_of(self.greedy)

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network from observation to means and scores of choices, and its flat weights.

        Raises NotCompiledError for a network that a compiled policy cannot have.
        """
        return to_mlp(self.greedy, self.module.action_space)

    def update(self, decisions: int, **arguments: Any) -> dict[str, float]:
        """Update once, `decisions` later than before; return the metrics of the last minibatch.

        `arguments` are those of `ray.rllib.core.learner.learner.Learner.update`. Raises FloatingPointError where the
        loss is not finite: RLlib itself would go on with gradients set to zero.
        """
        total = self.decisions + decisions
        with global_streams(seed_sequence(self._seed, Stream.UPDATE, self.updates), self._rllib_learner.device):
            timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: total, NUM_ENV_STEPS_TRAINED_LIFETIME: total}
            results = update_learner(self._rllib_learner, timesteps, **arguments)[DEFAULT_MODULE_ID]
        _copy_weights(self._learning_module, self.module)
        self.updates += 1
        self.decisions = total
        metrics = {name: float(results[key].peek()) for name, key in self.metrics.items() if key in results}
        if not np.isfinite(metrics["total_loss"]):
            raise FloatingPointError(f"the gradients of update {self.updates} are not finite: {metrics}")
        return metrics

    def get_weights(self) -> dict[str, Any]:
        """Return the weights that act, no critic's or target's, and the number of decisions learned from."""
        return {"decisions": self.decisions, "module": self.module.get_state(inference_only=True)}

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Act as the learner of these `get_weights`."""
        self.module.set_state(weights["module"])
        _copy_weights(self.module, self._learning_module)
        self.decisions = weights["decisions"]

    def get_state(self) -> dict[str, Any]:
        """Return all that the next update depends on, as a picklable copy."""
        learned = self._rllib_learner.get_state(components=COMPONENTS)
        return {
            "seed": self._seed,
            "updates": self.updates,
            "decisions": self.decisions,
            "adapted": get_adapted_state(self._rllib_learner, DEFAULT_MODULE_ID),
            **{key: learned[key] for key in COMPONENTS},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`, of this learner or of one built alike."""
        # Without RLlib's weights_seq_no: given one, it silently keeps its own weights if they are newer.
        # A copy, since torch's optimizers go on to write into the arrays they are given.
        self._rllib_learner.set_state(copy.deepcopy({key: state[key] for key in COMPONENTS}))
        _copy_weights(self._learning_module, self.module)
        set_adapted_state(self._rllib_learner, DEFAULT_MODULE_ID, state["adapted"])
        self._seed, self.updates, self.decisions = state["seed"], state["updates"], state["decisions"]


def _copy_weights(source: Any, target: Any) -> None:
    """Set the weights of one module to those of another, in place."""
    if target is not source:
        target.load_state_dict(source.state_dict())


def build_rllib_learner(configuration: Any, observation: Any, action: Any, seed: int) -> Any:
    """Return the learner of an RLlib configuration, on the `learning_device`; the same seed gives the same weights."""
    if learning_device() != "cpu":
        configuration.training(learner_class=learner_on(learning_device(), configuration.learner_class))
    # RLlib's own seed would reseed the whole process, so the initial weights get a stream of their own.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return configuration.build_learner(spaces={DEFAULT_MODULE_ID: (observation, action)})


def observation_space(size: int) -> Box:
    """Return the space of observations of `size` numbers."""
    return Box(-np.inf, np.inf, (size,), np.float32)
