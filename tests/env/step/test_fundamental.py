"""Who sees the fundamental value, who moves it, and that nothing else does."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.drift_adversary import DriftAdversary
from marl_market.agents.scripted.heuristic_belief import HeuristicBelief
from marl_market.agents.scripted.noise import Noise
from marl_market.agents.scripted.value import Value
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.market.fundamental import MeanReverting
from marl_market.market.seeding import Stream, generator
from tests.builders import actions, environment, market_spec

WALK = MeanReverting(half_life_seconds=None, volatility=1.0)
GROUPS = (Group("noise", ZeroIntelligence(), 3), Group("value", Value(), 2), Group("outside", External(), 1))
STEPS = 12


@dataclass(frozen=True)
class Pusher(DriftAdversary):
    """An adversary that declares to move the value or not."""

    traits: Traits = field(default_factory=Traits)  # type: ignore[misc]


def market(groups: Any = GROUPS, process: Any = WALK, markets: int = 2, **changes: Any) -> BatchMarket:
    return BatchMarket(environment(groups, spec=market_spec(fundamental=process, **changes)), markets)


def signals(batch: BatchMarket, seeds: list[int], seed: int = 0) -> Any:
    """Return the signals of all seats after reset and each step, (steps + 1, markets, seats)."""
    batch.reset(seeds)
    seen = [batch.markets["seat"]["agent"]["signal"].copy()]
    for action in actions(batch, STEPS, seed):
        batch.step(action)
        seen.append(batch.markets["seat"]["agent"]["signal"].copy())
    return np.array(seen)


def test_only_seats_with_the_privilege_observe_the_value_and_all_the_same_one() -> None:
    seen = signals(market(), [1, 2])
    assert (seen[:, :, :3] == 0).all()
    assert (seen[:, :, 5:] == 0).all()
    assert (seen[:, :, 3] == seen[:, :, 4]).all()
    value = seen[:, :, 3]
    assert (np.diff(value, axis=0) != 0).all()
    assert (value[:, 0] != value[:, 1]).all()
    assert np.abs(value[0] - 1000).max() > 0, "it moves while the market warms up"


def test_a_seed_has_its_path_whatever_is_traded_and_in_whatever_batch() -> None:
    first = signals(market(), [1, 2])
    other_actions = signals(market(), [1, 2], seed=5)
    np.testing.assert_array_equal(first, other_actions)
    alone = signals(market((Group("noise", Noise(), 1), *GROUPS[1:]), markets=1), [2])
    np.testing.assert_array_equal(alone[:, 0, 1], first[:, 1, 3])
    batch = market()
    signals(batch, [8, 9])
    np.testing.assert_array_equal(signals(batch, [1, 2]), first)


def test_the_path_is_the_one_of_the_process_from_the_seeds_own_stream() -> None:
    spec = market_spec(fundamental=WALK)
    steps = spec.warmup_steps + spec.session_steps + 1
    random = generator(1, Stream.FUNDAMENTAL, 0)
    seen = signals(market(markets=1), [1])[:, 0, 3]
    np.testing.assert_array_equal(seen, WALK.path(spec, steps, random)[spec.warmup_steps :])


def test_without_a_process_the_value_is_the_initial_price_and_without_a_need_there_is_none() -> None:
    assert (signals(market(process=None), [1, 2])[:, :, 3:5] == 1000).all()
    bare = market(GROUPS[:1] + GROUPS[2:], process=None)
    assert (bare.markets["path"] == 0).all()
    assert (signals(bare, [1, 2]) == 0).all()


def test_a_process_that_is_not_observed_changes_nothing() -> None:
    tracks_history = []
    for process in (None, WALK):
        batch = market(GROUPS[:1] + GROUPS[2:], process)
        signals(batch, [1, 2])
        tracks_history.append(batch.markets["seat"]["account"].tobytes())
    assert tracks_history[0] == tracks_history[1]


def test_a_published_value_is_the_reference_price_and_the_mark_of_all() -> None:
    batch = market(process=replace(WALK, published=True))
    batch.reset([1, 2])
    for action in actions(batch, STEPS):
        batch.step(action)
        value, public = batch.markets["seat"]["agent"]["signal"][:, 3], batch.markets["public"]
        np.testing.assert_array_equal(public["reference_ticks"], value)
        assert np.abs(public["twice_mark_ticks"] - 2 * value).max() <= 0.5
    hidden = market()
    signals(hidden, [1, 2])
    assert (hidden.markets["public"]["reference_ticks"] * 2 % 1 == 0).all()


@pytest.mark.parametrize("moves_fundamental", [True, False])
def test_only_seats_with_the_trait_move_the_value(moves_fundamental: bool) -> None:
    groups = (*GROUPS, Group("adversary", Pusher(drift=12.0, traits=Traits(moves_fundamental=moves_fundamental)), 1))
    batch = market(groups, process=None)
    seen = signals(batch, [1, 2])[:, :, 3]
    drift = batch.markets["seat"]["agent"]["drift"][:, 6]
    assert np.abs(drift).tolist() == [4.0, 4.0]
    moves = set(np.abs(np.diff(seen, axis=0)).ravel())
    assert (4.0 in moves) is moves_fundamental
    assert moves <= {0.0, 4.0}
    again = signals(batch, [1, 2])[:, :, 3]
    np.testing.assert_array_equal(again, seen)
    assert (again[0] == 1000).all(), "a session does not remember the drift of the last one"


def test_a_seat_knows_its_number_within_its_group() -> None:
    assert market().markets["seat"]["agent"]["group_index"][0, :6].tolist() == [0, 1, 2, 0, 1, 0]


def test_a_privilege_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match=r"traits.privileges is \('positions',\); it must be a tuple of some of"):

        class Nosy(Value):
            traits = Traits(privileges=("positions",))


def test_an_agent_with_the_events_privilege_gets_a_history() -> None:
    plain, kept = market(), market((*GROUPS, Group("beliefs", HeuristicBelief(), 1)))
    for batch, some in ((plain, False), (kept, True)):
        signals(batch, [1, 2])
        assert bool((batch.markets["public"]["event_count"] > 0).all()) is some
