"""An expert in an action scheme that can encode all its actions plays the very session that it would play itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.imitation.behavior_cloning import ExpertControlled
from marl_market.agents.imitation.expert import ExpertPolicy
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.drift_adversary import DriftAdversary
from marl_market.agents.scripted.heuristic_belief import HeuristicBelief
from marl_market.agents.scripted.momentum import Momentum
from marl_market.agents.scripted.noise import Noise
from marl_market.agents.scripted.value import Value
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.population.traits import Traits
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.market.latency import Delay, Latency
from marl_market.market.seeding import Stream, derive_keys
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec, order_flow

STEPS, MARKETS, SEED = 40, 3, 3
"""With this seed no `Taker` buys and sells in one step, which a single action cannot say."""


@dataclass(frozen=True)
class Follower(Momentum):
    """A trend follower that begins with the session, as an external seat does."""

    traits = Traits()
    fast_seconds: float = 0.5
    slow_seconds: float = 3.0
    threshold: float = 0.05


@dataclass(frozen=True)
class Taker(Noise):
    traits = Traits()


@dataclass(frozen=True)
class Maker(AvellanedaStoikov):
    traits = Traits()


def seated(expert: Any, action: Any, **changes: Any) -> EnvironmentSpec:
    participation = changes.pop("participation", None)
    groups = [Group("noise", ZeroIntelligence(), 4), Group("focal", expert, 2, participation, action=action)]
    return environment(groups, **{"spec": market_spec(session_steps=STEPS), **changes})


def controlled(described: EnvironmentSpec) -> EnvironmentSpec:
    noise, focal = described.groups
    return replace(described, groups=[noise, replace(focal, agent=ExpertControlled(focal.agent))])


def sampled(described: EnvironmentSpec, sessions: int = 1) -> tuple[BatchMarket, Any]:
    batch = BatchMarket(controlled(described), MARKETS)
    expert = described.groups[1].agent
    sampler = Sampler(batch, {"focal": ExpertPolicy(controlled(described), "focal", expert)}, SEED, pairs=False)
    session = None
    for number in range(sessions):
        session = sampler.sample(number)
    assert session is not None
    return batch, session.rollouts["focal"]


def played(described: EnvironmentSpec, session: int = 0) -> BatchMarket:
    """Return the batch after the session that a sampler would play, with the expert itself in its seats."""
    batch = BatchMarket(described, MARKETS)
    batch.reset(derive_keys(SEED, Stream.SAMPLE, session, count=MARKETS))
    for _ in range(STEPS):
        batch.step(np.zeros((MARKETS, 0, described.action_size), np.float32))
    return batch


WIDE = Quotes(nearest=-20.0, farthest=20.0, largest=4.0, position_limit=200.0)
ANY_SIZE = MarketSize(largest=10.0, position_limit=200.0)
LATE = Latency(data=Delay(floor_ns=1_500_000_000, exponential_ns=500_000_000))


def pair() -> MarketSpec:
    second = market_spec(name="second", initial_price=50.0, tick_size=0.05, session_steps=STEPS, flow=order_flow())
    return market_spec(session_steps=STEPS, further_instruments={"second": second})


@pytest.mark.parametrize(
    ("expert", "action", "changes"),
    [
        (Maker(), WIDE, {}),
        (Follower(), ANY_SIZE, {}),
        (Taker(), ANY_SIZE, {}),
        (Follower(), ANY_SIZE, {"spec": market_spec(session_steps=STEPS, latency=LATE)}),
        (Follower(), ANY_SIZE, {"participation": Participation(Fixed((3, 9)), Fixed((8, 20)))}),
        (Follower(), ANY_SIZE, {"spec": pair()}),
    ],
    ids=["quotes", "memory", "random", "data latency", "participation", "two instruments"],
)
def test_the_session_is_the_one_that_the_expert_would_play(expert: Any, action: Any, changes: dict[str, Any]) -> None:
    described = seated(expert, action, **changes)
    itself, (cloned, rollout) = played(described), sampled(described)
    accounts = [batch.instruments["seat"]["account"] for batch in (itself, cloned)]
    assert (accounts[0]["traded_lots"][:, :, 4:6] > 0).any(axis=(1, 2)).all(), (
        "without actions there is nothing to compare"
    )
    for name in ("position", "cash", "trades"):
        np.testing.assert_array_equal(accounts[0][name], accounts[1][name])
    assert rollout.action.shape == (STEPS, 2 * MARKETS, described.action_of("focal").size)
    assert rollout.extra["loss_mask"][rollout.active].all()


def test_an_expert_begins_each_session_without_memory() -> None:
    described = seated(Follower(), ANY_SIZE)
    batch, _ = sampled(described, sessions=2)
    np.testing.assert_array_equal(
        batch.markets["seat"]["account"]["cash"], played(described, 1).markets["seat"]["account"]["cash"]
    )


def test_an_expert_keeps_its_privileges() -> None:
    assert ExpertControlled(Value()).traits.privileges == ("fundamental",)
    assert ExpertControlled(HeuristicBelief()).traits.privileges == ("events",)
    assert not ExpertControlled(Value()).traits.moves_fundamental
    batch, _ = sampled(seated(DriftAdversary(), WIDE))
    assert np.abs(batch.markets["path_shift"]).max() > 0


def test_an_expert_with_decision_timing_acts_in_each_step() -> None:
    for action, soon in ((WIDE, -0.5), (LimitGrid(), 0.0)):
        described = seated(Maker(), action, timing=ChosenDelay(delays=(1, 3)))
        _, rollout = sampled(described)
        assert rollout.active.all()
        assert (rollout.action[..., -1] == np.float32(soon)).all()


def test_an_action_without_an_encoder_raises() -> None:
    @dataclass(frozen=True)
    class Mute(Quotes):
        encoder = None

    with pytest.raises(ValueError, match=r"population\.focal has the action Mute, which has no encoder"):
        sampled(seated(Maker(), Mute()))
