"""A term of a group's reward that depends on the tape of the whole session."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.interfaces import RunLength
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rollout import Rollout
from marl_market.agents.sampling.sampled_session import SampledSession
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.sampling.session_buffer import rows_of
from marl_market.agents.sampling.session_rewards import SessionRewards
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.step.faults import NonFiniteError
from marl_market.evaluation.match import play_match
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec

STEPS, MARKETS, SEEDS = 20, 4, [1, 2, 3]


@dataclass(frozen=True)
class TradedLots:
    """The lots traded in the market in each window, for each seat."""

    broken: Any = None
    last: float | None = None
    windows: int = 1
    weight: Any = 1.0

    def begin(self, spec: MarketSpec, seed: int) -> "TradedLots":
        return self

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.floating]:
        if self.broken is not None:
            return np.full((1, 1, 1), self.broken, np.float32)
        if self.last is not None:
            term = np.zeros((1, *reward.shape[1:]))
            term[0, 2, 1] = self.last
            return term
        traded = (tape["bought_lots"] + tape["sold_lots"]).reshape(self.windows, -1, tape.shape[1]).sum(1)
        return np.repeat(traded[:, :, None], reward.shape[2], axis=2).astype(np.float32)


@dataclass(frozen=True)
class Counted(TradedLots):
    """A term that learns: it counts the sessions."""

    count: list[int] = field(default_factory=lambda: [0])

    def learn(self, tape: NDArray[np.void]) -> dict[str, float]:
        self.count[0] += 1
        return {"count": float(self.count[0])}

    def get_state(self) -> dict[str, Any]:
        return {"count": self.count[0]}

    def set_state(self, state: dict[str, Any]) -> None:
        self.count[0] = state["count"]


def described(session_reward: Any, participation: Participation | None = None) -> EnvironmentSpec:
    size = environment().observation_size, environment().action.size
    network = MultilayerPerceptron(size)
    policy = CompiledPolicy(network, network.initial(np.random.default_rng(0)))
    noise = Group("noise", ZeroIntelligence(), 4)
    focal = Group("focal", policy, 2, participation, session_reward=session_reward)
    return environment([noise, focal], spec=market_spec(session_steps=STEPS))


def sampled(environment: EnvironmentSpec) -> SampledSession:
    """Return a session, with a rollout of the group that has a term."""
    sampler = Sampler(BatchMarket(environment, MARKETS), {}, seed=1, pairs=False)
    session, buffer = sampler.sample(0), sampler._buffer
    columns = (rows_of(column[:, :, 4:]) for column in (buffer._reward, buffer._active, buffer._terminated))
    return replace(session, rollouts={"focal": Rollout.without_actions(*columns)})


def lots_of(session: SampledSession, windows: int = 1) -> NDArray[Any]:
    lots = (session.tape["bought_lots"] + session.tape["sold_lots"]).reshape(windows, -1, MARKETS).sum(1)
    return np.repeat(lots, 2, axis=1)


def test_the_term_is_added_to_the_last_reward_of_each_seat_of_the_group() -> None:
    plain = sampled(described(None))
    assert plain.tape.size == 0
    assert SessionRewards(described(None), 1).add(plain, 0) == (plain, {})
    session = sampled(described(TradedLots()))
    found, metrics = SessionRewards(described(TradedLots()), 1).add(session, 0)
    traded = lots_of(session)[0]
    assert (traded > 0).all()
    np.testing.assert_array_equal(session.reward, plain.reward)
    np.testing.assert_allclose((found.reward - plain.reward)[:, 4:].ravel(), traded, rtol=1e-5)
    np.testing.assert_array_equal(found.reward[:, :4], plain.reward[:, :4])
    added = found.rollouts["focal"].reward - session.rollouts["focal"].reward
    np.testing.assert_allclose(added[-1], traded, rtol=1e-5)
    assert not added[:-1].any()
    assert metrics == {"focal": {"session_reward": pytest.approx(traded.mean()), "session_weight": 1.0}}


def test_the_term_of_a_window_is_added_to_its_last_step() -> None:
    described_in_windows = described(TradedLots(windows=4))
    session = sampled(described_in_windows)
    found, _ = SessionRewards(described_in_windows, 1).add(session, 0)
    added = found.rollouts["focal"].reward - session.rollouts["focal"].reward
    np.testing.assert_allclose(added[4::5], lots_of(session, 4), rtol=1e-4, atol=1e-4)
    assert not np.delete(added, [4, 9, 14, 19], axis=0).any()


@pytest.mark.parametrize(("windows", "steps"), [(1, {4: 1}), (4, {4: 1}), (10, {1: 2, 3: 2, 4: 2})])
def test_a_seat_that_has_left_gets_it_in_its_last_step(windows: int, steps: dict[int, int]) -> None:
    visiting = described(TradedLots(windows=windows), Participation(Fixed((0, 3)), Fixed((5, 100))))
    session = sampled(visiting)
    found, _ = SessionRewards(visiting, 1).add(session, 0)
    added = (found.rollouts["focal"].reward - session.rollouts["focal"].reward).reshape(STEPS, MARKETS, 2)
    assert set(np.flatnonzero((added[:, :, 0] != 0).any(1)).tolist()) <= set(steps)
    assert (added[4, :, 0] != 0).any(), "the first seat leaves in step 4"
    assert (added[-1, :, 1] != 0).any(), "the second stays to the close"


def test_its_weight_follows_a_schedule() -> None:
    rising = described(TradedLots(weight=[[0.0, 0.0], [1.0, 10.0]]))
    session = sampled(rising)
    run = RunLength(iterations=5, markets=MARKETS, session_steps=STEPS)
    rewards = SessionRewards(rising, 1, run)
    traded = lots_of(session)[0]
    for iteration, weight in ((0, 0.0), (2, 4.0), (5, 10.0)):
        found, metrics = rewards.add(session, iteration)
        assert metrics["focal"]["session_weight"] == pytest.approx(weight)
        added = (found.rollouts["focal"].reward - session.rollouts["focal"].reward)[-1]
        np.testing.assert_allclose(added, weight * traded, rtol=1e-5)


def test_without_weight_it_changes_nothing() -> None:
    session = sampled(described(TradedLots(weight=0.0)))
    found, metrics = SessionRewards(described(TradedLots(weight=0.0)), 1).add(session, 3)
    assert found is session
    assert metrics["focal"]["session_reward"] > 0


def test_a_learned_term_learns_is_saved_and_does_not_count_in_a_match() -> None:
    learned = described(Counted())
    session, rewards = sampled(learned), SessionRewards(learned, 1)
    for iteration in (1, 2):
        _, metrics = rewards.add(session, iteration)
        assert metrics["focal"]["count"] == iteration
    rewards.set_state({"focal": {"count": 7}})
    assert rewards.get_state() == {"focal": {"count": 7}}
    assert SessionRewards(described(TradedLots()), 1).get_state() == {}
    plain, with_term = (play_match(described(term), SEEDS) for term in (None, Counted()))
    np.testing.assert_array_equal(with_term.reward, plain.reward)


def test_a_match_counts_it_at_its_last_weight() -> None:
    term = TradedLots(weight=[[0.0, 0.0], [1.0, 2.0]])
    plain, with_term = (play_match(described(each), SEEDS) for each in (None, term))
    lots = with_term.tape.trades["quantity_lots"].sum()
    np.testing.assert_allclose((with_term.reward - plain.reward)[0, 4:], 2 * lots, rtol=1e-5)


@pytest.mark.parametrize("broken", [1.0, np.nan])
def test_a_bad_term_is_named(broken: float) -> None:
    session = sampled(described(TradedLots(broken)))
    with pytest.raises(ValueError, match=r"population\.focal\.session_reward gave a term of shape \(1, 1, 1\)"):
        SessionRewards(described(TradedLots(broken)), 1).add(session, 0)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e39])
def test_a_term_that_is_not_finite_is_named_with_its_place(value: float) -> None:
    session = sampled(described(TradedLots(last=value)))
    complaint = f"population.focal.session_reward is not finite: market 2, group focal, seat 5, step {STEPS - 1}"
    with pytest.raises(NonFiniteError) as raised:
        SessionRewards(described(TradedLots(last=value)), 1).add(session, 3)
    assert str(raised.value) == f"iteration 4: {complaint}, value {value}"
