"""The fields of on-policy algorithms: a policy and a critic, two networks of one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

from gymnasium.spaces import Discrete, MultiDiscrete
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core import DEFAULT_MODULE_ID

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec, RLlibAlgorithm
from marl_market.agents.rllib.algorithms.fields import (
    Count,
    NotNegative,
    Number,
    Positive,
    ScheduledNotNegative,
    ScheduledRate,
)
from marl_market.agents.rllib.auxiliary.heads import add_heads
from marl_market.agents.rllib.auxiliary.learner import AuxiliaryLearner
from marl_market.agents.rllib.auxiliary.task import AuxiliaryTask, heads_of
from marl_market.agents.rllib.internals import with_separate_clipping
from marl_market.agents.rllib.learners.learner import RLlibLearner
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.actor_critic import actor_critic_spec, initialize_policy_head
from marl_market.agents.rllib.networks.attention import Attention, event_indices
from marl_market.env.environment import EnvironmentSpec


@dataclass(frozen=True)
class OnPolicyAlgorithm(RLlibAlgorithm):
    """Learn a policy, normal or categorical, and a critic.

    Attributes:
        lstm_size: cells of an LSTM behind the hidden layers, in policy and critic each, whose state is zero at the
            beginning of each session (Hochreiter and Schmidhuber 1997, Neural Computation 9); None: feedforward.
        attention: over the events of the observation, in front of the hidden layers, in policy and critic each, such as
            {heads: 2, width: 32}; None: events are like all other numbers.
        learning_rate: step of Adam; may be a schedule.
        clip: largest change of an action's probability ratio from 1 that an update is rewarded for; may be a schedule.
        value_coefficient: weight of the critic's loss; matters through the clip of its gradient only.
        entropy_coefficient: weight of the policy's entropy; may be a schedule.
        epochs: passes over the rollout of an update.
        gradient_clip: largest norm of the gradient of the policy, and of that of the critic; None does not clip.
        initial_log_std: initial log standard deviation of a continuous action, in its own units.
        output_scale: scale of the initial last policy layer; small values make the policy alike in all states, which
            Andrychowicz et al. 2021 (arXiv:2006.05990, section 3.2) found to matter most among initializations.
        auxiliary: tasks that the encoder of the policy also learns, by name.

    Class attributes:
        module_class: of the RLModule.
    """

    rllib_names: ClassVar = {
        "learning_rate": "lr",
        "discount": "gamma",
        "clip": "clip_param",
        "value_coefficient": "vf_loss_coeff",
        "entropy_coefficient": "entropy_coeff",
        "gradient_clip": "grad_clip",
    }
    scheduled = ("learning_rate", "entropy_coefficient", "clip")
    module_class: ClassVar[type]
    learner_class: ClassVar[Callable[..., RLlibLearner]] = OnPolicyLearner
    metrics: ClassVar = {
        "total_loss": "total_loss",
        "policy_loss": "policy_loss",
        "value_loss": "vf_loss",
        "explained_variance": "vf_explained_var",
        "entropy": "entropy",
        "mean_kl": "mean_kl_loss",
        "kl_coefficient": "curr_kl_coeff",
        "gradient_norm": "policy_gradient_norm",
        "critic_gradient_norm": "critic_gradient_norm",
    }

    lstm_size: Count | None = None
    attention: Attention | None = None
    learning_rate: ScheduledRate = 1e-3
    clip: ScheduledRate = 0.2
    value_coefficient: NotNegative = 1.0
    entropy_coefficient: ScheduledNotNegative = 0.0
    epochs: Count = 4
    gradient_clip: Positive | None = 0.5
    initial_log_std: Number = -0.5
    output_scale: NotNegative = 0.01
    auxiliary: Mapping[str, AuxiliaryTask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.attention, Mapping):
            object.__setattr__(self, "attention", Attention(**self.attention))
        super().__post_init__()

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> RLlibLearner:
        """Return an untrained learner of a group, with a head for each auxiliary task."""
        spec = self._group_spec(environment, group)
        if not self.auxiliary:
            return self.build(spec, seed)
        learner_class = partial(AuxiliaryLearner, tasks=self.auxiliary, environment=environment, group=group)
        return self.build(replace(spec, heads=heads_of(self.auxiliary, environment)), seed, learner_class)

    def _group_spec(self, environment: EnvironmentSpec, group: str) -> GroupSpec:
        spec = super()._group_spec(environment, group)
        return spec if self.attention is None else replace(spec, events=event_indices(environment, group))

    def _configure(self, configuration: Any, group: GroupSpec) -> Any:
        network = actor_critic_spec(
            module=self.module_class,
            hidden=self.hidden,
            lstm_size=self.lstm_size,
            attention=self.attention,
            events=group.events,
            **self._network(group),
        )
        configuration = configuration.rl_module(rl_module_spec=network).learners(
            learner_connector=lambda *_: self._connector(group),
            add_default_connectors_to_learner_pipeline=False,
        )
        return add_heads(with_separate_clipping(configuration), group.heads)

    def _network(self, group: GroupSpec) -> dict[str, Any]:
        """Return the further arguments of `actor_critic_spec`."""
        discrete = isinstance(group.action_space, Discrete | MultiDiscrete)
        return {"activation": "tanh", "sequence_length": group.session_steps, "free_log_std": not discrete}

    def _connector(self, group: GroupSpec) -> ConnectorV2:
        """Return the connector from rollouts to the train batch."""
        raise NotImplementedError

    def _initialize(self, rllib_learner: Any) -> None:
        initialize_policy_head(rllib_learner.module[DEFAULT_MODULE_ID], self.output_scale, self.initial_log_std)
