"""Behavior cloning: a learner that is pretrained on the demonstrations of a scripted trader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from marl_market.agents.imitation.tape_expert import TapeExpert
from marl_market.agents.interfaces import Learner, LearningAgent
from marl_market.agents.rollout import Rollout
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent, External
from marl_market.env.population.traits import Traits
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import is_number, is_whole, require

LEARNED = 0.01
"""Share of decisions, or of variance, up to which a clone is no better than a constant action."""


@dataclass(frozen=True)
class BCConfig:
    """Settings of behavior cloning.

    Attributes:
        gradient_steps: most gradient steps.
        patience: gradient steps without a lower loss of the held-out session after which the fit ends; the best weights
            are kept.
        minibatch_size: actions of one gradient step.
        learning_rate: step of Adam.
    """

    gradient_steps: int
    patience: int
    minibatch_size: int
    learning_rate: float


def failure_of_clone(metrics: Mapping[str, float]) -> str | None:
    """Return in words why a clone of these metrics has learned nothing of its expert; None if it has."""
    if "clone_accuracy" in metrics and metrics["clone_accuracy"] <= metrics["clone_base_rate"] + LEARNED:
        return (
            f"the clone does the expert's action in {metrics['clone_accuracy']:.1%} of the held-out decisions, and its "
            f"most frequent action alone is {metrics['clone_base_rate']:.1%}"
        )
    if metrics.get("clone_explained_variance", 1.0) <= LEARNED:
        return f"the clone explains {metrics['clone_explained_variance']:.1%} of the variance of the expert's actions"
    return None


@runtime_checkable
class CloningLearner(Learner, Protocol):
    """A learner that can be pretrained by behavior cloning."""

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Fit the policy to the rollouts of an expert, the last of which is held out; return metrics on that one.

        The extra column "loss_mask", (T, R, A) bool, marks the numbers of an action that enter the loss. Counters and
        schedules of the learner do not advance.
        """


@dataclass(frozen=True)
class BehaviorCloning:
    """Learn as `agent` does, pretrained by behavior cloning of `expert`.

    Behavior cloning (Pomerleau 1991, "Efficient training of artificial neural networks for autonomous navigation").
    Before the first iteration the expert plays the group's seats in the run's own market and population; the dataset
    is the seats' observations and the expert's actions, encoded in the seats' action scheme. The untrained policy of
    the final comparison is not pretrained. The learner sees only its own observation: of an expert with a memory it may
    learn no more than the most frequent action, which a warning then says; compare `clone_accuracy` with
    `clone_base_rate`. The fit is counted in gradient steps, so that it does not depend on the size of the run.

    Attributes:
        agent: the agent that learns.
        expert: any scripted trader, or a recorded market.
        sessions: sessions of a scripted trader in every market; the last is held out. A recorded market has those of
            its tape.
        gradient_steps: most gradient steps of the fit to all other sessions.
        patience: gradient steps without a lower held-out loss after which the fit ends.
        minibatch_size: actions of one gradient step.
        learning_rate: step of Adam.
    """

    agent: LearningAgent
    expert: Agent | TapeExpert
    sessions: int = 4
    gradient_steps: int = 3000
    patience: int = 1000
    minibatch_size: int = 256
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        name = "population agent"
        require(isinstance(self.agent, LearningAgent), f"{name}.agent", self.agent, "one that learns")
        expert = self.expert
        known = isinstance(expert, TapeExpert) or not (expert.traits.observes or isinstance(expert, LearningAgent))
        require(known, f"{name}.expert", expert, "a scripted trader or a TapeExpert")
        require(is_whole(self.sessions, 2), f"{name}.sessions", self.sessions, "2 or more: one is held out")
        for field in ("gradient_steps", "patience", "minibatch_size"):
            value = getattr(self, field)
            require(is_whole(value, 1), f"{name}.{field}", value, "a whole number above zero")
        rate = self.learning_rate
        require(is_number(rate) and 0 < rate <= 1, f"{name}.learning_rate", rate, "above zero and up to 1")

    @property
    def trader(self) -> Any:
        """Return what plays while it learns."""
        return self.agent.trader

    @property
    def traits(self) -> Traits:
        """Return the traits of the agent that learns."""
        return self.agent.traits

    @property
    def scripted_expert(self) -> Agent:
        """Return the expert that plays; raises TypeError for a recorded market, which does not."""
        if isinstance(self.expert, TapeExpert):
            raise TypeError(f"{self.expert} plays in no market")
        return self.expert

    @property
    def config(self) -> BCConfig:
        """Return the settings of the fit."""
        return BCConfig(self.gradient_steps, self.patience, self.minibatch_size, self.learning_rate)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the agent."""
        return self.agent.parameters(spec, seats)

    def learner(self, environment: EnvironmentSpec, group: str, seed: int) -> CloningLearner:
        """Return an untrained learner for the group of this name; raises ValueError for one that cannot be cloned."""
        learner = self.agent.learner(environment, group, seed)
        if not isinstance(learner, CloningLearner):
            raise ValueError(f"population.{group}.agent.agent is {self.agent}; its learner has no behavior cloning")
        if learner.state_size:
            raise ValueError(
                f"population.{group}.agent.agent is {self.agent}; behavior cloning needs a policy without hidden state"
            )
        return learner


@dataclass(frozen=True)
class ExpertControlled(External):
    """An external seat controlled by an expert, with the expert's privileged observations.

    Attributes:
        expert: the scripted trader that acts.
    """

    expert: Agent

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Return those of an external agent with the expert's privileges."""
        given = self.expert.traits
        return replace(External.traits, privileges=given.privileges, moves_fundamental=given.moves_fundamental)
