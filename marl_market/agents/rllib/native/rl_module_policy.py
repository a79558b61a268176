"""Any RLModule of RLlib as the policy of a group in the sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns

from marl_market.agents.interfaces import Decision, MarketShard
from marl_market.agents.rllib.internals import forward, tree_flatten, tree_leaves, tree_unflatten
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.batch_market import BatchMarket


class RLModulePolicy:
    """Play one group by a module, exploring as its algorithm does.

    The hidden state of a recurrent module begins with zeros, as RLlib's own do, and is a column of its decisions, in
    the flat form of `flatten_module_state`.

    Attributes:
        module: the RLModule that plays; it may be another one in each session.
        explore: whether it explores; else it is greedy.
        random: whether it samples actions uniformly from the space instead.
        env_steps: steps sampled so far, by which some modules schedule exploration.
    """

    def __init__(self) -> None:
        self.module: Any = None
        self.explore = True
        self.random = False
        self.env_steps = 0

    @property
    def state_size(self) -> int:
        """Return the size of the module's hidden state, 0 without one."""
        return sum(leaf.numel() for leaf in _leaves(self.module)[0])

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Do nothing: the policy plays outside the compiled step."""

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions (R, A) and the further columns of a loss; `noise` is not used.

        RLlib's modules and distributions draw from torch's global stream. Only the modules of
        `marl_market.agents.rllib.networks.masked_module` apply `mask`.
        """
        if self.random:
            return Decision(_as_rows(self._random_actions(len(observation))), state, {})
        batch: dict[str, Any] = {Columns.OBS: torch.from_numpy(observation)}
        if mask is not None:
            batch[ACTION_MASK] = torch.from_numpy(mask)
        if state.shape[1]:  # sequences of one
            batch = {name: values[:, None] for name, values in batch.items()}
            batch[Columns.STATE_IN] = unflatten_module_state(state, self.module)
        with torch.no_grad():
            output = forward(self.module, batch, self.explore, self.env_steps)
            extra: dict[str, Any] = {}
            if state.shape[1]:
                state = flatten_module_state(output.pop(Columns.STATE_OUT))
                extra = {Columns.STATE_OUT: state}
                output = {name: values[:, 0] for name, values in output.items()}
            if Columns.ACTIONS in output:
                return Decision(_as_rows(output[Columns.ACTIONS]), state, extra)
            inputs = output[Columns.ACTION_DIST_INPUTS]
            if not self.explore:
                distribution = self.module.get_inference_action_dist_cls().from_logits(inputs)
                return Decision(_as_rows(distribution.to_deterministic().sample()), state, extra)
            distribution = self.module.get_exploration_action_dist_cls().from_logits(inputs)
            action = distribution.sample()
            logp = distribution.logp(action).numpy()
        return Decision(
            _as_rows(action), state, {**extra, Columns.ACTION_LOGP: logp, Columns.ACTION_DIST_INPUTS: inputs.numpy()}
        )

    def _random_actions(self, rows: int) -> Any:
        """Return random actions in the form of RLlib's distributions: those of all rows in one."""
        sampled = [self.module.action_space.sample() for _ in range(rows)]
        return tuple(map(np.array, zip(*sampled, strict=True))) if isinstance(sampled[0], tuple) else sampled


def flatten_module_state(state: Any) -> Floats:
    """Return the states of rows, tensors of any structure (R, ...), flat (R, S)."""
    return torch.cat([leaf.flatten(1) for leaf in tree_leaves(state)], dim=1).numpy()


def unflatten_module_state(state: Floats, module: Any) -> Any:
    """Return flat states (R, S) in the structure of a module's own, tensors (R, ...)."""
    leaves, structure = _leaves(module)
    parts = torch.from_numpy(state).split([leaf.numel() for leaf in leaves], dim=1)
    shaped = [part.unflatten(1, leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return tree_unflatten(shaped, structure)


def _leaves(module: Any) -> Any:
    """Return the tensors of a module's initial state, and their structure."""
    return tree_flatten({} if module is None else module.get_initial_state())


def _as_rows(action: Any) -> Floats:
    """Return actions of any space as rows (R, A)."""
    if isinstance(action, tuple):
        return np.concatenate([_as_rows(part) for part in action], axis=1)
    numbers = np.asarray(action, np.float32)
    return numbers.reshape(len(numbers), -1)
