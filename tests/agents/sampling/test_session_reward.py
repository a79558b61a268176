"""A term of a group's reward that depends on the tape of the whole session."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.env.population.participation import Fixed, Participation
from marl_market.env.step.faults import NonFiniteError
from marl_market.evaluation.match import play_match
from tests.builders import environment, market_spec

STEPS, MARKETS, SEEDS = 20, 4, [1, 2, 3]


@dataclass(frozen=True)
class TradedLots:
    """The lots traded in the market, for each seat."""

    broken: Any = None
    last: float | None = None

    def term(self, tape: NDArray[np.void], reward: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.broken is not None:
            return np.full((1, 1), self.broken, np.float32)
        if self.last is not None:
            term = np.zeros(reward.shape[1:])
            term[2, 1] = self.last
            return term
        traded = (tape["bought_lots"] + tape["sold_lots"]).sum(0)
        return np.repeat(traded[:, None], reward.shape[2], axis=1).astype(np.float32)


def described(session_reward: Any, participation: Participation | None = None) -> EnvironmentSpec:
    size = environment().observation_size, environment().action.size
    network = MultilayerPerceptron(size)
    policy = CompiledPolicy(network, network.initial(np.random.default_rng(0)))
    noise = Group("noise", ZeroIntelligence(), 4)
    focal = Group("focal", policy, 2, participation, session_reward=session_reward)
    return environment([noise, focal], spec=market_spec(session_steps=STEPS))


def test_the_term_is_added_to_the_last_reward_of_each_seat_of_the_group() -> None:
    rewards = []
    for session_reward in (None, TradedLots()):
        batch = BatchMarket(described(session_reward), MARKETS)
        session = Sampler(batch, {}, seed=1, pairs=False).sample(0)
        rewards.append((session.reward, batch.tape.copy()))
    (plain, no_tape), (with_term, tape) = rewards
    assert no_tape.size == 0
    traded = (tape["bought_lots"] + tape["sold_lots"]).sum(0)
    assert (traded > 0).all()
    np.testing.assert_allclose(with_term[:, 4:] - plain[:, 4:], np.stack([traded, traded], axis=1), rtol=1e-5)
    np.testing.assert_array_equal(with_term[:, :4], plain[:, :4])


def test_a_seat_that_has_left_gets_it_in_its_last_step() -> None:
    visiting = Participation(Fixed((0, 3)), Fixed((5, 100)))
    batch = BatchMarket(described(TradedLots(), visiting), MARKETS)
    sampler = Sampler(batch, {}, seed=1, pairs=False)
    sampler.sample(0)
    reward = sampler._buffer._reward
    assert (reward[4, :, 4] > 1).all(), "the first seat leaves in step 4"
    assert (reward[-1, :, 5] > 1).all(), "the second stays to the close"
    assert not reward[5:, :, 4].any()


def test_a_match_counts_it() -> None:
    plain, with_term = (play_match(described(term), SEEDS) for term in (None, TradedLots()))
    lots = with_term.tape.trades["quantity_lots"].sum()
    np.testing.assert_allclose((with_term.reward - plain.reward)[0, 4:], lots, rtol=1e-5)


@pytest.mark.parametrize("broken", [1.0, np.nan])
def test_a_bad_term_is_named(broken: float) -> None:
    sampler = Sampler(BatchMarket(described(TradedLots(broken)), MARKETS), {}, seed=1, pairs=False)
    with pytest.raises(ValueError, match=r"population\.focal\.session_reward gave a term of shape \(1, 1\)"):
        sampler.sample(0)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e39])
def test_a_term_that_is_not_finite_is_named_with_its_place(value: float) -> None:
    sampler = Sampler(BatchMarket(described(TradedLots(last=value)), MARKETS), {}, seed=1, pairs=False)
    complaint = f"population.focal.session_reward is not finite: market 2, group focal, seat 5, step {STEPS - 1}"
    with pytest.raises(NonFiniteError) as raised:
        sampler.sample(3)
    assert str(raised.value) == f"iteration 4: {complaint}, value {value}"
