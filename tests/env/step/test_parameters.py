"""Constants and parameters that differ among the markets of a batch and change within a session."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.order_flow import QUANTILES
from marl_market.market.rules import Rules
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec, order_flow

STEPS = 30
SPEC = market_spec(session_steps=STEPS)
DEAR = replace(SPEC, fees=Fees(maker_rate=0.002, taker_rate=0.003))
BUSY = replace(SPEC, flow=order_flow(limit_rate=40.0, market_rate=10.0))
GROUPS = (Group("noise", ZeroIntelligence(), 6),)
SEEDS = [3, 3]


def batch_of(spec: MarketSpec = SPEC, groups: Any = GROUPS) -> BatchMarket:
    return BatchMarket(environment(groups, spec=spec), len(SEEDS))


def play(batch: BatchMarket, changes: Any = None, switch: int = -1) -> list[NDArray[Any]]:
    """Return the accounts after each step, (markets, seats); `changes` happen before step `switch`."""
    batch.reset(SEEDS)
    found = []
    for step in range(STEPS):
        if step == switch:
            changes(batch)
        batch.step(np.zeros((len(SEEDS), 0, batch.environment.action_size), np.float32))
        found.append(batch.markets["seat"]["account"].copy())
    assert not np.any(batch.conservation_errors())
    return found


def test_markets_of_one_batch_have_fees_of_their_own() -> None:
    batch = batch_of()
    batch.set_spec([1], DEAR)
    mixed, cheap, dear = play(batch)[-1], play(batch_of())[-1], play(batch_of(DEAR))[-1]
    assert mixed[0].tobytes() == cheap[0].tobytes()
    assert mixed[1].tobytes() == dear[1].tobytes()
    assert (mixed["trades"][0] == mixed["trades"][1]).all()
    assert mixed["fees"][1].sum() > mixed["fees"][0].sum()
    assert play(batch)[-1].tobytes() == mixed.tobytes(), "they stay for the sessions that follow"


def test_all_of_a_spec_is_that_of_its_market() -> None:
    other = replace(
        SPEC,
        flow=order_flow(limit_rate=12.0, spread_ticks=6.0, market_size_lots=(3.0,) * QUANTILES),
        rules=Rules(self_trade="allow", price_band_ticks=9, opening_auction_steps=3),
        credit=Credit(initial_cash=500.0),
        fee_tiers=(Fees(maker_rate=0.0001, from_quantity=3.0),),
    )
    batch = batch_of()
    batch.set_spec([0], other)
    mixed, plain, changed = play(batch), play(batch_of()), play(batch_of(other))
    for step in range(STEPS):
        assert mixed[step][0].tobytes() == changed[step][0].tobytes()
        assert mixed[step][1].tobytes() == plain[step][1].tobytes()
    batch.set_spec([0], SPEC)
    assert play(batch)[-1].tobytes() == plain[-1].tobytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda batch: batch.set_spec([1], BUSY),
        lambda batch: batch.set_params("noise", [1], ZeroIntelligence().parameters(BUSY, 6)),
    ],
    ids=["spec", "parameters"],
)
def test_a_regime_begins_within_a_session_in_its_market_alone(change: Any) -> None:
    calm = play(batch_of())
    switched, again = (play(batch_of(), change, switch=10) for _ in range(2))
    for step in range(STEPS):
        assert switched[step][0].tobytes() == calm[step][0].tobytes()
        assert (switched[step][1].tobytes() == calm[step][1].tobytes()) is (step < 10)
        assert switched[step].tobytes() == again[step].tobytes()
    traded = [accounts[-1]["trades"][1].sum() - accounts[9]["trades"][1].sum() for accounts in (calm, switched)]
    assert traded[1] > 2 * traded[0]


def test_fees_change_within_a_session() -> None:
    calm, switched = play(batch_of()), play(batch_of(), lambda batch: batch.set_spec([0, 1], DEAR), switch=10)
    assert (switched[9] == calm[9]).all()
    assert (switched[-1]["trades"] == calm[-1]["trades"]).all()
    assert (switched[-1]["fees"].sum(1) > calm[-1]["fees"].sum(1)).all()


def test_fewer_tiers_leave_no_seat_in_one_that_is_gone() -> None:
    tiers = replace(SPEC, fee_tiers=(Fees(from_quantity=1.0), Fees(from_quantity=2.0)))
    accounts = play(batch_of(tiers), lambda batch: batch.set_spec([0], SPEC), switch=10)
    assert accounts[9]["fee_tier"].max() == 2
    assert not accounts[10]["fee_tier"][0].any()
    assert accounts[10]["fee_tier"][1].max() == 2


def test_parameters_of_their_own_keep_the_weights_and_are_copied_once() -> None:
    description = environment(GROUPS, spec=SPEC)
    network = MultilayerPerceptron((description.observation_size, 8, description.action_size))
    weights = np.random.default_rng(1).standard_normal(network.parameter_count).astype(np.float32)
    groups = (*GROUPS, Group("policy", CompiledPolicy(network, weights), 2))
    plain, batch = batch_of(groups=groups), batch_of(groups=groups)
    for _ in range(3):
        batch.set_spec([1], SPEC)
    assert batch.params.shape == (4,)
    assert batch.param_rows == plain.param_rows
    assert play(batch)[-1].tobytes() == play(plain)[-1].tobytes()
    batch.set_spec([1], DEAR)
    own = play(batch)[-1]
    batch.set_lineup([{}, {}])
    assert play(batch)[-1].tobytes() == own.tobytes(), "a line-up keeps the specs"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"capacity": "medium"}, "market.capacity is 'medium'; it must be 'auto', as in the whole batch"),
        ({"session_steps": 31}, "market.session_steps is 31; it must be 30"),
        ({"tick_size": 0.02}, "market.tick_size is 0.02"),
        ({"further_instruments": {"second": SPEC}}, "instruments is 2; it must be 1, as in the whole batch"),
    ],
)
def test_a_spec_that_needs_another_batch_is_rejected(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        batch_of().set_spec([0], replace(SPEC, **changes))


def test_credit_of_several_instruments_is_set_before_a_session() -> None:
    pair = replace(SPEC, further_instruments={"second": SPEC})
    batch = batch_of(pair)
    rich = replace(pair, credit=Credit(initial_cash=5.0))
    batch.set_spec([0], rich)
    batch.reset(SEEDS)
    with pytest.raises(ValueError, match=r"market.credit is .* until the next reset"):
        batch.set_spec([1], rich)


def test_markets_and_values_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match=r"markets is \[2\]; it must be some of 0 to 1"):
        batch_of().set_spec([2], SPEC)
    with pytest.raises(ValueError, match=r"population.noise has 4097 parameters, at most 4096"):
        batch_of().set_params("noise", [0], [0.0] * 4097)
