from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.interfaces import Decision, Floats, Learner, LearningAgent, Masks
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import ConservationError, Sampler
from marl_market.agents.scripted.momentum import Momentum
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.population.group import Group
from marl_market.env.population.participation import Exponential, Fixed, Participation, Uniform
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.evaluation.metrics import session_metrics
from marl_market.market.seeding import Stream, derive_keys, generator
from tests.agents.answers import answer
from tests.builders import environment, market_spec

SEED, MARKETS = 7, 4
SEATS = 7
PLACES = {"ppo": slice(0, 2), "other": slice(2, 3), "appo": slice(3, 4), "dqn": slice(4, 6), "sac": slice(6, 7)}
"""Indices of each group among the external seats."""


def learners_of(environment: EnvironmentSpec) -> dict[str, Learner]:
    return {
        group.name: group.agent.learner(environment, group.name, seed)
        for seed, group in enumerate(environment.groups)
        if isinstance(group.agent, LearningAgent)
    }


def build(environment: EnvironmentSpec, seed: int = SEED, markets: int = MARKETS) -> tuple[Sampler, BatchMarket]:
    batch = BatchMarket(environment, markets)
    return Sampler(batch, learners_of(environment), seed), batch


def copy(session: SampledSession) -> SampledSession:
    """Return a session that the next one does not overwrite."""

    def kept(rollout: Rollout) -> Rollout:
        names = ("reward", "observation", "action")
        return replace(rollout, **{name: getattr(rollout, name).copy() for name in names})

    return replace(session, rollouts={name: kept(each) for name, each in session.rollouts.items()})


@pytest.fixture(scope="module")
def played(learning: Callable[..., EnvironmentSpec]) -> tuple[EnvironmentSpec, SampledSession, NDArray[np.uint64]]:
    """Return an environment, its third iteration, and the seeds of that by the sampler's own rule."""
    described = learning()
    sampler, _ = build(described)
    seeds = derive_keys(SEED, Stream.SAMPLE, 3, count=MARKETS // 2)
    return described, sampler.sample(3), np.repeat(seeds, 2)


def rows(values: NDArray[np.float32], seats: slice) -> NDArray[np.float32]:
    """Return (steps, markets, seats, ...) of a group as (steps, rows, ...), market by market."""
    own = values[:, :, seats]
    return np.stack([own[:, market, seat] for market in range(own.shape[1]) for seat in range(own.shape[2])], axis=1)


def test_a_learner_receives_the_rollout_of_its_seats(
    played: tuple[EnvironmentSpec, SampledSession, NDArray[np.uint64]],
) -> None:
    described, session, seeds = played
    batch = BatchMarket(described, MARKETS)
    for learner in learners_of(described).values():
        learner.on_episode_start(batch)
    action = np.zeros((described.spec.session_steps, MARKETS, SEATS, described.action_size), np.float32)
    for name, place in PLACES.items():
        rollout, size = session.rollouts[name], described.action_of(name).size
        assert rollout.has_actions
        action[:, :, place, :size] = rollout.action.reshape(len(action), MARKETS, -1, size)
    observation, reward = [batch.reset(seeds).copy()], []
    mask = [batch.mask.copy()]
    for each in action:
        step = batch.step(each)
        observation.append(step.observation.copy())
        mask.append(batch.mask.copy())
        reward.append(step.reward.copy())
    seen, scored = np.array(observation), np.array(reward)
    for name, place in PLACES.items():
        rollout = session.rollouts[name]
        assert rollout.has_actions
        np.testing.assert_array_equal(rollout.observation, rows(seen, place))
        if described.action_of(name).mask is None:
            assert rollout.action_mask is None
        else:
            own = np.array(mask)[..., : mask_size_of(described.action_of(name))]
            np.testing.assert_array_equal(rollout.action_mask, rows(own, place))
    for name in (*PLACES, "evolution"):
        np.testing.assert_array_equal(session.rollouts[name].reward, rows(scored, described.seats_of(name)))
    np.testing.assert_allclose(session.reward, scored.sum(0), rtol=1e-5)
    assert np.ptp(scored[:, :, described.seats_of("evolution")]) > 0
    assert not session.rollouts["evolution"].has_actions


def test_an_action_is_the_learners_answer_to_the_observation_and_its_own_noise(
    played: tuple[EnvironmentSpec, SampledSession, NDArray[np.uint64]],
) -> None:
    described, session, _ = played
    random = generator(SEED, Stream.EXPLORATION, 3)
    noise = [random.standard_normal((MARKETS // 2, SEATS, described.action_size), np.float32) for _ in range(2)]
    for name, place in PLACES.items():
        rollout, size = session.rollouts[name], described.action_of(name).size
        assert rollout.has_actions
        explored = np.repeat(noise[1], 2, axis=0)[:, place, :size].reshape(-1, size)
        mask = None if rollout.action_mask is None else rollout.action_mask[1]
        action, _, extra = answer(learners_of(described)[name], rollout.observation[1], explored, mask)
        np.testing.assert_array_equal(rollout.action[1], action)
        assert set(rollout.extra) == set(extra)
        for key, column in extra.items():
            np.testing.assert_array_equal(rollout.extra[key][1], column)


def test_pairs_share_random_numbers_and_differ_by_their_candidates_alone(
    learning: Callable[..., EnvironmentSpec],
) -> None:
    described = learning()
    alone = replace(described, groups=[group for group in described.groups if group.name != "evolution"])
    sampler, _ = build(alone)
    reward = sampler.sample(0).reward
    np.testing.assert_array_equal(reward[0::2], reward[1::2])
    assert (reward[0] != reward[2]).any()
    sampler, _ = build(described)
    session = sampler.sample(0)
    assert (session.reward[0] != session.reward[1]).any()
    rollout = session.rollouts["ppo"]
    assert rollout.has_actions
    first = rollout.observation[0].reshape(MARKETS, 2, -1)
    np.testing.assert_array_equal(first[0::2], first[1::2])


def test_an_iteration_follows_from_seed_and_number_alone(learning: Callable[..., EnvironmentSpec]) -> None:
    sampler, _ = build(learning())
    sampled = [copy(sampler.sample(iteration)) for iteration in (0, 1, 2)]
    alone, _ = build(learning())
    session = alone.sample(2)
    np.testing.assert_array_equal(session.reward, sampled[2].reward)
    for name, rollout in session.rollouts.items():
        np.testing.assert_array_equal(rollout.reward, sampled[2].rollouts[name].reward)
    assert (sampled[0].reward != sampled[1].reward).any()
    other, _ = build(learning(), seed=SEED + 1)
    assert (other.sample(2).reward != session.reward).any()


def test_market_metrics_are_taken_over_all_steps(
    learning: Callable[..., EnvironmentSpec],
) -> None:
    sampler, batch = build(learning())
    public, step = batch.markets["public"], batch.step
    seen: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = []

    def spied(action: NDArray[np.float32]):  # type: ignore[no-untyped-def]
        result = step(action)
        spread = [market["best_ask"] - market["best_bid"] if market["depth"].all() else np.nan for market in public]
        seen.append((np.array(spread, float), public["step_trades"] * 1.0, public["reference_ticks"].copy()))
        return result

    batch.step = spied  # type: ignore[method-assign]
    session = sampler.sample(0)
    spread, trades, price = map(np.array, zip(*seen, strict=True))
    assert trades.std() > 0
    metrics = session_metrics(session, batch.environment)
    assert metrics["market/trades_per_step"] == trades.mean()
    assert metrics["market/spread_ticks"] == pytest.approx(np.nanmean(spread))
    assert metrics["market/volatility_ticks"] == pytest.approx(np.diff(price, axis=0).std())


def test_profit_and_fees_are_those_of_the_accounts(learning: Callable[..., EnvironmentSpec]) -> None:
    sampler, batch = build(learning())
    session = sampler.sample(0)
    public, fees = batch.markets["public"], batch.markets["seat"]["account"]["fees"]
    for market in range(MARKETS):
        for seat in range(batch.environment.seats):
            account = batch.markets["seat"]["account"][market, seat]
            mark = public["twice_mark_ticks"][market] * public["cash_per_tick_lot"][market] / 2
            assert session.profit[market, seat] == account["cash"] + account["position"] * mark
    np.testing.assert_array_equal(session.fees, fees[:, : batch.environment.seats])
    # Profits of all seats and the venue's fees add up to nothing but the half ticks of the mark.
    np.testing.assert_allclose(session.profit.sum(1) + batch.markets["fees_collected"], 0, atol=1e-6)


def test_decisions_of_seats_that_come_leave_and_sleep_are_marked(learning: Callable[..., EnvironmentSpec]) -> None:
    described = learning(timing=ChosenDelay((1, 4)), spec=market_spec(session_steps=60))
    participation = Participation(Uniform(0, 6), Exponential(40.0))
    groups = [
        replace(group, participation=None if group.name == "noise" else participation)
        for group in described.groups
        if group.name != "dqn"  # has no choice left for the timing
    ]
    described = replace(described, groups=groups)
    sampler, batch = build(described)
    active, terminated = [], []
    step = batch.step

    def spied(action: NDArray[np.float32]):  # type: ignore[no-untyped-def]
        active.append(batch.active.copy())
        result = step(action)
        terminated.append(result.terminated.copy())
        return result

    batch.step = spied  # type: ignore[method-assign]
    session = sampler.sample(0)
    for name in ("ppo", "other", "appo", "sac"):
        rollout, seats = session.rollouts[name], described.seats_of(name)
        assert rollout.has_actions
        np.testing.assert_array_equal(rollout.active, rows(np.array(active), seats))
        np.testing.assert_array_equal(rollout.terminated, rows(np.array(terminated), seats))
        acted = rollout.active
        assert acted.any()
        assert not acted.all()
        before = np.cumsum(acted, axis=0) == 0
        after = np.cumsum(rollout.terminated, axis=0) - rollout.terminated > 0
        assert not acted[after].any()
        assert not rollout.reward[before | after].any(), "a seat outside the market has no reward"
        assert (rollout.reward[~acted & ~before & ~after] != 0).any(), "a seat that sleeps has"
        learners_of(described)[name].learn(rollout)
    np.testing.assert_allclose(
        session.rollouts["evolution"].reward.sum(0).reshape(MARKETS, -1),
        session.reward[:, described.seats_of("evolution")],
        rtol=1e-4,
        atol=1e-6,
    )


class Counting:
    """An actor whose hidden state counts the decisions of each row; it acts as another one."""

    state_size = 1

    def __init__(self, actor: Learner) -> None:
        self._actor = actor
        self.on_episode_start = actor.on_episode_start

    def act(self, observation: Floats, state: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        return Decision(answer(self._actor, observation, noise, mask).action, state + 1, {"state": state})


def test_a_row_keeps_its_own_hidden_state_in_the_session(learning: Callable[..., EnvironmentSpec]) -> None:
    described = learning(timing=ChosenDelay((1, 3)), spec=market_spec(session_steps=30))
    described = replace(described, groups=[group for group in described.groups if group.name != "dqn"])
    actors = {name: Counting(actor) for name, actor in learners_of(described).items() if name != "evolution"}
    batch = BatchMarket(described, MARKETS)
    sampler = Sampler(batch, {**learners_of(described), **actors}, SEED)
    for iteration in range(2):
        session = sampler.sample(iteration)
        for name in actors:
            rollout = session.rollouts[name]
            assert rollout.has_actions
            assert not rollout.active.all()
            before = np.cumsum(rollout.active, axis=0) - rollout.active
            np.testing.assert_array_equal(rollout.extra["state"][..., 0], before)


def test_a_group_that_never_decided_learns_nothing(learning: Callable[..., EnvironmentSpec]) -> None:
    described = learning()
    groups = [
        replace(group, participation=Participation(Fixed(99)) if group.name in PLACES else None)
        for group in described.groups
    ]
    sampler, _ = build(replace(described, groups=groups))
    session = sampler.sample(0)
    for name, learner in learners_of(described).items():
        before = learner.policy().weights.copy()
        metrics = learner.learn(session.rollouts[name])
        if name in PLACES:
            assert metrics.get("replay_size", 0) == 0
            np.testing.assert_array_equal(learner.policy().weights, before)


def test_an_odd_number_of_markets_raises(learning: Callable[..., EnvironmentSpec]) -> None:
    with pytest.raises(ValueError, match=r"training\.markets is 3; markets go in pairs"):
        build(learning(), markets=3)


@pytest.mark.parametrize(("field", "unit"), [("position", "lots"), ("cash", "cash units")])
def test_positions_or_money_from_nothing_stop_the_run(
    learning: Callable[..., EnvironmentSpec], field: str, unit: str
) -> None:
    sampler, batch = build(learning())
    step = batch.step

    def corrupt(action: NDArray[np.float32]):  # type: ignore[no-untyped-def]
        result = step(action)
        if result.truncated:
            batch.markets["seat"]["account"][field][2, 1] += 5
        return result

    batch.step = corrupt  # type: ignore[method-assign]
    with pytest.raises(ConservationError, match=rf"iteration 1, market 2: .* to .*5 {unit}"):
        sampler.sample(0)


def test_a_market_without_quotes_has_no_spread() -> None:
    sampler, batch = build(environment(groups=[Group("momentum", Momentum(), 2)]))
    metrics = session_metrics(sampler.sample(0), batch.environment)
    assert math.isnan(metrics["market/spread_ticks"])
    assert (metrics["market/trades_per_step"], metrics["market/volatility_ticks"]) == (0, 0)


def test_a_population_without_learners_is_played(learning: Callable[..., EnvironmentSpec]) -> None:
    described = learning()
    scripted = environment(groups=[group for group in described.groups if group.name == "noise"])
    session = build(scripted)[0].sample(0)
    assert session.rollouts == {}
    assert session.reward.shape == (MARKETS, 4)
