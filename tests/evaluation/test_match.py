from dataclasses import dataclass, replace

import numpy as np
import pytest

from marl_market.agents.interfaces import Decision, Floats, Masks
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.evaluation.match import Match, play_match, with_policies
from tests.builders import environment, market_spec

SEEDS = [3, 4, 5]


def population() -> EnvironmentSpec:
    groups = [
        Group("noise", ZeroIntelligence(), 5),
        Group("makers", AvellanedaStoikov(), 2),
        Group("learners", External(), 3),
    ]
    return environment(groups, spec=market_spec(session_steps=40))


def policy(seed: int, scale: float = 1.0) -> CompiledPolicy:
    network = MultilayerPerceptron((population().observation_size, 6, 4))
    vector = np.random.default_rng(seed).normal(0, scale, network.parameter_count)
    return CompiledPolicy(network, vector.astype(np.float32))


def match(seed: int = 0) -> Match:
    return play_match(with_policies(population(), {"learners": policy(seed)}), SEEDS)


def values(played: Match) -> list[bytes]:
    names = ("reward", "profit", "fees", "traded_lots", "trades", "position_lots", "position_error", "cash_error")
    return [getattr(played, name).tobytes() for name in names] + [played.tape.digest().encode()]


def test_every_result_has_a_row_a_session_and_a_column_a_seat() -> None:
    played = match()
    for name in ("reward", "profit", "fees", "traded_lots", "trades", "position_lots"):
        assert getattr(played, name).shape == (3, 10), name
    assert played.position_error.shape == played.cash_error.shape == (3,)
    learners = played.environment.seats_of("learners")
    assert (played.trades[:, learners] > 0).any(), "learners that never trade show nothing"


def test_equal_policies_on_equal_seeds_play_equal_matches_and_others_do_not() -> None:
    first = values(match())
    assert values(match()) == first
    others = values(match(seed=1))
    assert all(mine != theirs for mine, theirs in zip(first[:6], others[:6], strict=True))
    assert first[-1] != others[-1]


def test_a_session_goes_the_same_way_in_any_match() -> None:
    played, alone = match(), play_match(with_policies(population(), {"learners": policy(0)}), SEEDS[1:2])
    for name in ("reward", "profit", "fees", "traded_lots", "trades", "position_lots"):
        assert np.array_equal(getattr(played, name)[1], getattr(alone, name)[0]), name


def test_a_policy_plays_in_a_match_as_it_does_from_outside() -> None:
    described = with_policies(population(), {"learners": policy(0)})
    inside = play_match(described, SEEDS)
    batch = BatchMarket(described, 3)
    outside = BatchMarket(population(), 3)
    observation, inner = outside.reset(SEEDS), batch.reset(SEEDS)
    assert inner.shape == (3, 0, population().observation_size)
    action = np.zeros((3, 0, 4), np.float32)
    learners = population().seats_of("learners")
    for _ in range(40):
        watched = batch.markets["seat"]["agent"]["observation"][:, learners, : population().observation_size]
        assert np.array_equal(watched, observation)
        batch.step(action)
        observation = outside.step(batch.markets["seat"]["agent"]["action"][:, learners, :4].copy()).observation
    assert np.array_equal(outside.markets["seat"]["account"]["cash"], batch.markets["seat"]["account"]["cash"])
    assert np.array_equal(batch.markets["seat"]["account"]["trades"][:, :10], inside.trades)


def test_profit_is_the_equity_of_the_accounts_and_no_money_comes_from_nowhere() -> None:
    described = with_policies(population(), {"learners": policy(0)})
    played, batch = play_match(described, SEEDS), BatchMarket(described, 3)
    batch.reset(SEEDS)
    for _ in range(40):
        batch.step(np.zeros((3, 0, 4), np.float32))
    spec = described.spec
    for session, market in enumerate(batch.markets):
        mark = int(market["public"]["twice_mark_ticks"]) / 2 * spec.tick_size
        for seat in range(described.seats):
            account = market["seat"][seat]["account"]
            equity = int(account["cash"]) * spec.cash_unit + int(account["position"]) * spec.lot_size * mark
            assert played.profit[session, seat] == pytest.approx(equity, abs=1e-9)
            assert played.fees[session, seat] == pytest.approx(int(account["fees"]) * spec.cash_unit)
            assert played.position_lots[session, seat] == account["position"]
            assert played.traded_lots[session, seat] == account["traded_lots"]
    assert not played.position_error.any()
    assert not played.cash_error.any()
    np.testing.assert_allclose(played.profit.sum(1), -played.fees.sum(1), atol=1e-9)
    scale = spec.price_scale_ticks * spec.size_scale_lots * spec.tick_size * spec.lot_size
    np.testing.assert_allclose(played.reward * scale, played.profit, atol=1e-3)


def test_the_tape_is_that_of_the_first_session() -> None:
    described = replace(population(), groups=population().groups[:2])
    played, batch = play_match(described, SEEDS), BatchMarket(described, 1)
    recorder = TapeRecorder(batch)
    batch.reset(SEEDS[:1])
    recorder.record()
    for _ in range(40):
        batch.step(np.zeros((1, 0, 4), np.float32))
        recorder.record()
    assert played.tape.digest() == recorder.tape().digest()
    assert len(played.tape.trades) > 20


def test_only_the_named_groups_play_a_policy() -> None:
    described = with_policies(population(), {"learners": policy(0), "absent": policy(1)})
    assert [group.name for group in described.groups] == ["noise", "makers", "learners"]
    assert [type(group.agent) for group in described.groups] == [ZeroIntelligence, AvellanedaStoikov, CompiledPolicy]
    assert [group.count for group in described.groups] == [5, 2, 3]


@dataclass(frozen=True, eq=False)
class Fading(External):
    """A policy outside the step that quotes farther away with each step it remembers."""

    state_size = 1
    weights = np.zeros(0, np.float32)

    def act(self, observation: Floats, memory: Floats, noise: Floats | None, mask: Masks | None = None) -> Decision:
        assert noise is None
        action = np.clip(memory / 10 + np.array([-1.0, -1.0, 0.0, 0.0], np.float32), -1, 1).astype(np.float32)
        return Decision(action, memory + 1, {})


def test_a_policy_outside_the_step_is_asked_and_remembers() -> None:
    described = population()
    played = play_match(with_policies(described, {"learners": Fading()}), SEEDS)
    batch = BatchMarket(described, len(SEEDS))
    batch.reset(SEEDS)
    reward = np.zeros_like(played.reward)
    for step in range(40):
        distance, size = min(step / 10 - 1, 1.0), min(step / 10, 1.0)
        action = np.broadcast_to(np.array([distance, distance, size, size], np.float32), (len(SEEDS), 3, 4))
        reward += batch.step(action.copy()).reward
    np.testing.assert_array_equal(played.reward, reward)
    assert (played.trades[:, 7:] > 0).any()
    assert not played.position_error.any()


def test_seats_that_wait_for_actions_are_named() -> None:
    with pytest.raises(ValueError, match=r"seats \[7, 8, 9\] wait for actions from outside"):
        play_match(population(), SEEDS)
