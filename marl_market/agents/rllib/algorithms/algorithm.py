"""The base of all algorithms: fields in, a learner on RLlib's learner out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from marl_market.agents.rllib.algorithms.fields import Fraction, Switch, Widths, check_fields
from marl_market.agents.rllib.auxiliary.task import Head
from marl_market.agents.rllib.learners.learner import (
    LearnerSettings,
    RLlibLearner,
    build_rllib_learner,
    observation_space,
)
from marl_market.agents.rllib.learners.normalization import Normalization
from marl_market.agents.rllib.learners.schedule import Schedule
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import ActionSpace
from marl_market.env.population.group import External


@dataclass(frozen=True)
class GroupSpec:
    """The properties of a group that its networks depend on.

    Attributes:
        observation_size: numbers of an observation.
        action_space: of each seat.
        session_steps: steps of a session.
        events: indices of the event history in an observation, for attention.
        heads: of auxiliary tasks, by name.
        name: of the group, for messages.
        seats: of the group in each market, that one learner learns from.
        close_terminates: see `marl_market.env.environment.EnvironmentSpec.close_terminates`.
    """

    observation_size: int
    action_space: ActionSpace
    session_steps: int = 1
    events: Sequence[int] = ()
    heads: Mapping[str, Head] = field(default_factory=dict)
    name: str = "group"
    seats: int = 1
    close_terminates: bool = True


@dataclass(frozen=True)
class RLlibAlgorithm(External):
    """Learn by an algorithm of RLlib's; a subclass is a table of its fields.

    Raises ValueError, naming the field, for a value outside the range that its type declares.

    Attributes:
        hidden: widths of the hidden layers of each network.
        discount: of a step.
        normalize_returns: whether rewards are divided by the running scale of their returns, so that learning does not
            depend on their unit, see `marl_market.agents.rllib.learners.normalization`.
        normalize_observations: whether each number of an observation is shifted and scaled to mean zero and variance
            one by running statistics, which are part of the policy. The first session is only observed, not learned
            from, by an on-policy algorithm.

    Class attributes:
        rllib_config: class of RLlib's config.
        rllib_names: RLlib's name of each field that is an argument of `AlgorithmConfig.training`.
        scheduled: the fields that may be schedules, see `marl_market.agents.rllib.learners.schedule`.
        learner_class: of the learner.
        learner_fields: the fields that are keyword arguments of the learner.
        metrics: RLlib's name of each metric of an update.
    """

    rllib_config: ClassVar[type[Any]]
    rllib_names: ClassVar[Mapping[str, str]]
    scheduled: ClassVar[Sequence[str]] = ()
    learner_class: ClassVar[Callable[..., RLlibLearner]]
    learner_fields: ClassVar[Sequence[str]] = ()
    metrics: ClassVar[Mapping[str, str]]

    hidden: Widths = (64, 64)
    discount: Fraction = 0.99
    normalize_returns: Switch = True
    normalize_observations: Switch = False

    def __post_init__(self) -> None:
        if isinstance(self.hidden, Sequence) and not isinstance(self.hidden, str):
            object.__setattr__(self, "hidden", tuple(self.hidden))
        check_fields(self)

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> RLlibLearner:
        """Return an untrained learner of a group; raises ValueError for an action that the algorithm cannot learn."""
        return self.build(self._group_spec(environment, group), seed)

    def _group_spec(self, environment: EnvironmentSpec, group: str) -> GroupSpec:
        (described,) = (each for each in environment.groups if each.name == group)
        return GroupSpec(
            environment.observation_size,
            environment.action_of(group).space,
            environment.spec.session_steps,
            name=group,
            seats=described.count if described.parameter_sharing else 1,
            close_terminates=environment.close_terminates,
        )

    def build(
        self, group: GroupSpec, seed: int, learner_class: Callable[..., RLlibLearner] | None = None
    ) -> RLlibLearner:
        """Return an untrained learner, of `learner_class` if given.

        The same seed gives the same weights, and the same rollouts the same updates.
        """
        configuration = self._configure(self.rllib_config(), group).training(**self._training(group))
        space = observation_space(group.observation_size)
        rllib_learner = build_rllib_learner(configuration, space, group.action_space, seed)
        self._initialize(rllib_learner)
        kind = learner_class or type(self).learner_class
        return kind(rllib_learner, self.metrics, seed, self._common_settings(group), **self._learner_settings(group))

    def _configure(self, configuration: Any, group: GroupSpec) -> Any:
        """Return RLlib's config with the module and the connectors of a group."""
        raise NotImplementedError

    def _training(self, group: GroupSpec) -> dict[str, Any]:
        """Return the arguments of `AlgorithmConfig.training`."""
        values = {key: getattr(self, name) for name, key in self.rllib_names.items()}
        initial = {self.rllib_names[name]: schedule.initial for name, schedule in self._schedules.items()}
        return {"grad_clip_by": "global_norm"} | values | initial

    @property
    def _schedules(self) -> dict[str, Schedule]:
        """Return the schedule of each field that may be one."""
        return {name: Schedule.of(getattr(self, name)) for name in self.scheduled}

    def _common_settings(self, group: GroupSpec) -> LearnerSettings:
        """Return the settings of a learner that all algorithms have."""
        return LearnerSettings(
            group=group.name,
            seats=group.seats,
            session_steps=group.session_steps,
            schedules=self._schedules,
            rllib_names={name: self.rllib_names[name] for name in self.scheduled},
            normalization=Normalization(
                group.observation_size,
                normalize_returns=self.normalize_returns,
                normalize_observations=self.normalize_observations,
                untouched=group.events,
            ),
        )

    def _initialize(self, rllib_learner: Any) -> None:
        """Change a learner that RLlib has just built."""

    def _learner_settings(self, group: GroupSpec) -> dict[str, Any]:
        """Return the keyword arguments of the learner."""
        return {name: getattr(self, name) for name in self.learner_fields}
