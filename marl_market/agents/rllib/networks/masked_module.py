"""RLlib's default modules, told which choices of a discrete action are masked by a column of the batch.

RLlib's learners and losses stay as they are: what they get has no masked choice left to take. A batch without the
columns is one in which nothing is masked.
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

from marl_market.agents.rllib.networks.action_distribution import widen
from marl_market.agents.rllib.networks.categorical import MASKED

ACTION_MASK, NEXT_ACTION_MASK = "action_mask", "next_action_mask"


class MaskedPPOModule(DefaultPPOTorchRLModule):
    """PPO's policy and critic, whose policy leaves out the choices that the batch masks."""

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        output = super()._forward(batch, **kwargs)
        return _mask(output, batch, self.action_space, ACTION_MASK, Columns.ACTION_DIST_INPUTS)

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        output = super()._forward_train(batch, **kwargs)
        return _mask(output, batch, self.action_space, ACTION_MASK, Columns.ACTION_DIST_INPUTS)


class MaskedAPPOModule(DefaultAPPOTorchRLModule):
    """APPO's policy, critic and older policy, which leave out the choices that the batch masks."""

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        output = super()._forward_train(batch, **kwargs)
        return _mask(output, batch, self.action_space, ACTION_MASK, Columns.ACTION_DIST_INPUTS)

    def forward_target(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the scores of the older policy."""
        return _mask(
            super().forward_target(batch), batch, self.action_space, ACTION_MASK, TARGET_NETWORK_ACTION_DIST_INPUTS
        )


class MaskedDQNModule(DefaultDQNTorchRLModule):
    """DQN's value network, which values what follows by the best choice that will not be masked."""

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        output = super()._forward_train(batch)
        return _mask(output, batch, self.action_space, NEXT_ACTION_MASK, QF_NEXT_PREDS, QF_TARGET_NEXT_PREDS)


def _mask(output: dict[str, Any], batch: dict[str, Any], space: Any, column: str, *names: str) -> dict[str, Any]:
    if column in batch:
        allowed = widen(batch[column], space)
        for name in names:
            if name in output:
                output[name] = torch.where(allowed, output[name], float(MASKED))
    return output
