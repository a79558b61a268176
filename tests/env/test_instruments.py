"""A market of several instruments: a book each, one account over all."""

from dataclasses import replace

import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import Group
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.exchange.codes import EventKind, Reason
from marl_market.market.credit import Credit
from marl_market.market.latency import Delay, Latency
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import ConfigError
from tests.builders import actions, environment, market_spec, order_flow

SEEDS = [3, 4]


def pair(**changes: object) -> MarketSpec:
    """Return a market whose second instrument is dearer and trades in another tick."""
    second = market_spec(name="second", initial_price=50.0, tick_size=0.05, flow=order_flow(limit_rate=5.0), **changes)
    return market_spec(further_instruments={"second": second}, **changes)


def play(description: EnvironmentSpec, threads: int = 1, steps: int = 12) -> tuple[BatchMarket, list[np.ndarray]]:
    batch = BatchMarket(description, len(SEEDS), threads)
    seen = [batch.reset(SEEDS).copy()]
    for action in actions(batch, steps):
        seen.append(batch.step(action).observation.copy())
    return batch, seen


def test_a_seat_sees_and_acts_in_every_instrument() -> None:
    batch, seen = play(environment(spec=pair()))
    alone = environment()
    assert batch.environment.observation_size == 2 * alone.observation_size
    assert batch.environment.action_size == 2 * alone.action_size == actions(batch, 1).shape[-1]
    trades = batch.instruments["seat"]["account"]["trades"][:, :, batch.external]
    assert (trades.sum(1) > 0).all(), "every seat outside trades in both"
    first, second = np.split(seen[-1], 2, axis=-1)
    assert not np.array_equal(first, second)
    for number, half in enumerate((first, second)):
        position = batch.instruments["seat"]["account"]["position"][number][:, batch.external]
        size = batch.environment.spec.instruments[number].size_scale_lots
        np.testing.assert_allclose(half[..., 0], 0.1 * position / size, rtol=1e-6)


def test_money_and_positions_are_conserved_and_add_up_over_instruments() -> None:
    batch, _ = play(environment(spec=pair()))
    np.testing.assert_array_equal(batch.conservation_errors(), 0)
    account, public = batch.instruments["seat"]["account"][..., : batch.environment.seats], batch.instruments["public"]
    value = [
        account["cash"][n] + 0.5 * account["position"][n] * (public["twice_mark_ticks"][n] * scale)[:, None]
        for n, scale in enumerate(spec.cash_per_tick_lot for spec in batch.environment.spec.instruments)
    ]
    np.testing.assert_allclose(batch.balances().profit, value[0] + value[1])
    assert (batch.balances().trades == account["trades"][0] + account["trades"][1]).all()


def test_further_instruments_leave_the_first_as_it_is_alone() -> None:
    scripted = [Group("noise", ZeroIntelligence(), 4)]
    both, _ = play(environment(scripted, spec=pair()))
    alone, _ = play(environment(scripted))
    for name in ("cash", "position", "trades"):
        there, here = (batch.markets["seat"]["account"][name] for batch in (both, alone))
        np.testing.assert_array_equal(there, here)
    assert not np.array_equal(both.instruments["event"]["price_ticks"][1], both.markets["event"]["price_ticks"])


def test_rewards_of_instruments_add_up() -> None:
    description = environment(spec=pair())
    batch = BatchMarket(description, 2)
    batch.reset(SEEDS)
    reward = sum(batch.step(action).reward.astype(np.float64) for action in actions(batch, 12))
    scales = [
        part.price_scale_ticks * part.size_scale_lots * part.cash_per_tick_lot for part in description.spec.instruments
    ]
    account, public = batch.instruments["seat"]["account"][..., : description.seats], batch.instruments["public"]
    expected = 0.0
    for n, spec in enumerate(description.spec.instruments):
        mark = public["twice_mark_ticks"][n][:, None] * spec.cash_per_tick_lot
        expected = expected + (account["cash"][n] + 0.5 * account["position"][n] * mark) / scales[n]
    np.testing.assert_allclose(reward, expected, rtol=1e-4, atol=1e-3)


def test_threads_and_late_commands_change_nothing_of_that() -> None:
    late = Latency(entry=Delay(floor_ns=300_000_000, exponential_ns=500_000_000), data=Delay(floor_ns=1_500_000_000))
    description = environment(spec=pair(latency=late))
    one, two = play(description), play(description, threads=2)
    for a, b in zip(one[1], two[1], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one[0].conservation_errors(), 0)


def test_what_is_held_in_one_instrument_bounds_what_the_other_admits() -> None:
    spec = pair(credit=Credit(initial_cash=4_000.0, initial_margin=1.0))
    quotes = Quotes(nearest=-40.0, farthest=40.0, largest=4.0, position_limit=100.0)
    batch = BatchMarket(environment(spec=spec, action=quotes), 2)
    batch.reset(SEEDS)
    buy, wait = [-1.0, 1.0, 1.0, -1.0], [0.0, 0.0, -1.0, -1.0]
    rejected = []
    for first, second in ((buy, buy), (wait, buy)):
        batch.reset(SEEDS)
        count = 0
        for _ in range(12):
            batch.step(np.full((2, 2, 8), [*first, *second], np.float32))
            for m in range(2):
                events = batch.instruments["event"][1, m, : batch.instruments["event_count"][1, m]]
                outside = np.isin(events["seat"], batch.external)
                count += int((outside & (events["reason"] == Reason.INSUFFICIENT_FUNDS)).sum())
        rejected.append(count)
    assert rejected[0] > rejected[1]
    np.testing.assert_array_equal(batch.conservation_errors(), 0)


def test_a_bankrupt_seat_leaves_all_instruments() -> None:
    credit = Credit(initial_cash=30.0, initial_margin=0.05, maintenance_margin=0.05)
    quotes = Quotes(nearest=-40.0, farthest=40.0, largest=8.0, position_limit=100.0)
    description = environment(spec=pair(credit=credit, session_steps=60), action=quotes)
    batch = BatchMarket(description, 2)
    batch.reset(SEEDS)
    closed = left = 0
    for action in actions(batch, 60):
        step = batch.step(action)
        left += int(step.terminated.sum())
        present = batch.instruments["seat"]["present"][..., : description.seats]
        np.testing.assert_array_equal(present[0], present[1])
        for events, count in zip(
            batch.instruments["event"].reshape(4, -1), batch.instruments["event_count"].ravel(), strict=True
        ):
            events = events[:count]
            closed += int(((events["kind"] == EventKind.ACCEPTED) & (events["reason"] == Reason.LIQUIDATION)).sum())
    assert closed > 0
    assert left > 0
    np.testing.assert_array_equal(batch.conservation_errors(), 0)


def test_a_compiled_policy_sees_and_acts_in_every_instrument() -> None:
    groups = [Group("noise", ZeroIntelligence(), 4), Group("evolving", EvolutionStrategy(hidden=(4,)), 2)]
    description = environment(groups, spec=pair())
    batch = BatchMarket(description, 2)
    learner = EvolutionStrategy(hidden=(4,)).learner(description, "evolving", seed=1)
    learner.on_episode_start(batch)
    batch.reset(SEEDS)
    for _ in range(12):
        batch.step(np.zeros((2, 0, description.action_size), np.float32))
    assert (batch.instruments["seat"]["account"]["trades"][:, :, 4:6].sum((1, 2)) > 0).all()


def test_the_pettingzoo_face_knows_all_instruments() -> None:
    market = MarketEnv(environment(spec=pair()))
    observations, _ = market.reset(seed=1)
    agent = market.agents[0]
    assert market.action_space(agent).shape == (8,)
    assert market.observation_space(agent).contains(observations[agent])


@pytest.mark.parametrize("field", ["session_steps", "step_ns", "warmup_steps"])
def test_instruments_have_their_session_in_common(field: str) -> None:
    with pytest.raises(ConfigError, match=rf"further_instruments.second.{field} is 7; it must be .*, as the market's"):
        market_spec(further_instruments={"second": market_spec(**{field: 7})})


def test_instruments_are_not_nested_and_have_no_pace() -> None:
    with pytest.raises(ConfigError, match="without further ones"):
        market_spec(further_instruments={"second": pair()})
    with pytest.raises(ValueError, match=r"timing is .*several instruments"):
        replace(environment(spec=pair()), timing=ChosenDelay())
