"""Line-ups: other agents in the groups of each market of one batch, without a trace in the markets beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.heuristic_belief import HeuristicBelief
from marl_market.agents.scripted.value import Value
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent, External, Group
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec

LineUpEntry = Mapping[str, Agent]


@dataclass(frozen=True)
class OutsidePolicy(External):
    """A policy that plays outside the step, as one of torch does: linear in its observation."""

    seed: int

    def actions(self, observation: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        weights = np.random.default_rng(self.seed).standard_normal((observation.shape[-1], size))
        return np.tanh(0.1 * observation @ weights).astype(np.float32)


def compiled_policy(description: EnvironmentSpec, seed: int) -> CompiledPolicy:
    network = MultilayerPerceptron((description.observation_size, 8, description.action_size))
    weights = np.random.default_rng(seed).standard_normal(network.parameter_count)
    return CompiledPolicy(network, weights.astype(np.float32))


def several(spec: MarketSpec) -> EnvironmentSpec:
    groups = (
        Group("noise", ZeroIntelligence(), 4),
        Group("makers", AvellanedaStoikov(), 2),
        Group("takers", OutsidePolicy(1), 2),
    )
    return environment(groups, spec=spec)


def play(batch: BatchMarket, seeds: list[int]) -> list[list[bytes]]:
    """Return, for each market, all that each step shows of it."""
    found: list[list[bytes]] = [[] for _ in seeds]
    observation = batch.reset(seeds)
    for _ in range(batch.environment.spec.session_steps):
        step = batch.step(actions_of(batch, observation))
        observation = step.observation
        for m, trace in enumerate(found):
            records = batch.instruments[:, m]
            trace += [step.reward[m].tobytes(), step.active[m].tobytes()]
            trace += [records["book"][name].tobytes() for name in ("best", "count")]
            trace += [records["public"][name].tobytes() for name in ("depth", "reference_ticks", "event_count")]
            trace += [records["seat"]["account"].tobytes()]
            trace += [record["event"][: record["event_count"]].tobytes() for record in records]
            trace += [records["seat"]["live"].tobytes(), records["seat"]["agent"]["memory"].tobytes()]
    assert not np.any(batch.conservation_errors())
    return found


def actions_of(batch: BatchMarket, observation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the actions of the policies outside, each asked for the seats of its own markets."""
    action = np.zeros((batch.markets.size, batch.external.size, batch.environment.action_size), np.float32)
    for name, members in batch.members.items():
        columns = np.flatnonzero(np.isin(batch.external, np.r_[batch.environment.seats_of(name)]))
        for agent, markets, _ in members:
            if isinstance(agent, OutsidePolicy):
                where = np.ix_(markets, columns)
                action[where] = agent.actions(observation[where], action.shape[-1])
    return action


PAIR = market_spec(further_instruments={"second": market_spec(name="second", initial_price=50.0, tick_size=0.05)})


@pytest.mark.parametrize("spec", [market_spec(), PAIR], ids=["one instrument", "two instruments"])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_market_plays_as_in_a_batch_of_its_line_up_alone(spec: MarketSpec, threads: int) -> None:
    description = several(spec)
    policy = compiled_policy(description, 3)
    lineup: list[LineUpEntry] = [
        {},
        {"makers": policy, "takers": FixedSpread()},
        {"makers": OutsidePolicy(2), "takers": policy},
        {"makers": Value(), "takers": HeuristicBelief()},
        {"makers": compiled_policy(description, 4)},
        {"makers": policy, "takers": FixedSpread()},
    ]
    seeds = [5, 6, 7, 8, 9, 10]
    batch = BatchMarket(description, len(lineup), threads)
    batch.set_lineup(lineup)
    assert batch.external.tolist() == [4, 5, 6, 7]
    mixed = play(batch, seeds)
    for m, entry in enumerate(lineup):
        groups = [replace(group, agent=entry.get(group.name, group.agent)) for group in description.groups]
        alone = play(BatchMarket(replace(description, groups=groups), len(lineup)), seeds)
        assert mixed[m] == alone[m], f"line-up {m}"
    assert len({trace[-1] for trace in mixed}) > 1


def test_a_line_up_lasts_until_the_next_one() -> None:
    description = several(market_spec())
    batch = BatchMarket(description, 2)
    first = play(batch, [1, 2])
    batch.set_lineup([{"makers": OutsidePolicy(2)}, {"takers": Value()}])
    with pytest.raises(RuntimeError, match="call reset before step"):
        batch.step(np.zeros((2, 4, description.action_size), np.float32))
    second = play(batch, [1, 2])
    assert play(batch, [1, 2]) == second != first
    batch.set_lineup([{}, {}])
    assert batch.external.tolist() == [6, 7]
    assert play(batch, [1, 2]) == first


def test_members_name_the_markets_and_rows_of_each_agent() -> None:
    description = several(market_spec())
    policy, other = compiled_policy(description, 3), compiled_policy(description, 4)
    batch = BatchMarket(description, 3)
    batch.set_lineup([{"makers": policy}, {"makers": other}, {"makers": policy}])
    first, second = batch.members["makers"]
    assert (first.agent, first.markets.tolist(), first.rows) == (policy, [0, 2], slice(1, 2))
    assert (second.agent, second.markets.tolist(), second.rows) == (other, [1], slice(2, 3))
    assert batch.param_rows == {"noise": slice(0, 1), "makers": slice(1, 3), "takers": slice(3, 4)}
    for member in (first, second):
        count = member.agent.weights.size  # type: ignore[attr-defined]
        np.testing.assert_array_equal(
            batch.params["weight"][member.rows.start, :count],
            member.agent.weights,  # type: ignore[attr-defined]
        )


@pytest.mark.parametrize(
    ("lineup", "complaint"),
    [
        ([{}], "lineup has 1 entries; 2 markets need one each"),
        ([{}, {"maker": External()}], r"lineup names the groups \['maker'\]; population has \['noise', 'makers'"),
        ([{}, {"makers": EvolutionStrategy()}], "in 1 of 2 markets of population.makers; it must play in all of them"),
    ],
)
def test_a_wrong_line_up_is_named(lineup: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BatchMarket(several(market_spec()), 2).set_lineup(lineup)


def test_a_policy_of_another_observation_is_named() -> None:
    description = several(market_spec())
    wide = compiled_policy(several(PAIR), 3)
    with pytest.raises(ValueError, match=r"population.makers has a policy of 110 inputs; observations have 55"):
        BatchMarket(description, 1).set_lineup([{"makers": wide}])
