"""Deep Q-learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from gymnasium.spaces import Discrete
from ray.rllib.algorithms.dqn import DQNConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.fields import Count, Fraction, ScheduledRate, Switch
from marl_market.agents.rllib.algorithms.off_policy import OffPolicyAlgorithm
from marl_market.agents.rllib.learners.dqn import DQNLearner
from marl_market.agents.rllib.networks.masked_module import MaskedDQNModule
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class DQN(OffPolicyAlgorithm):
    """Learn the value of each choice of a discrete action, and take the best (Mnih et al. 2015, Nature 518).

    Attributes:
        learning_rate: step of Adam; may be a schedule.
        double: whether the learning network selects the next choice and the target network values it (van Hasselt et
            al. 2016, arXiv:1509.06461); else the target network does both.
        dueling: whether the value of a state and the advantages of its choices are learned apart (Wang et al. 2016,
            arXiv:1511.06581).
        initial_epsilon: initial probability of exploring.
        final_epsilon: probability of exploring after `epsilon_decisions`.
        epsilon_decisions: decisions over which that probability falls, linearly.
    """

    rllib_config = DQNConfig
    rllib_names: ClassVar = {
        **OffPolicyAlgorithm.rllib_names,
        "learning_rate": "lr",
        "double": "double_q",
        "dueling": "dueling",
    }
    scheduled = ("learning_rate",)
    learner_class = DQNLearner
    learner_fields = (*OffPolicyAlgorithm.learner_fields, "initial_epsilon", "final_epsilon", "epsilon_decisions")
    metrics: ClassVar = {
        "total_loss": "total_loss",
        "value_mean": "qf_mean",
        "temporal_difference": "td_error_mean",
        "gradient_norm": "gradients_default_optimizer_global_norm",
    }

    learning_rate: ScheduledRate = 5e-4
    n_step: Count = 3
    double: Switch = True
    dueling: Switch = True
    initial_epsilon: Fraction = 1.0
    final_epsilon: Fraction = 0.05
    epsilon_decisions: Count = 100_000

    def _group_spec(self, environment: EnvironmentSpec, group: str) -> GroupSpec:
        action = environment.action_of(group)
        if environment.timing.choices > 0:
            raise ValueError(
                f"population.{group} learns by DQN and timing is {environment.timing}, which gives its action one "
                "choice more; DQN makes one: it must be every_step, or the group must learn in another way"
            )
        if not isinstance(action.space, Discrete):
            raise ValueError(
                f"population.{group} learns by DQN and its action is {type(action).__name__}, of space {action.space}; "
                f"it must be Discrete: give the group another, e.g. "
                f"+action@population.{group}.action=market_discrete on the command line"
            )
        return super()._group_spec(environment, group)

    def _configure(self, configuration: Any, group: GroupSpec) -> Any:
        network = DefaultModelConfig(fcnet_hiddens=list(self.hidden), fcnet_activation="tanh")
        return configuration.rl_module(rl_module_spec=RLModuleSpec(module_class=MaskedDQNModule, model_config=network))
