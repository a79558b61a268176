"""Asynchronous proximal policy optimization as a config describes it, on RLlib's own learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gymnasium.spaces import Discrete, MultiDiscrete
from ray.rllib.algorithms.appo import APPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID

from marl_market.agents.rllib.auxiliary.heads import add_heads
from marl_market.agents.rllib.auxiliary.learner import AuxiliaryLearner
from marl_market.agents.rllib.auxiliary.task import AuxiliaryTask, Head, heads_of
from marl_market.agents.rllib.batches.vtrace_sequences import VTraceSequences, entries_of
from marl_market.agents.rllib.learners.learner import build_rllib_learner, observation_space
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.actor_critic import initialize_policy_head, network_of
from marl_market.agents.rllib.networks.attention import Attention, places_of_events
from marl_market.agents.rllib.networks.masked_module import MaskedAPPOModule
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import ActionSpace
from marl_market.env.population.group import External


@dataclass(frozen=True)
class APPO(External):
    """Learn a policy and a critic whose targets are corrected for the age of the policy that acted.

    V-trace (Espeholt et al. 2018, arXiv:1802.01561) towards a policy that is clipped around a target network (Luo et
    al. 2020, arXiv:1912.00167). Sampler and learner take turns here, so that a policy is never older than one session.

    Raises ValueError, naming the field, for a value it cannot learn with.

    Attributes:
        hidden: widths of the hidden layers of policy and critic, tanh units.
        memory: cells of an LSTM behind them, in policy and critic each, which begins each session anew; None: what is
            not observed is forgotten. Gradients flow back in time through a whole session.
        attention: over the events of the observation, in front of the hidden layers, in policy and critic each, such as
            {heads: 2, width: 32}; None: events are like all other numbers.
        learning_rate: step of Adam.
        discount: worth of the next step's reward.
        clip: how far an update may move an action's probability ratio from 1 and still gain.
        value_coefficient: weight of the critic's loss; matters through the joint gradient clip only.
        entropy_coefficient: reward for a policy's entropy.
        epochs: passes over the rows of a session.
        minibatch_rows: whole sessions of one seat in one gradient step.
        target_every: decisions between copies of the policy into the target network.
        gradient_clip: largest norm of the joint gradient of policy and critic; None does not clip.
        initial_log_std: log standard deviation a newborn explores with, in units of a continuous action.
        output_scale: scale of a newborn's last policy layer.
        auxiliary: what the encoder of the policy also learns to foretell, by name.
    """

    hidden: Sequence[int] = (64, 64)
    lstm_size: int | None = None
    attention: Attention | None = None
    learning_rate: float = 1e-3
    discount: float = 0.99
    clip: float = 0.2
    value_coefficient: float = 0.5
    entropy_coefficient: float = 0.0
    epochs: int = 2
    minibatch_rows: int = 8
    target_every: int = 1
    gradient_clip: float | None = 0.5
    initial_log_std: float = -0.5
    output_scale: float = 0.01
    auxiliary: Mapping[str, AuxiliaryTask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        if isinstance(self.attention, Mapping):
            object.__setattr__(self, "attention", Attention(**self.attention))
        self._require("hidden", len(self.hidden) > 0 and min(self.hidden) > 0, "one or more widths above zero")
        for name in ("learning_rate", "clip", "epochs", "minibatch_rows", "target_every"):
            self._require(name, getattr(self, name) > 0, "above zero")
        for name in ("value_coefficient", "entropy_coefficient", "output_scale"):
            self._require(name, getattr(self, name) >= 0, "zero or more")
        self._require("discount", 0 <= self.discount <= 1, "in [0, 1]")
        self._require("lstm_size", self.lstm_size is None or self.lstm_size > 0, "above zero or None")
        self._require("gradient_clip", self.gradient_clip is None or self.gradient_clip > 0, "above zero or None")

    def _require(self, name: str, condition: bool, wanted: str) -> None:
        if not condition:
            raise ValueError(f"APPO.{name} is {getattr(self, name)!r}; it must be {wanted}")

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> OnPolicyLearner:
        """Return a newborn learner for the group of this name."""
        space, steps = environment.action_of(group).space, environment.spec.session_steps
        events = () if self.attention is None else places_of_events(environment, group)
        heads = heads_of(self.auxiliary, environment)
        kind = partial(AuxiliaryLearner, self.auxiliary, environment, group) if heads else OnPolicyLearner
        return self.build(environment.observation_size, space, steps, seed, events, heads, kind)

    def build(
        self,
        observation_size: int,
        action: ActionSpace,
        steps: int,
        seed: int,
        events: Sequence[int] = (),
        heads: Mapping[str, Head] | None = None,
        kind: Callable[..., OnPolicyLearner] = OnPolicyLearner,
    ) -> OnPolicyLearner:
        """Return a newborn learner of sessions of `steps` steps; the same seed gives the same weights.

        `events` says where `attention` finds events in an observation, `heads` the auxiliary heads of the encoder, `kind` the class of the learner.
        """
        configuration = add_heads(self._configuration(action, steps, events), heads or {})
        learner = build_rllib_learner(configuration, observation_space(observation_size), action, seed)
        # RLlib's thread would update while the next session is sampled, and no two runs would be alike.
        learner.shutdown()
        initialize_policy_head(learner.module[DEFAULT_MODULE_ID], self.output_scale, self.initial_log_std)
        learner.module[DEFAULT_MODULE_ID].make_target_networks()
        return kind(learner, seed, entries_of, num_epochs=self.epochs, minibatch_size=self.minibatch_rows * steps)

    def _configuration(self, action: ActionSpace, steps: int, events: Sequence[int]) -> APPOConfig:
        network = network_of(
            MaskedAPPOModule,
            self.hidden,
            "tanh",
            self.lstm_size,
            steps,
            self.attention,
            events,
            free_log_std=not isinstance(action, Discrete | MultiDiscrete),
        )
        return (
            APPOConfig()
            .env_runners(rollout_fragment_length=steps)
            .rl_module(rl_module_spec=network)
            .learners(
                learner_connector=lambda *_: VTraceSequences(steps, self.discount),
                add_default_connectors_to_learner_pipeline=False,
            )
            .training(
                lr=self.learning_rate,
                gamma=self.discount,
                clip_param=self.clip,
                vf_loss_coeff=self.value_coefficient,
                entropy_coeff=self.entropy_coefficient,
                use_circular_buffer=False,
                circular_buffer_num_batches=1,
                circular_buffer_iterations_per_batch=1,
                train_batch_size_per_learner=1,
                target_network_update_freq=self.target_every,
                grad_clip=self.gradient_clip,
                grad_clip_by="global_norm",
            )
        )
