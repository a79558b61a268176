"""Proximal policy optimization."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from ray.rllib.algorithms.ppo import PPOConfig

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.fields import (
    Count,
    Fraction,
    NotNegative,
    Positive,
    Range,
    ScheduledRate,
    Switch,
)
from marl_market.agents.rllib.algorithms.on_policy import OnPolicyAlgorithm
from marl_market.agents.rllib.batches.advantages import GAEConnector
from marl_market.agents.rllib.batches.recurrent import RecurrentGAEConnector
from marl_market.agents.rllib.networks.masked_module import MaskedPPOModule
from marl_market.market.validation import is_number, require_field

ClipOrNone = Annotated[
    float, Range("a number above zero or infinity", lambda value: (is_number(value) and value > 0) or value == math.inf)
]
Activation = Annotated[str, Range("tanh or relu", lambda value: value in ("tanh", "relu"))]


@dataclass(frozen=True)
class PPO(OnPolicyAlgorithm):
    """Learn by clipped probability ratios and generalized advantages (Schulman et al. 2017, arXiv:1707.06347).

    Attributes:
        activation: of the hidden layers; only tanh can be exported to a compiled policy.
        sequence_length: decisions through which gradients flow back in time, for an LSTM; the hidden state before the
            first of them is given.
        learning_rate: step of Adam; may be a schedule.
        gae_lambda: lambda of the generalized advantages: 0 trusts the critic, 1 the rewards.
        value_clip: squared error of the critic beyond which a sample has no gradient, in normalized rewards where
            returns are normalized. RLlib's 10 stops the critic where returns are large; infinity never does.
        kl_coefficient: initial weight of the penalty on the divergence from the policy that acted; RLlib raises it by
            half or halves it, towards `kl_target`. Zero switches it off, and with it the metric `mean_kl`.
        kl_target: divergence of one update that the penalty aims for.
        minibatch_size: decisions of one gradient step; each costs 3 ms whatever its size, so that small ones are slow.
        state_dependent_std: whether the standard deviation is an output of the policy network; else it is a
            parameter, alike in all states.
        log_std_limit: largest absolute log standard deviation.
    """

    rllib_config = PPOConfig
    rllib_names: ClassVar = {
        **OnPolicyAlgorithm.rllib_names,
        "value_clip": "vf_clip_param",
        "kl_coefficient": "kl_coeff",
        "kl_target": "kl_target",
        "gae_lambda": "lambda_",
    }
    module_class = MaskedPPOModule

    activation: Activation = "tanh"
    sequence_length: Count = 20
    discount: Fraction = 0.95
    learning_rate: ScheduledRate = 1e-3
    gae_lambda: Fraction = 0.95
    value_clip: ClipOrNone = math.inf
    kl_coefficient: NotNegative = 0.2
    kl_target: Positive = 0.01
    minibatch_size: Count = 1024
    state_dependent_std: Switch = False
    log_std_limit: Positive = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = self.lstm_size is None or 1 < self.sequence_length <= self.minibatch_size
        require_field(self, "sequence_length", fits, "2 or more, and no longer than a minibatch")
        within = abs(self.initial_log_std) < self.log_std_limit
        require_field(self, "initial_log_std", within, "within log_std_limit")

    def _training(self, group: GroupSpec) -> dict[str, Any]:
        return {**super()._training(group), "use_kl_loss": self.kl_coefficient > 0}

    def _network(self, group: GroupSpec) -> dict[str, Any]:
        network = super()._network(group)
        return {
            "activation": self.activation,
            "sequence_length": self.sequence_length,
            "free_log_std": network["free_log_std"] and not self.state_dependent_std,
            "log_std_clip_param": self.log_std_limit,
        }

    def _connector(self, group: GroupSpec) -> GAEConnector:
        if self.lstm_size is None:
            return GAEConnector(self.discount, self.gae_lambda)
        return RecurrentGAEConnector(self.discount, self.gae_lambda, self.sequence_length)

    def _learner_settings(self, group: GroupSpec) -> dict[str, Any]:
        return {"num_epochs": self.epochs, "minibatch_size": self.minibatch_size, "shuffle_batch_per_epoch": True}
