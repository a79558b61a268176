"""RLlib's default modules with action masks: the choices of a discrete action that a column of the batch masks.

RLlib's learners and losses stay as they are: among the outputs that they get no masked choice has any probability. In
a batch without the column nothing is masked.
"""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.appo.torch.default_appo_torch_rl_module import DefaultAPPOTorchRLModule
from ray.rllib.algorithms.dqn.dqn_learner import QF_NEXT_PREDS, QF_TARGET_NEXT_PREDS
from ray.rllib.algorithms.dqn.torch.default_dqn_torch_rl_module import DefaultDQNTorchRLModule
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis import TARGET_NETWORK_ACTION_DIST_INPUTS

from marl_market.agents.rllib.internals import RevisedOutputs
from marl_market.agents.rllib.networks.action_distribution import MASKED, expand_mask

ACTION_MASK, NEXT_ACTION_MASK = "action_mask", "next_action_mask"


class MaskedPPOModule(RevisedOutputs, DefaultPPOTorchRLModule):
    """PPO's policy and critic; the policy leaves out masked choices."""

    def revise_output(self, output: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
        """Return the output with masked scores."""
        return _mask(output, batch, self.action_space, ACTION_MASK, Columns.ACTION_DIST_INPUTS)


class MaskedAPPOModule(RevisedOutputs, DefaultAPPOTorchRLModule):
    """APPO's policy, critic and target policy; both policies leave out masked choices."""

    def revise_output(self, output: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
        """Return the output with masked scores."""
        return _mask(output, batch, self.action_space, ACTION_MASK, Columns.ACTION_DIST_INPUTS)

    def forward_target(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the scores of the target policy."""
        output = super().forward_target(batch)
        return _mask(output, batch, self.action_space, ACTION_MASK, TARGET_NETWORK_ACTION_DIST_INPUTS)


class MaskedDQNModule(RevisedOutputs, DefaultDQNTorchRLModule):
    """DQN's value network; the value of a next state is that of its best legal choice."""

    def revise_output(self, output: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
        """Return the output with masked values of the next state."""
        return _mask(output, batch, self.action_space, NEXT_ACTION_MASK, QF_NEXT_PREDS, QF_TARGET_NEXT_PREDS)


def _mask(output: dict[str, Any], batch: dict[str, Any], space: Any, column: str, *names: str) -> dict[str, Any]:
    if column in batch:
        legal = expand_mask(batch[column], space)
        for name in names:
            if name in output:
                output[name] = torch.where(legal, output[name], float(MASKED))
    return output
