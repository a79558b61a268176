"""Asynchronous proximal policy optimization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ray.rllib.algorithms.appo import APPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.fields import Count, NotNegative
from marl_market.agents.rllib.algorithms.on_policy import OnPolicyAlgorithm
from marl_market.agents.rllib.batches.vtrace_sequences import VTraceSequences, entries_of
from marl_market.agents.rllib.networks.masked_module import MaskedAPPOModule

ONE_BATCH = {
    "use_circular_buffer": False,
    "circular_buffer_num_batches": 1,
    "circular_buffer_iterations_per_batch": 1,
    "train_batch_size_per_learner": 1,
}
"""RLlib's queue of batches, switched off."""


@dataclass(frozen=True)
class APPO(OnPolicyAlgorithm):
    """Learn by V-trace targets, which correct for the age of the policy that acted, and clipped probability ratios.

    V-trace (Espeholt et al. 2018, arXiv:1802.01561) with a policy that is clipped around a target network (Luo et al.
    2020, arXiv:1912.00167). Sampler and learner take turns here, so that a policy is never older than one session.
    Gradients of an LSTM flow back in time through a whole session.

    Attributes:
        value_coefficient: weight of the critic's loss; matters through the clip of its gradient only.
        epochs: passes over the rows of a session.
        minibatch_rows: whole sessions of one seat in one gradient step.
        target_every: decisions between copies of the policy into the target network.
    """

    rllib_config = APPOConfig
    rllib_names: ClassVar = {**OnPolicyAlgorithm.rllib_names, "target_every": "target_network_update_freq"}
    module_class = MaskedAPPOModule

    value_coefficient: NotNegative = 0.5
    epochs: Count = 2
    minibatch_rows: Count = 8
    target_every: Count = 1

    def _configure(self, configuration: Any, group: GroupSpec) -> Any:
        return super()._configure(configuration.env_runners(rollout_fragment_length=group.session_steps), group)

    def _training(self, group: GroupSpec) -> dict[str, Any]:
        return super()._training(group) | ONE_BATCH

    def _connector(self, group: GroupSpec) -> VTraceSequences:
        return VTraceSequences(group.session_steps, self.discount)

    def _initialize(self, rllib_learner: Any) -> None:
        # RLlib's thread would update while the next session is sampled, and no two runs would be alike.
        rllib_learner.shutdown()
        super()._initialize(rllib_learner)
        rllib_learner.module[DEFAULT_MODULE_ID].make_target_networks()

    def _learner_settings(self, group: GroupSpec) -> dict[str, Any]:
        minibatch_size = self.minibatch_rows * group.session_steps
        return {"batch_size": entries_of, "num_epochs": self.epochs, "minibatch_size": minibatch_size}
