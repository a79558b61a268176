"""The expert of behavior cloning as an actor: its actions are those of a scripted trader, encoded."""

from __future__ import annotations

import numpy as np

from marl_market.agents.interfaces import Decision, MarketShard
from marl_market.agents.rollout import Floats, Masks
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import num_choices_of
from marl_market.env.population.group import Agent
from marl_market.env.recording.demonstration import Demonstration


class ExpertPolicy:
    """Act for an external group as a scripted trader; the extra column "loss_mask" marks the numbers it determines."""

    state_size = 0

    def __init__(self, environment: EnvironmentSpec, group: str, expert: Agent) -> None:
        """Act by `expert` for the group of this name."""
        self._group = group
        self._expert = expert
        self._demonstration: Demonstration | None = None
        # No action encoder writes the decision timing: an expert acts again as soon as it can, by the first choice.
        self._has_timing = environment.timing.choices > 0
        choices = environment.timing.choices
        discrete = num_choices_of(environment.action_of(group).space) is not None
        self._soon = 0.0 if discrete or choices == 0 else 1.0 / choices - 1.0

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Begin a demonstration without memory; the batch must be the same in every session."""
        if self._demonstration is None:
            self._demonstration = Demonstration(batch, self._group, self._expert)
        self._demonstration.open()

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the expert's actions and their loss mask, (R, A) each."""
        if self._demonstration is None:
            raise RuntimeError("the expert has no market yet: call on_episode_start before act")
        action = self._demonstration.actions().reshape(len(observation), -1)
        if self._has_timing:
            soon = np.full((len(action), 1), self._soon, np.float32)
            action = np.concatenate([action, soon], axis=1)
        return Decision(np.nan_to_num(action), state, {"loss_mask": ~np.isnan(action)})
