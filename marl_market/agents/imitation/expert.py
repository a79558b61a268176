"""A teacher as the sampler knows it: a mind whose actions are what a scripted trader would do."""

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
    """Play one external group as a scripted trader would; the column "matters" says which numbers are its own."""

    state_size = 0

    def __init__(self, environment: EnvironmentSpec, group: str, expert: Agent) -> None:
        """Let `expert` decide for the group of this name."""
        self._group = group
        self._teacher = expert
        self._demonstration: Demonstration | None = None
        # A pace is a number that no imitator writes: a teacher acts again as soon as it can, by the first choice.
        self._paced = environment.timing.choices > 0
        choices = environment.timing.choices
        discrete = num_choices_of(environment.action_of(group).space) is not None
        self._soon = 0.0 if discrete or choices == 0 else 1.0 / choices - 1.0

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Seat the teacher in the batch, which is the same in every session, without a memory."""
        if self._demonstration is None:
            self._demonstration = Demonstration(batch, self._group, self._teacher)
        self._demonstration.open()

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return what the teacher does and which numbers of it make a difference, (R, A) each."""
        if self._demonstration is None:
            raise RuntimeError("the teacher has no market yet: call on_episode_start before act")
        told = self._demonstration.actions()
        action = told.reshape(len(observation), -1)
        if self._paced:
            soon = np.full((len(action), 1), self._soon, np.float32)
            action = np.concatenate([action, soon], axis=1)
        return Decision(np.nan_to_num(action), state, {"loss_mask": ~np.isnan(action)})
