"""Any RLModule of RLlib as a mind that the sampler asks for actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns

from marl_market.agents.learner import Decision, Floats, Masks, Portion
from marl_market.agents.rllib.masked_module import ACTION_MASK
from marl_market.env.batch_market import BatchMarket


class ModuleMind:
    """Play one group by a module, exploring as its algorithm does.

    Attributes:
        module: the RLModule that plays; it may be another one in each session.
        explore: whether it explores; else it does what it thinks best.
        random: whether it plays any action of its space instead, all equally probable.
        env_steps: how many steps have been sampled so far, by which some modules schedule how they explore.
    """

    memory_size = 0

    def __init__(self) -> None:
        self.module: Any = None
        self.explore = True
        self.random = False
        self.env_steps = 0

    def prepare(self, batch: BatchMarket, portion: Portion | None = None) -> None:
        """Write nothing: the mind is outside the step."""

    def act(self, observation: Floats, memory: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A) and the columns that a loss needs beside them; `noise` is not used.

        RLlib's modules and distributions draw from torch's global stream. Of RLlib's own modules only those of
        `marl_market.agents.rllib.masked_module` heed `mask`.
        """
        if self.random:
            return Decision(_numbers([self.module.action_space.sample() for _ in observation]), memory, {})
        batch = {Columns.OBS: torch.from_numpy(observation)}
        if mask is not None:
            batch[ACTION_MASK] = torch.from_numpy(mask)
        # Not forward_exploration, which toggles train and eval mode on each call.
        forward = self.module._forward_exploration if self.explore else self.module._forward_inference
        with torch.no_grad():
            output = forward(batch, t=self.env_steps)
            if Columns.ACTIONS in output:
                return Decision(_numbers(output[Columns.ACTIONS]), memory, {})
            inputs = output[Columns.ACTION_DIST_INPUTS]
            if not self.explore:
                distribution = self.module.get_inference_action_dist_cls().from_logits(inputs)
                return Decision(_numbers(distribution.to_deterministic().sample()), memory, {})
            distribution = self.module.get_exploration_action_dist_cls().from_logits(inputs)
            action = distribution.sample()
            columns = {Columns.ACTION_LOGP: distribution.logp(action), Columns.ACTION_DIST_INPUTS: inputs}
        return Decision(_numbers(action), memory, {name: column.numpy() for name, column in columns.items()})


def _numbers(action: Any) -> Floats:
    """Return actions of any space, one for each row, as (R, A)."""
    numbers = np.asarray(action, np.float32)
    return numbers.reshape(len(numbers), -1)
