"""Soft actor-critic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from gymnasium.spaces import Box
from ray.rllib.algorithms.sac import SACConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.fields import Count, Fraction, Positive, ScheduledRate, number_where
from marl_market.agents.rllib.algorithms.off_policy import OffPolicyAlgorithm
from marl_market.agents.rllib.learners.sac import SACLearner
from marl_market.env.environment import EnvironmentSpec

Entropy = Annotated[float, number_where("a number below ln 2", lambda value: value < math.log(2))]
Average = Annotated[float, number_where("a number of zero or more and below 1", lambda value: 0 <= value < 1)]


@dataclass(frozen=True)
class SAC(OffPolicyAlgorithm):
    """Learn a tanh-squashed normal policy, two values of its actions, and the temperature of its entropy.

    Haarnoja et al. 2018 (arXiv:1812.05905): the policy maximizes reward plus temperature times entropy, and the
    temperature is learned so that the entropy comes to `target_entropy`.

    Attributes:
        policy_learning_rate: step of the policy's Adam; may be a schedule.
        value_learning_rate: step of the values' Adam; may be a schedule.
        temperature_learning_rate: step of the temperature's Adam; may be a schedule.
        initial_temperature: initial reward of a unit of entropy, a normalized reward where returns are normalized.
        target_entropy: entropy of each dimension of an action that the temperature aims for, below that of an even
            distribution, ln 2; the smaller, the less it explores.
        policy_ema: weight of the past in the exponential average over sessions that is evaluated, played against and
            exported; 0 takes the policy that explores. Values learned from noisy rewards move a policy back and forth,
            and its average stays (Polyak and Juditsky 1992, SIAM Journal on Control and Optimization 30).
    """

    rllib_config = SACConfig
    rllib_names: ClassVar = {
        **OffPolicyAlgorithm.rllib_names,
        "policy_learning_rate": "actor_lr",
        "value_learning_rate": "critic_lr",
        "temperature_learning_rate": "alpha_lr",
        "initial_temperature": "initial_alpha",
    }
    scheduled = ("policy_learning_rate", "value_learning_rate", "temperature_learning_rate")
    learner_class = SACLearner
    learner_fields = (*OffPolicyAlgorithm.learner_fields, "policy_ema")
    metrics: ClassVar = {
        "total_loss": "total_loss",
        "policy_loss": "policy_loss",
        "value_loss": "qf_loss",
        "value_mean": "qf_mean",
        "temporal_difference": "td_error_mean",
        "log_probability": "logps",
        "temperature": "alpha_value",
    }

    discount: Fraction = 0.9
    batch_size: Count = 512
    policy_learning_rate: ScheduledRate = 3e-4
    value_learning_rate: ScheduledRate = 5e-4
    temperature_learning_rate: ScheduledRate = 1e-3
    initial_temperature: Positive = 0.005
    target_entropy: Entropy = 0.25
    policy_ema: Average = 0.9

    def _group_spec(self, environment: EnvironmentSpec, group: str) -> GroupSpec:
        action = environment.action_of(group)
        if not isinstance(action.space, Box):
            raise ValueError(
                f"population.{group} learns by {type(self).__name__} and its action is {type(action).__name__}, of "
                f"space {action.space}; it must be continuous: give the group another, e.g. "
                f"+action@population.{group}.action=quotes on the command line"
            )
        return super()._group_spec(environment, group)

    def _configure(self, configuration: Any, group: GroupSpec) -> Any:
        network = DefaultModelConfig(
            fcnet_hiddens=list(self.hidden),
            fcnet_activation="tanh",
            fusionnet_hiddens=[self.hidden[-1]],
            fusionnet_activation="tanh",
        )
        return configuration.rl_module(model_config=network)

    def _training(self, group: GroupSpec) -> dict[str, Any]:
        (dimensions,) = group.action_space.shape or (0,)
        return {**super()._training(group), "target_entropy": self.target_entropy * dimensions}
