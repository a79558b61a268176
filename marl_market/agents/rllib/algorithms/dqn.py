"""Deep Q-learning as a config describes it, on RLlib's own learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium.spaces import Discrete
from ray.rllib.algorithms.dqn import DQNConfig
from ray.rllib.algorithms.dqn.dqn_learner import QF_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, Policy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rllib.learners.cloning import clone_values
from marl_market.agents.rllib.learners.learner import build_rllib_learner, observation_space
from marl_market.agents.rllib.learners.off_policy import OffPolicy, OffPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import action_components
from marl_market.agents.rllib.networks.categorical import epsilon_greedy, mask_scores
from marl_market.agents.rllib.networks.masked_module import MaskedDQNModule
from marl_market.agents.rllib.networks.policy import PolicyNetwork, frozen, to_mlp
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import ActionSpace

METRICS = {
    "total_loss": "total_loss",
    "value_mean": "qf_mean",
    "temporal_difference": "td_error_mean",
    "gradient_norm": "gradients_default_optimizer_global_norm",
}
"""What `DQNLearner.learn` reports and what RLlib calls it."""


@dataclass(frozen=True)
class DQN(OffPolicy):
    """Learn the value of each choice of a discrete action, and take the best (Mnih et al. 2015, Nature 518).

    Attributes:
        learning_rate: step of Adam.
        double: whether the learning network says which next choice is best and the target network what it is worth
            (van Hasselt et al. 2016, arXiv:1509.06461); else the target network says both.
        dueling: whether the value of a state and the advantages of its choices are learned apart (Wang et al. 2016,
            arXiv:1511.06581).
        initial_epsilon: probability with which a newborn explores.
        final_epsilon: probability with which it explores after `epsilon_decisions`.
        epsilon_decisions: decisions over which that probability falls, along a line.
    """

    learning_rate: float = 5e-4
    n_step: int = 3
    double: bool = True
    dueling: bool = True
    initial_epsilon: float = 1.0
    final_epsilon: float = 0.05
    epsilon_decisions: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("learning_rate", self.learning_rate > 0, "above zero")
        self._require("epsilon_decisions", self.epsilon_decisions >= 1, "1 or more")
        for name in ("initial_epsilon", "final_epsilon"):
            self._require(name, 0 <= getattr(self, name) <= 1, "in [0, 1]")

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> DQNLearner:
        """Return a newborn learner for the group of this name; raises ValueError where its action is not one choice."""
        action = environment.action_of(group)
        if environment.timing.choices > 0:
            raise ValueError(
                f"population.{group} learns by DQN and pace is {environment.timing}, which gives its action one choice "
                "more; DQN makes one: it must be every_step, or the group must learn in another way"
            )
        if not isinstance(action.space, Discrete):
            raise ValueError(
                f"population.{group} learns by DQN and its action is {type(action).__name__}, of space {action.space}; "
                f"it must be Discrete: give the group another, e.g. /action@{group}.action: market_discrete"
            )
        return self.build(environment.observation_size, action.space, seed)

    def build(self, observation_size: int, action: ActionSpace, seed: int) -> DQNLearner:
        """Return a newborn learner; the same seed gives the same weights, and the same sessions the same learning."""
        network = DefaultModelConfig(fcnet_hiddens=list(self.hidden), fcnet_activation="tanh")
        configuration = (
            DQNConfig()
            .rl_module(rl_module_spec=RLModuleSpec(module_class=MaskedDQNModule, model_config=network))
            .training(lr=self.learning_rate, double_q=self.double, dueling=self.dueling, **self._settings())
        )
        return DQNLearner(
            self, build_rllib_learner(configuration, observation_space(observation_size), action, seed), seed
        )


class DQNLearner(OffPolicyLearner):
    """Act by the values of choices, and by chance, and learn; built by `DQN.build`."""

    _settings: DQN

    def __init__(self, settings: DQN, learner: Any, seed: int) -> None:
        """Wrap a built RLlib learner."""
        super().__init__(settings, learner, METRICS, seed)

    @property
    def epsilon(self) -> float:
        """Return the probability with which the next decision explores."""
        settings = self._settings
        passed = min(self._learner.decisions / settings.epsilon_decisions, 1.0)
        return settings.initial_epsilon + passed * (settings.final_epsilon - settings.initial_epsilon)

    def act(self, observation: Floats, lstm_size: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return choices (R, 1), the best but where `noise` explores, and no columns."""
        with torch.no_grad():
            values = self._module.compute_q_values({Columns.OBS: torch.from_numpy(observation)})[QF_PREDS].numpy()
        return Decision(epsilon_greedy(mask_scores(values, mask), noise, mask, self.epsilon), lstm_size, {})

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Remember one session and learn; return `METRICS` and how much was explored."""
        epsilon = self.epsilon
        return {**super().learn(rollout), "epsilon": epsilon}

    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        return clone_values(self._module, rollouts, config, self._seed)

    def policy(self) -> Policy:
        """Return what is done without exploring, compiled where it can be."""
        components = action_components(self._module.action_space)
        return frozen(self.network, PolicyNetwork(self._module.encoder, self._module.af, components))

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network that scores choices, of dueling networks the one of advantages, and its flat weights.

        Raises NotCompiledError for more than compiled minds hold.
        """
        return to_mlp(self._module.encoder, self._module.af, self._module.action_space)
