"""A learner of one group on an unmodified RLlib learner: counted updates, pinned to a seed, with its whole state."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from ray.rllib.core import COMPONENT_OPTIMIZER, COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_ENV_STEPS_TRAINED_LIFETIME

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import Decision, MarketShard, RunLength
from marl_market.agents.learning_device import learning_device
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron, NotCompiledError
from marl_market.agents.rllib.internals import (
    get_adapted_state,
    learner_on,
    set_adapted_state,
    set_setting,
    update_learner,
)
from marl_market.agents.rllib.learners.normalization import Normalization
from marl_market.agents.rllib.learners.schedule import Schedule
from marl_market.agents.rllib.learners.shapes import require_same_shapes
from marl_market.agents.rllib.learners.streams import global_streams
from marl_market.agents.rllib.networks.policy import PolicyNetwork, TorchPolicy, to_mlp
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.market.seeding import Stream, seed_sequence
from marl_market.market.validation import require

COMPONENTS = [COMPONENT_RL_MODULE, COMPONENT_OPTIMIZER]
IDLE_SESSIONS = 5
"""Sessions without an update after which a learner says so."""
USUAL_SCALES = 0.01, 30.0
"""Scales of returns that a critic learns well without normalization: its initial values and steps are of order one."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LearnerSettings:
    """The settings of a learner that all algorithms have.

    Attributes:
        group: name of the group, for messages.
        seats: of the group in each market, that the learner learns from.
        session_steps: steps of a session.
        schedules: of the settings that may change over a run, by name.
        rllib_names: RLlib's names of those settings.
        normalization: of rewards and observations.
    """

    group: str
    seats: int
    session_steps: int
    schedules: Mapping[str, Schedule]
    rllib_names: Mapping[str, str]
    normalization: Normalization


class RLlibLearner(ABC):
    """Act and learn for one group by one RLlib `Learner` with one module; no Algorithm and no Ray cluster.

    Attributes:
        module: the module that acts, on the CPU. Where the learning device is the CPU it is the one that learns; else
            it is a copy with the same weights.
        settings: those that all algorithms have.
        updates: updates so far.
        decisions: actions learned from so far, or passed over.
        env_steps: steps so far of all markets together.
        metrics: RLlib's name of each metric of an update.
    """

    def __init__(self, rllib_learner: Any, metrics: Mapping[str, str], seed: int, settings: LearnerSettings) -> None:
        """Take over a built RLlib learner."""
        self._rllib_learner = rllib_learner
        self._seed = seed
        self.metrics = metrics
        self.settings = settings
        self.normalization = settings.normalization
        self.updates = 0
        self.decisions = 0
        self.env_steps = 0
        self._run: RunLength | None = None
        self._idle_sessions = 0
        self._warned_of_scale = False
        learning = self._learning_module
        self.module = learning if rllib_learner.device.type == "cpu" else copy.deepcopy(learning).to("cpu")

    @property
    def _learning_module(self) -> Any:
        """Return the module that learns, on the learning device."""
        return self._rllib_learner.module[DEFAULT_MODULE_ID]

    @property
    def discount(self) -> float:
        """Return the discount of a step."""
        return float(self._rllib_learner.config.gamma)

    @property
    def state_size(self) -> int:
        """Return the size of the hidden state."""
        return 0

    def begin_run(self, run: RunLength) -> None:
        """Take the length of the run, for schedules over fractions of it, and warn of settings that do not fit it."""
        self._run = run
        for complaint in self._complaints(run):
            self._warn(complaint)

    def _complaints(self, run: RunLength) -> Iterator[str]:
        """Yield what is wrong with the settings in a run of this length."""
        return iter(())

    def _warn(self, text: str) -> None:
        _logger.warning("population.%s: %s", self.settings.group, text)

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:  # noqa: B027
        """Do nothing: the policy plays outside the compiled step."""

    @abstractmethod
    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return actions, see `marl_market.agents.interfaces.Actor`."""

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update from the rollout of one session; return metrics, and the settings that change over the run.

        Warns once where several sessions have brought no update, and where returns that are not normalized have an
        unusual scale. Raises FloatingPointError where a gradient or a weight is not finite.
        """
        if not rollout.has_actions:
            raise TypeError("rollout has no actions; an RLlib learner learns from those of external agents")
        scheduled, updates = self._apply_schedules(), self.updates
        self.normalization.observe_returns(rollout, self.discount)
        self._check_scale()
        learned = self._learn(rollout)
        self._check_weights(learned)
        self.env_steps += rollout.reward.size // self.settings.seats
        self._check_updates(self.updates > updates)
        return {**learned, **scheduled, "updates": float(self.updates), "return_scale": self.normalization.seen.scale}

    def _check_weights(self, metrics: Mapping[str, float]) -> None:
        for name, weight in self._learning_module.state_dict().items():
            if not torch.isfinite(weight).all():
                raise FloatingPointError(f"weight {name} is not finite after update {self.updates}: {metrics}")

    @abstractmethod
    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """Update from a rollout that has actions."""

    def _apply_schedules(self) -> dict[str, float]:
        """Set all settings to their values at this point of the run; return those that change."""
        run_steps = None if self._run is None else self._run.env_steps
        values = {name: schedule.value(self.env_steps, run_steps) for name, schedule in self.settings.schedules.items()}
        for name, value in values.items():
            set_setting(self._rllib_learner, DEFAULT_MODULE_ID, self.settings.rllib_names[name], value)
        return {name: value for name, value in values.items() if self.settings.schedules[name].varies}

    def _check_scale(self) -> None:
        """Warn once where returns that are not normalized have an unusual scale."""
        seen, (least, largest) = self.normalization.seen, USUAL_SCALES
        if self.normalization.returns is not None or self._warned_of_scale or seen.mean_square == 0.0:
            return
        if not least <= seen.scale <= largest:
            self._warned_of_scale = True
            self._warn(
                f"its returns are about {seen.scale:.1e} and values of about 1 are learned best: let "
                "normalize_returns be true, or choose smaller or larger weights of the rewards"
            )

    def _check_updates(self, updated: bool) -> None:
        """Warn once, with the reason, where several sessions in a row have brought no update."""
        self._idle_sessions = 0 if updated else self._idle_sessions + 1
        if self._idle_sessions == IDLE_SESSIONS:
            self._warn(f"no update in {IDLE_SESSIONS} sessions: {self._idle_reason()}")

    def _idle_reason(self) -> str:
        """Return why there was no update."""
        return "no agent of the group was active"

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Clone the behavior of rollouts, the last of which is held out; return metrics.

        See `marl_market.agents.imitation.behavior_cloning.CloningLearner`.
        """
        for rollout in rollouts[:-1]:
            self.normalization.observe_returns(rollout, self.discount)
            self.normalization.observe_observations(rollout)
        metrics = self._clone([self.normalization.rollout(rollout) for rollout in rollouts], config)
        _copy_weights(self.module, self._learning_module)
        return metrics

    @abstractmethod
    def _clone(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Fit the module that acts to all but the last of `rollouts`."""

    @property
    @abstractmethod
    def greedy(self) -> PolicyNetwork:
        """Return the networks of the policy that does not explore."""

    def policy(self) -> CompiledPolicy | TorchPolicy:
        """Return the current greedy policy, compiled where its network is a `MultilayerPerceptron`."""
        try:
            return CompiledPolicy(*self.network())
        except NotCompiledError:
            return TorchPolicy.copy_of(self.greedy)

    def network(self) -> tuple[MultilayerPerceptron, Floats]:
        """Return the network from observation to means and scores of choices, and its flat weights.

        Raises NotCompiledError for a network that a compiled policy cannot have.
        """
        return to_mlp(self.greedy, self.module.action_space)

    def update(self, decisions: int, **arguments: Any) -> dict[str, float]:
        """Update once, `decisions` later than before; return the metrics of the last minibatch.

        `arguments` are those of `ray.rllib.core.learner.learner.Learner.update`. Raises FloatingPointError where the
        loss is not finite: RLlib itself would go on with gradients set to zero.
        """
        total = self.decisions + decisions
        with global_streams(seed_sequence(self._seed, Stream.UPDATE, self.updates), self._rllib_learner.device):
            timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: total, NUM_ENV_STEPS_TRAINED_LIFETIME: total}
            results = update_learner(self._rllib_learner, timesteps, **arguments)[DEFAULT_MODULE_ID]
        _copy_weights(self._learning_module, self.module)
        self.updates += 1
        self.decisions = total
        metrics = {name: float(results[key].peek()) for name, key in self.metrics.items() if key in results}
        if not np.isfinite(metrics["total_loss"]):
            raise FloatingPointError(f"the gradients of update {self.updates} are not finite: {metrics}")
        return metrics

    def get_weights(self) -> dict[str, Any]:
        """Return the weights that act, no critic's or target's, the statistics and the number of decisions."""
        return {
            "decisions": self.decisions,
            "module": self.module.get_state(inference_only=True),
            "normalization": self.normalization.get_state(),
        }

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Act as the learner of these `get_weights`."""
        self.module.set_state(weights["module"])
        _copy_weights(self.module, self._learning_module)
        self.normalization.set_state(weights["normalization"])
        self.decisions = weights["decisions"]

    def get_state(self) -> dict[str, Any]:
        """Return all that the next update depends on, as a copy."""
        learned = self._rllib_learner.get_state(components=COMPONENTS)
        return {
            "seed": self._seed,
            "updates": self.updates,
            "decisions": self.decisions,
            "env_steps": self.env_steps,
            "normalization": self.normalization.get_state(),
            "adapted": get_adapted_state(self._rllib_learner, DEFAULT_MODULE_ID),
            **{key: _plain(learned[key]) for key in COMPONENTS},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`, of this learner or of one built alike."""
        # Without RLlib's weights_seq_no: given one, it silently keeps its own weights if they are newer.
        # A copy, since torch's optimizers go on to write into the arrays they are given.
        self._rllib_learner.set_state(copy.deepcopy({key: state[key] for key in COMPONENTS}))
        _copy_weights(self._learning_module, self.module)
        set_adapted_state(self._rllib_learner, DEFAULT_MODULE_ID, state["adapted"])
        self.normalization.set_state(state["normalization"])
        self._seed, self.updates, self.decisions = state["seed"], state["updates"], state["decisions"]
        self.env_steps = state["env_steps"]

    def load_weights(self, state: dict[str, Any]) -> None:
        """Begin from the networks of a state of `get_state`, critic and targets too, and its scale of observations.

        Raises ConfigError for networks of other names or shapes, and for another normalization.
        """
        networks = state.get(COMPONENT_RL_MODULE, {}).get(DEFAULT_MODULE_ID, {})
        require_same_shapes(networks, self._learning_module.get_state())
        scale, found = self.normalization.observations, state["normalization"].get("observations")
        require(
            (scale is None) == (found is None), "normalize_observations", scale is not None, "as in the saved learner"
        )
        if scale is not None and found is not None:
            scale.set_state(found)
        self._learning_module.set_state(copy.deepcopy(networks))
        _copy_weights(self._learning_module, self.module)


def _plain(value: Any) -> Any:
    """Return a nested state with its mappings, of which torch has several classes, as dict."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _copy_weights(source: Any, target: Any) -> None:
    """Set the weights of one module to those of another, in place."""
    if target is not source:
        target.load_state_dict(source.state_dict())


def build_rllib_learner(configuration: Any, observation: Any, action: Any, seed: int) -> Any:
    """Return the learner of an RLlib configuration, on the `learning_device`; the same seed gives the same weights."""
    if learning_device() != "cpu":
        configuration.learners(learner_class=learner_on(learning_device(), configuration.learner_class))
    # RLlib's own seed would reseed the whole process, so the initial weights get a stream of their own.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return configuration.build_learner(spaces={DEFAULT_MODULE_ID: (observation, action)})


def observation_space(size: int) -> Box:
    """Return the space of observations of `size` numbers."""
    return Box(-np.inf, np.inf, (size,), np.float32)
