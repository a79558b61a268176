"""Independent learners: one learner per seat of a group, of any algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.interfaces import (
    Actor,
    Decision,
    ExternalPolicy,
    Learner,
    LearningAgent,
    MarketShard,
    Policy,
    RunLearner,
    RunLength,
)
from marl_market.agents.policies.compiled_mlp import play
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rollout import Floats, Masks, Rollout
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.market.seeding import Stream, derive_seeds
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require


def build_learner(environment: EnvironmentSpec, group: Group, seed: int) -> Learner:
    """Return the untrained learner of a group; without parameter sharing, one learner per seat.

    Raises TypeError for an agent that cannot learn, and ValueError without parameter sharing for agents that evolve,
    since a candidate plays all seats of the group, or have auxiliary tasks, whose labels are those of the whole group.
    """
    if not isinstance(group.agent, LearningAgent):
        raise TypeError(f"population.{group.name}.agent is {group.agent}, which cannot learn")
    if group.parameter_sharing:
        return group.agent.learner(environment, group.name, seed)
    if group.agent.traits.parameters_per == "market":
        raise ValueError(
            f"population.{group.name}.parameter_sharing is {group.parameter_sharing} and its agent evolves; it must be "
            "true: make a group of each seat that evolves by itself"
        )
    if getattr(getattr(group.agent, "agent", group.agent), "auxiliary", None):
        raise ValueError(
            f"population.{group.name}.parameter_sharing is {group.parameter_sharing} and its agent has auxiliary "
            "heads; it must be true"
        )
    seeds = derive_seeds(seed, Stream.SEAT, group.count)
    return IndependentLearners([group.agent.learner(environment, group.name, own) for own in seeds])


class IndependentLearners:
    """One learner per seat of a group; each gets the rows of its own seat."""

    def __init__(self, learners: Sequence[Learner]) -> None:
        """Begin with the learner of each seat, all built alike."""
        self._learners = tuple(learners)
        self.state_size = learners[0].state_size

    def begin_run(self, run: RunLength) -> None:
        """Take the length of the run, see `RunLearner`."""
        for learner in self._learners:
            if isinstance(learner, RunLearner):
                learner.begin_run(run)

    def on_episode_start(self, batch: BatchMarket, shard: MarketShard | None = None) -> None:
        """Do nothing: the policies are outside the step."""

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the actions of each row by the learner of its seat."""
        return _ask(self._learners, observation, state, noise, mask)

    def learn(self, rollout: Rollout) -> dict[str, float]:
        """Update each learner from the rows of its own seat; return the means of their metrics."""
        return _means(learner.learn(self._of(rollout, seat)) for seat, learner in enumerate(self._learners))

    def _of(self, rollout: Rollout, seat: int) -> Rollout:
        """Return the rows of one seat, one per market."""
        if not rollout.has_actions:
            raise TypeError("rollout has no actions; independent learners learn from those of external agents")
        return rollout.of_rows(slice(seat, None, len(self._learners)))

    def policy(self) -> Policy:
        """Return the policies of all seats, compiled if all of them compile."""
        policies = [learner.policy() for learner in self._learners]
        compiled = [policy for policy in policies if isinstance(policy, CompiledPolicy)]
        if len(compiled) == len(policies):
            return IndependentCompiledPolicies(tuple(compiled))
        return IndependentExternalPolicies(tuple(policy for policy in policies if isinstance(policy, ExternalPolicy)))

    def pretrain(self, rollouts: Sequence[Rollout], config: BCConfig) -> dict[str, float]:
        """Pretrain each learner on the demonstrations of its own seat, see `CloningLearner`; return mean metrics."""
        return _means(
            learner.pretrain([self._of(rollout, seat) for rollout in rollouts], config)  # type: ignore[attr-defined]
            for seat, learner in enumerate(self._learners)
        )

    def get_weights(self) -> list[Any]:
        """Return the weights of all learners."""
        return [learner.get_weights() for learner in self._learners]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Act by the weights of another `get_weights`."""
        for learner, own in zip(self._learners, weights, strict=True):
            learner.set_weights(own)

    def get_state(self) -> dict[str, Any]:
        """Return the states of all learners."""
        return {"seats": [learner.get_state() for learner in self._learners]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        for learner, own in zip(self._learners, state["seats"], strict=True):
            learner.set_state(own)

    def load_weights(self, state: dict[str, Any]) -> None:
        """Begin from what each learner of a state of `get_state` has learned.

        Raises ConfigError for another number of seats or networks of another shape.
        """
        seats = state.get("seats", ())
        require(len(seats) == len(self._learners), "seats of the saved learners", len(seats), f"{len(self._learners)}")
        for learner, own in zip(self._learners, seats, strict=True):
            learner.load_weights(own)


@dataclass(frozen=True, eq=False)
class IndependentCompiledPolicies:
    """Play a compiled policy of its own in each seat.

    Attributes:
        policies: of the seats, in order.
    """

    trader = play
    traits = Traits(observes=True, parameters_per="seat")
    policies: tuple[CompiledPolicy, ...]

    @property
    def observation_size(self) -> int:
        """Return the size of the networks' observation."""
        return self.policies[0].observation_size

    @property
    def weights(self) -> Floats:
        """Return the weights of all networks, seat by seat."""
        return np.concatenate([policy.weights for policy in self.policies])

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return no parameters: the policies are in their weights."""
        return ()

    def write_params(self, params: NDArray[np.void], rows: slice) -> None:
        """Write each network into the PARAMS record of its seat."""
        for row, policy in zip(range(rows.start, rows.stop), self.policies, strict=True):
            policy.write_params(params, slice(row, row + 1))


@dataclass(frozen=True, eq=False)
class IndependentExternalPolicies(External):
    """Act by a policy of its own in each seat.

    Attributes:
        policies: of the seats, in order.
    """

    policies: tuple[ExternalPolicy, ...]

    @property
    def state_size(self) -> int:
        """Return the size of a row's hidden state."""
        return self.policies[0].state_size

    @property
    def weights(self) -> Floats:
        """Return the weights of all networks, seat by seat."""
        return np.concatenate([policy.weights for policy in self.policies])

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        """Return the actions of each row by the policy of its seat."""
        return _ask(self.policies, observation, state, noise, mask)


def _means(metrics: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each metric over the learners that report it."""
    found = list(metrics)
    names = dict.fromkeys(name for each in found for name in each)
    return {name: float(np.mean([each[name] for each in found if name in each])) for name in names}


def _ask(
    actors: Sequence[Actor], observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None
) -> Decision:
    """Return the actions of rows that belong to several actors in turn."""
    count = len(actors)
    found = [
        actor.act(
            observation[seat::count],
            state[seat::count],
            None if noise is None else noise[seat::count],
            None if mask is None else mask[seat::count],
        )
        for seat, actor in enumerate(actors)
    ]
    return Decision(
        _interleaved([each.action for each in found]),
        _interleaved([each.state for each in found]),
        {name: _interleaved([each.extra[name] for each in found]) for name in found[0].extra},
    )


def _interleaved(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the rows of several arrays in turn, as one array."""
    return np.stack(parts, axis=1).reshape(len(parts) * len(parts[0]), *parts[0].shape[1:])
