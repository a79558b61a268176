"""Any RLModule of RLlib as a mind that the sampler asks for actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns

from marl_market.agents.interfaces import Decision, Floats, MarketShard, Masks
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.env.batch_market import BatchMarket


class RLModulePolicy:
    """Play one group by a module, exploring as its algorithm does.

    What a recurrent module remembers begins with zeros, as RLlib's own do, and stands in a column of its decisions,
    in the flat form of `flat_state`.

    Attributes:
        module: the RLModule that plays; it may be another one in each session.
        explore: whether it explores; else it does what it thinks best.
        random: whether it plays any action of its space instead, all equally probable.
        env_steps: how many steps have been sampled so far, by which some modules schedule how they explore.
    """

    def __init__(self) -> None:
        self.module: Any = None
        self.explore = True
        self.random = False
        self.env_steps = 0

    @property
    def state_size(self) -> int:
        """Return how many numbers the states of the module have, 0 where it has none."""
        return sum(leaf.numel() for leaf in _leaves(self.module)[0])

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write nothing: the mind is outside the step."""

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A) and the columns that a loss needs beside them; `noise` is not used.

        RLlib's modules and distributions draw from torch's global stream. Of RLlib's own modules only those of
        `marl_market.agents.rllib.networks.masked_module` heed `mask`.
        """
        if self.random:
            return Decision(_numbers(self._anything(len(observation))), state, {})
        batch: dict[str, Any] = {Columns.OBS: torch.from_numpy(observation)}
        if mask is not None:
            batch[ACTION_MASK] = torch.from_numpy(mask)
        if state.shape[1]:  # sequences of one
            batch = {name: values[:, None] for name, values in batch.items()}
            batch[Columns.STATE_IN] = shaped_state(state, self.module)
        # Not forward_exploration, which toggles train and eval mode on each call.
        forward = self.module._forward_exploration if self.explore else self.module._forward_inference
        with torch.no_grad():
            output = forward(batch, t=self.env_steps)
            columns: dict[str, Any] = {}
            if state.shape[1]:
                state = flat_state(output.pop(Columns.STATE_OUT))
                columns = {Columns.STATE_OUT: state}
                output = {name: values[:, 0] for name, values in output.items()}
            if Columns.ACTIONS in output:
                return Decision(_numbers(output[Columns.ACTIONS]), state, columns)
            inputs = output[Columns.ACTION_DIST_INPUTS]
            if not self.explore:
                distribution = self.module.get_inference_action_dist_cls().from_logits(inputs)
                return Decision(_numbers(distribution.to_deterministic().sample()), state, columns)
            distribution = self.module.get_exploration_action_dist_cls().from_logits(inputs)
            action = distribution.sample()
            logp = distribution.logp(action).numpy()
        return Decision(
            _numbers(action), state, {**columns, Columns.ACTION_LOGP: logp, Columns.ACTION_DIST_INPUTS: inputs.numpy()}
        )

    def _anything(self, rows: int) -> Any:
        """Return any actions, as RLlib's distributions would: those of all rows in one."""
        sampled = [self.module.action_space.sample() for _ in range(rows)]
        return tuple(map(np.array, zip(*sampled, strict=True))) if isinstance(sampled[0], tuple) else sampled


def flat_state(state: Any) -> Floats:
    """Return the states of rows, tensors of any structure (R, ...), as numbers (R, M)."""
    return torch.cat([leaf.flatten(1) for leaf in torch.utils._pytree.tree_leaves(state)], dim=1).numpy()


def shaped_state(state: Floats, module: Any) -> Any:
    """Return states (R, M) in the structure of a module's own, tensors (R, ...)."""
    leaves, structure = _leaves(module)
    parts = torch.from_numpy(state).split([leaf.numel() for leaf in leaves], dim=1)
    shaped = [part.unflatten(1, leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return torch.utils._pytree.tree_unflatten(shaped, structure)


def _leaves(module: Any) -> Any:
    """Return the tensors of a module's first state, and the structure that they are in."""
    return torch.utils._pytree.tree_flatten({} if module is None else module.get_initial_state())


def _numbers(action: Any) -> Floats:
    """Return actions of any space, one for each row, as (R, A)."""
    if isinstance(action, tuple):
        return np.concatenate([_numbers(part) for part in action], axis=1)
    numbers = np.asarray(action, np.float32)
    return numbers.reshape(len(numbers), -1)
