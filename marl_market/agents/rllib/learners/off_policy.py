"""Minds that learn from a replay buffer: what DQN and SAC share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import MarketShard
from marl_market.agents.rllib.batches.replay_buffer import Replay, transitions
from marl_market.agents.rllib.learners.learner import RLlibLearner
from marl_market.agents.rllib.networks.action_distribution import as_space
from marl_market.agents.rollout import Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import External
from marl_market.market.seeding import Stream, generator


@dataclass(frozen=True)
class OffPolicy(External):
    """Say how a value is learned from a replay buffer.

    Raises ValueError, naming the field, for a value it cannot learn with.

    Attributes:
        hidden: widths of the hidden layers, tanh units, of every network.
        memory: None; what is remembered singly has no session around it. PPO and APPO can have one.
        discount: worth of the next step's reward.
        n_step: decisions whose rewards are summed before the value of what follows is asked for.
        capacity: transitions that are remembered.
        learning_starts: decisions before the first update.
        batch_size: transitions of one update.
        decisions_per_update: decisions sampled for each update.
        target_rate: how far an update of the target network moves it towards the one that learns; 1 copies it.
        target_every: decisions between updates of the target network; 0: with every update.
        gradient_clip: largest norm of a gradient; None does not clip.
    """

    hidden: Sequence[int] = (64, 64)
    lstm_size: None = None
    discount: float = 0.99
    n_step: int = 1
    capacity: int = 100_000
    learning_starts: int = 2_000
    batch_size: int = 256
    decisions_per_update: int = 32
    target_rate: float = 0.01
    target_every: int = 0
    gradient_clip: float | None = 10.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        self._require("hidden", len(self.hidden) > 0 and min(self.hidden) > 0, "one or more widths above zero")
        self._require("lstm_size", self.lstm_size is None, "None: only PPO and APPO can have one")
        for name in ("n_step", "capacity", "batch_size", "decisions_per_update"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("learning_starts", "target_every"):
            self._require(name, getattr(self, name) >= 0, "zero or more")
        self._require("discount", 0 <= self.discount <= 1, "in [0, 1]")
        self._require("target_rate", 0 < self.target_rate <= 1, "above zero and up to 1")
        self._require("gradient_clip", self.gradient_clip is None or self.gradient_clip > 0, "above zero or None")

    def _require(self, name: str, condition: bool, wanted: str) -> None:
        if not condition:
            raise ValueError(f"{type(self).__name__}.{name} is {getattr(self, name)!r}; it must be {wanted}")

    def _settings(self) -> dict[str, Any]:
        """Return what every RLlib algorithm with a target network calls the fields above."""
        return {
            "gamma": self.discount,
            "tau": self.target_rate,
            "target_network_update_freq": self.target_every,
            "grad_clip": self.gradient_clip,
            "grad_clip_by": "global_norm",
        }


class OffPolicyLearner:
    """Remember the sessions of one group and learn from what it remembers."""

    state_size = 0

    def __init__(self, settings: OffPolicy, learner: Any, metrics: Mapping[str, str], seed: int) -> None:
        """Wrap a built RLlib learner; `metrics` are what `learn` reports and what RLlib calls it."""
        self._settings = settings
        self._learner = RLlibLearner(learner, metrics, seed)
        self._replay = Replay(settings.capacity)
        self._seed = seed

    @property
    def _module(self) -> Any:
        return self._learner.module

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Write nothing: the mind is outside the step."""

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Remember one session, then update as often as its decisions allow; return the metrics of the last update.

        To RLlib, which counts decisions to update target networks, the updates are spread over the session.
        """
        settings, decisions = self._settings, self._remember(rollout)
        updates = decisions // settings.decisions_per_update
        if len(self._replay) < settings.learning_starts or updates == 0:
            self._learner.decisions += decisions
            return {"replay_size": float(len(self._replay))}
        metrics = {}
        for passed in np.diff(np.linspace(0, decisions, updates + 1).astype(int)).tolist():
            random = generator(self._seed, Stream.REPLAY, self._learner.updates)
            columns = self._replay.sample(settings.batch_size, random)
            batch = MultiAgentBatch({DEFAULT_MODULE_ID: SampleBatch(columns)}, env_steps=settings.batch_size)
            metrics = self._learner.update(passed, batch=batch)
        return {**metrics, "replay_size": float(len(self._replay))}

    def get_weights(self) -> dict[str, Any]:
        """Return the weights that act and how many decisions they have learned from."""
        return self._learner.get_weights()

    def set_weights(self, shared: dict[str, Any]) -> None:
        """Act with another's weights, exploring as much as it does."""
        self._learner.set_weights(shared)

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Do as was done in `sessions`, and remember them: values begin with what the teacher's choices brought.

        That is how deep Q-learning from demonstrations begins (Hester et al. 2018, arXiv:1704.03732). The last session
        is held out from the fit.
        """
        metrics = self._clone(rollouts, config)
        self._learner.take_over()
        for rollout in rollouts:
            self._remember(rollout)
        return metrics

    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Fit what acts to all but the last of `sessions`."""
        raise NotImplementedError

    def _remember(self, rollout: Rollout) -> int:
        """Put a session into the replay buffer; return its number of actions."""
        if not rollout.has_actions:
            raise TypeError("rollout has no actions; an RLlib learner learns from those of external agents")
        action, settings = as_space(rollout.action, self._module.action_space), self._settings
        self._replay.add(transitions(rollout, action, settings.n_step, settings.discount))
        return len(rollout)

    def get_state(self) -> dict[str, Any]:
        """Return networks, their targets, optimizers, counters and all that is remembered."""
        return {"learner": self._learner.get_state(), "replay": self._replay.get_state(), "seed": self._seed}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self._learner.set_state(state["learner"])
        self._replay.set_state(state["replay"])
        self._seed = state["seed"]
