"""A learner that begins as the clone of a scripted trader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from marl_market.agents.interfaces import Learner, LearningAgent
from marl_market.agents.rollout import Rollout
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent, External
from marl_market.env.population.traits import Traits
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


@dataclass(frozen=True)
class BCConfig:
    """How decisions are imitated.

    Attributes:
        epochs: passes over the decisions.
        minibatch_size: decisions of one gradient step.
        learning_rate: step of Adam.
    """

    epochs: int
    minibatch_size: int
    learning_rate: float


@runtime_checkable
class CloningLearner(Learner, Protocol):
    """A learner that can begin as somebody else."""

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Do as was done in `sessions`, the last of which is held out; return how well that went there.

        The column "matters", (T, R, A) bool, says which numbers of an action make a difference. A session is no part
        of what the learner counts and schedules: it goes on as a newborn that acts like its teacher.
        """


@dataclass(frozen=True)
class BehaviorCloning:
    """Learn as `agent` does, beginning as a clone of `expert`.

    Behavior cloning (Pomerleau 1991, "Efficient training of artificial neural networks for autonomous navigation").
    Before the first iteration the teacher decides in the group's seats, in the run's own market and among its own
    others; what the seats saw and what it did, told in their own action scheme, is what is imitated. The newborn, with
    which the run is compared at its end, has imitated nobody. A clone knows only what its seats see: of a teacher that
    remembers, or that seldom acts, it may keep no more than the commonest action; `clone_accuracy` beside
    `clone_base_rate` tells.

    Attributes:
        agent: who learns.
        teacher: any scripted trader.
        sessions: how many of them the teacher plays in every market; the last is not learned from but tells how close
            the clone has come.
        epochs: passes over the decisions of all others.
        minibatch_size: decisions of one gradient step.
        learning_rate: step of Adam.
    """

    agent: LearningAgent
    expert: Agent
    sessions: int = 4
    epochs: int = 10
    minibatch_size: int = 256
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        name = "population agent"
        require(isinstance(self.agent, LearningAgent), f"{name}.agent", self.agent, "one that learns")
        rule = not self.expert.traits.observes and not isinstance(self.expert, LearningAgent)
        require(rule, f"{name}.teacher", self.expert, "a scripted trader")
        require(self.sessions >= 2, f"{name}.sessions", self.sessions, "2 or more: one is held out")
        for field in ("epochs", "minibatch_size", "learning_rate"):
            require(getattr(self, field) > 0, f"{name}.{field}", getattr(self, field), "above zero")

    @property
    def trader(self) -> Any:
        """Return what plays while it learns."""
        return self.agent.trader

    @property
    def traits(self) -> Traits:
        """Return the traits of the agent that learns."""
        return self.agent.traits

    @property
    def config(self) -> BCConfig:
        """Return how decisions are imitated."""
        return BCConfig(self.epochs, self.minibatch_size, self.learning_rate)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the agent."""
        return self.agent.parameters(spec, seats)

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> CloningLearner:
        """Return a newborn learner for the group of this name; raises ValueError for one that cannot imitate."""
        newborn = self.agent.learner(environment, group, seed)
        if not isinstance(newborn, CloningLearner):
            raise ValueError(f"population.{group}.agent.agent is {self.agent}; it cannot imitate a teacher")
        if newborn.state_size:
            raise ValueError(f"population.{group}.agent.agent is {self.agent}; what has a memory cannot imitate")
        return newborn


@dataclass(frozen=True)
class ExpertControlled(External):
    """A seat that is played from outside as its teacher says, and shown what the teacher is shown.

    Attributes:
        teacher: who decides.
    """

    expert: Agent

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Return those of an external agent with the expert's privileges."""
        given = self.expert.traits
        return replace(External.traits, privileges=given.privileges, moves_fundamental=given.moves_fundamental)
