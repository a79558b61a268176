from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.records import SEAT
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import (
    Exponential,
    Fixed,
    Participation,
    Poisson,
    StepDistribution,
    Uniform,
    write_participation,
)
from marl_market.exchange.records import NEVER
from tests.builders import actions, environment, market_spec

STEPS = 12


def stays(
    participation: Participation, seats: int = 3, markets: int = 4000
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keys = np.random.default_rng(0).integers(0, 2**64, (markets, seats), np.uint64)
    seat = np.zeros((markets, seats), SEAT)
    write_participation(participation, keys, seat, market_spec(session_steps=10**6))
    return seat["arrival_step"], seat["departure_step"]


def visited(
    join: StepDistribution, stay: StepDistribution | None = None, closes: bool = False, markets: int = 2
) -> BatchMarket:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("outside", External(), 2, Participation(join, stay, closes))]
    return BatchMarket(environment(groups), markets)


def test_a_seat_without_more_is_there_from_the_open_to_the_close() -> None:
    arrival, departure = stays(Participation())
    assert not arrival.any()
    assert (departure == NEVER).all()


def test_fixed_steps_are_of_each_seat_or_of_all() -> None:
    arrival, departure = stays(Participation(Fixed((5, 0, 2)), Fixed(4)))
    assert arrival[7].tolist() == [5, 0, 2]
    assert (departure - arrival == 4).all()


def test_stays_follow_their_laws() -> None:
    arrival, departure = stays(Participation(Uniform(3, 6), Exponential(20.0)))
    assert np.bincount(arrival.ravel())[3:] == pytest.approx([3000] * 4, rel=0.1)
    stay = departure - arrival
    assert stay.min() == 1
    assert stay.mean() == pytest.approx(20.5, rel=0.03)  # rounded up
    assert abs(np.corrcoef(arrival.ravel(), stay.ravel())[0, 1]) < 0.03, "two draws, not one"
    arrival, _ = stays(Participation(Poisson(50.0)))
    assert (np.diff(arrival, axis=1) >= 0).all()
    assert np.diff(arrival, axis=1, prepend=0).mean(0) == pytest.approx([50, 50, 50], rel=0.05)


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Fixed(-1), "participation steps is -1; it must be zero or more"),
        (lambda: Uniform(5, 4), "participation first is 5; it must be zero or more, up to last, 4"),
        (lambda: Exponential(0.0), "participation mean_steps is 0.0; it must be above zero"),
        (
            lambda: stays(Participation(Fixed((1, 2)))),
            r"steps is \(1, 2\); it must be one number, or one for each of 3 seats",
        ),
    ],
)
def test_what_cannot_be_is_named(build: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()


def test_equal_seeds_give_equal_stays_and_another_reset_gives_others() -> None:
    batch = visited(Uniform(0, STEPS - 1), Exponential(4.0), markets=6)
    drawn = []
    for seeds in ([1, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [1, 1, 2, 3, 4, 5]):
        batch.reset(seeds)
        drawn.append(batch.markets["seat"][:, 4:6][["arrival_step", "departure_step"]].copy())
    assert drawn[0][0].tolist() == drawn[0][1].tolist()
    assert len({tuple(map(tuple, row.tolist())) for row in drawn[0]}) == 5
    assert drawn[0].tolist() == drawn[2].tolist() != drawn[1].tolist()


def test_a_seat_acts_and_earns_from_its_first_step_to_its_last() -> None:
    batch = visited(Fixed((2, 4)), Fixed((3, 100)))
    batch.reset([1, 2])
    active, terminated, reward = [batch.active.copy()], [], []
    for action in actions(batch, STEPS):
        step = batch.step(action)
        assert step.active is batch.active
        active.append(step.active.copy())
        terminated.append(step.terminated.copy())
        reward.append(step.reward.copy())
        absent = batch.markets["seat"]["present"] == 0
        assert not batch.markets["seat"]["live"][absent].any()
        assert not batch.markets["seat"]["command_count"][:, :6][~active[-2]].any(), "who does not act sends nothing"
    there, gone, earned = np.array(active), np.array(terminated), np.array(reward)
    assert there[:, :, :4].all()
    for market in range(2):
        assert np.flatnonzero(there[:, market, 4]).tolist() == [2, 3, 4]
        assert np.flatnonzero(there[:, market, 5]).tolist() == list(range(4, STEPS + 1))
    assert np.argwhere(gone).tolist() == [[4, 0, 4], [4, 1, 4]]
    assert not earned[:, :, 4:][~there[:-1, :, 4:]].any()
    assert earned[:, :, 4:].any()
    assert [error.tolist() for error in batch.conservation_errors()] == [[0, 0], [0, 0]]


def test_the_last_observation_is_that_of_the_step_in_which_a_seat_leaves() -> None:
    batch = visited(Fixed(0), Fixed((3, 100)))
    batch.reset([1, 2])
    received = []
    for action in actions(batch, STEPS):
        observation = batch.step(action).observation
        received.append(observation[0, 0].copy())
        if len(received) <= 3:
            assert np.array_equal(observation[0, 0, 9:], observation[0, 1, 9:]), "all but the account is public"
    assert not np.array_equal(received[2], received[1])
    assert all(np.array_equal(observed, received[2]) for observed in received[2:])


@pytest.mark.parametrize("closes", [False, True])
def test_what_is_held_is_closed_or_kept_and_the_last_reward_counts_it(closes: bool) -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 12),
        Group("outside", External(), 1, Participation(Fixed(0), Fixed(6), closes)),
    ]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=STEPS)), 32)
    batch.reset(range(32))
    account, total = batch.markets["seat"]["account"][:, 12], np.zeros(32)
    eager = np.tile(np.array([-1.0, 1.0, 1.0, -1.0], np.float32), (32, 1, 1))
    for _ in range(6):
        held = account["position"].copy()
        step = batch.step(eager)
        total += step.reward[:, 12]
    assert step.terminated[:, 12].all()
    assert held.any()
    public = batch.markets["public"]
    value = account["cash"] + account["position"] * public["twice_mark_ticks"] * public["cash_per_tick_lot"] / 2
    spec = batch.environment.spec
    scale = spec.price_scale_ticks * spec.size_scale_lots * spec.cash_per_tick_lot
    np.testing.assert_allclose(total, value / scale, rtol=1e-4, atol=1e-5)
    assert (account["position"] == 0).all() == closes
    assert [error.any() for error in batch.conservation_errors()] == [False, False]


def test_a_seat_that_comes_later_does_not_warm_up() -> None:
    participation = Participation(Fixed((0, 3)))
    batch = BatchMarket(
        environment([Group("noise", ZeroIntelligence(), 4), Group("late", ZeroIntelligence(), 2, participation)]), 1
    )
    batch.reset([1])
    live = batch.markets["seat"]["live"][0, 4:6]
    assert live[0]
    assert not live[1]
    for _ in range(6):
        batch.step(np.zeros((1, 0, 4), np.float32))
    assert batch.markets["seat"]["live"][0, 5]


def test_a_seat_whose_time_lies_beyond_the_session_never_comes() -> None:
    batch = visited(Fixed(STEPS), Fixed(1))
    batch.reset([1, 2])
    for action in actions(batch, STEPS):
        step = batch.step(action)
        assert not step.active[:, 4:].any()
        assert not step.terminated.any()
    assert step.truncated
