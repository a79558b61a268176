"""Proximal policy optimization as a config describes it, on RLlib's own learner."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gymnasium.spaces import Discrete, MultiDiscrete
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID

from marl_market.agents.rllib.auxiliary.heads import add_heads
from marl_market.agents.rllib.auxiliary.learner import AuxiliaryLearner
from marl_market.agents.rllib.auxiliary.task import AuxiliaryTask, Head, heads_of
from marl_market.agents.rllib.batches.advantages import GAEConnector
from marl_market.agents.rllib.batches.recurrent import RecurrentGAEConnector
from marl_market.agents.rllib.learners.learner import build_rllib_learner, observation_space
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.actor_critic import initialize_policy_head, network_of
from marl_market.agents.rllib.networks.attention import Attention, places_of_events
from marl_market.agents.rllib.networks.masked_module import MaskedPPOModule
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import ActionSpace
from marl_market.env.population.group import External


@dataclass(frozen=True)
class PPO(External):
    """Learn a policy, normal or categorical, and a critic, two networks of one shape.

    Schulman et al. 2017 (arXiv:1707.06347).

    Raises ValueError, naming the field, for a value it cannot learn with.

    Attributes:
        hidden: widths of the hidden layers of policy and critic.
        activation: hidden units, "tanh" or "relu"; only tanh can be exported to a compiled mind.
        memory: cells of an LSTM behind the hidden layers, in policy and critic each, which begins each session anew
            (Hochreiter and Schmidhuber 1997, Neural Computation 9); None: what is not observed is forgotten.
        sequence: decisions through which gradients flow back in time, where there is a memory; what is remembered at
            the first of them is given.
        attention: over the events of the observation, in front of the hidden layers, in policy and critic each, such as
            {heads: 2, width: 32}; None: events are like all other numbers.
        learning_rate: step of Adam.
        discount: worth of the next step's reward.
        gae_lambda: lambda of the generalized advantages: 0 trusts the critic, 1 the rewards.
        clip: how far an update may move an action's probability ratio from 1 and still gain.
        value_clip: squared error of the critic beyond which a sample teaches it nothing. RLlib's 10 stops the critic
            where returns are large; infinity never does.
        value_coefficient: weight of the critic's loss; matters through the joint gradient clip only.
        entropy_coefficient: reward for a policy's entropy.
        kl_coefficient: first weight of the penalty on the divergence from the policy that acted; RLlib raises it by
            half or halves it, towards `kl_target`. Zero switches it off, and with it the metric `mean_kl`.
        kl_target: divergence of one update that the penalty aims for.
        epochs: passes over the decisions of an update.
        minibatch_size: decisions of one gradient step; each costs 3 ms whatever its size, so that small ones are slow.
        gradient_clip: largest norm of the joint gradient of policy and critic; None does not clip.
        initial_log_std: log standard deviation a newborn explores with, in units of a continuous action.
        state_dependent_std: whether the standard deviation is an output of the policy network; else it is a
            parameter, alike in all states.
        log_std_limit: largest absolute log standard deviation.
        output_scale: scale of a newborn's last policy layer; small values make it act alike in all states, which
            Andrychowicz et al. 2021 (arXiv:2006.05990, section 3.2) found to matter most among initializations.
        auxiliary: what the encoder of the policy also learns to foretell, by name.
    """

    hidden: Sequence[int] = (64, 64)
    activation: str = "tanh"
    lstm_size: int | None = None
    sequence_length: int = 20
    attention: Attention | None = None
    learning_rate: float = 1e-3
    discount: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_clip: float = math.inf
    value_coefficient: float = 1.0
    entropy_coefficient: float = 0.0
    kl_coefficient: float = 0.2
    kl_target: float = 0.01
    epochs: int = 4
    minibatch_size: int = 1024
    gradient_clip: float | None = 0.5
    initial_log_std: float = -0.5
    state_dependent_std: bool = False
    log_std_limit: float = 5.0
    output_scale: float = 0.01
    auxiliary: Mapping[str, AuxiliaryTask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        if isinstance(self.attention, Mapping):
            object.__setattr__(self, "attention", Attention(**self.attention))
        self._require("hidden", len(self.hidden) > 0 and min(self.hidden) > 0, "one or more widths above zero")
        self._require("activation", self.activation in ("tanh", "relu"), "tanh or relu")
        for name in ("learning_rate", "clip", "value_clip", "kl_target", "log_std_limit", "epochs", "minibatch_size"):
            self._require(name, getattr(self, name) > 0, "above zero")
        for name in ("value_coefficient", "entropy_coefficient", "kl_coefficient", "output_scale"):
            self._require(name, getattr(self, name) >= 0, "zero or more")
        for name in ("discount", "gae_lambda"):
            self._require(name, 0 <= getattr(self, name) <= 1, "in [0, 1]")
        self._require("lstm_size", self.lstm_size is None or self.lstm_size > 0, "above zero or None")
        fits = self.lstm_size is None or 1 < self.sequence_length <= self.minibatch_size
        self._require("sequence_length", fits, "2 or more, and no longer than a minibatch")
        self._require("gradient_clip", self.gradient_clip is None or self.gradient_clip > 0, "above zero or None")
        self._require("initial_log_std", abs(self.initial_log_std) < self.log_std_limit, "within log_std_limit")

    def _require(self, name: str, condition: bool, wanted: str) -> None:
        if not condition:
            raise ValueError(f"PPO.{name} is {getattr(self, name)!r}; it must be {wanted}")

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> OnPolicyLearner:
        """Return a newborn learner for the group of this name."""
        events = () if self.attention is None else places_of_events(environment, group)
        heads, space = heads_of(self.auxiliary, environment), environment.action_of(group).space
        kind = partial(AuxiliaryLearner, self.auxiliary, environment, group) if heads else OnPolicyLearner
        return self.build(environment.observation_size, space, seed, events, heads, kind)

    def build(
        self,
        observation_size: int,
        action: ActionSpace,
        seed: int,
        events: Sequence[int] = (),
        heads: Mapping[str, Head] | None = None,
        kind: Callable[..., OnPolicyLearner] = OnPolicyLearner,
    ) -> OnPolicyLearner:
        """Return a newborn learner; the same seed gives the same weights, and the same rollouts the same learning.

        `events` says where `attention` finds events in an observation, `heads` the auxiliary heads of the encoder, `kind` the class of the learner.
        """
        configuration = add_heads(self._configuration(action, events), heads or {})
        learner = build_rllib_learner(configuration, observation_space(observation_size), action, seed)
        initialize_policy_head(learner.module[DEFAULT_MODULE_ID], self.output_scale, self.initial_log_std)
        return kind(
            learner,
            seed,
            num_epochs=self.epochs,
            minibatch_size=self.minibatch_size,
            shuffle_batch_per_epoch=True,
        )

    def _configuration(self, action: ActionSpace, events: Sequence[int]) -> PPOConfig:
        network = network_of(
            MaskedPPOModule,
            self.hidden,
            self.activation,
            self.lstm_size,
            self.sequence_length,
            self.attention,
            events,
            free_log_std=not isinstance(action, Discrete | MultiDiscrete) and not self.state_dependent_std,
            log_std_clip_param=self.log_std_limit,
        )
        return (
            PPOConfig()
            .rl_module(rl_module_spec=network)
            .learners(
                learner_connector=lambda *_: self._advantages(),
                add_default_connectors_to_learner_pipeline=False,
            )
            .training(
                lr=self.learning_rate,
                clip_param=self.clip,
                vf_clip_param=self.value_clip,
                vf_loss_coeff=self.value_coefficient,
                entropy_coeff=self.entropy_coefficient,
                use_kl_loss=self.kl_coefficient > 0,
                kl_coeff=self.kl_coefficient,
                kl_target=self.kl_target,
                grad_clip=self.gradient_clip,
                grad_clip_by="global_norm",
            )
        )

    def _advantages(self) -> GAEConnector:
        if self.lstm_size is None:
            return GAEConnector(self.discount, self.gae_lambda)
        return RecurrentGAEConnector(self.discount, self.gae_lambda, self.sequence_length)
