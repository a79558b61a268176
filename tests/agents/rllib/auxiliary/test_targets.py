"""The targets of each task on a tape of a few steps, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl_market.agents.rllib.auxiliary.aggressor import NO_TRADE, Aggressor
from marl_market.agents.rllib.auxiliary.fill import Fill
from marl_market.agents.rllib.auxiliary.mid_price import MidPrice
from marl_market.agents.rllib.auxiliary.others_flow import OthersFlow
from marl_market.agents.rllib.auxiliary.task import AuxiliaryTask, Head, head_of, heads_of
from marl_market.agents.rllib.auxiliary.volatility import Volatility
from marl_market.agents.scripted.momentum import Momentum
from marl_market.agents.scripted.noise import Noise
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import External, Group
from marl_market.exchange.codes import EventKind, Liquidity
from tests.builders import environment, market_spec

NAN = np.nan
STEPS = 30


def market() -> EnvironmentSpec:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("takers", Noise(), 2),
        Group("followers", Momentum(fast_seconds=0.5, slow_seconds=3.0, threshold=0.05), 1),
        Group("focal", External(), 2),
    ]
    return environment(groups, spec=market_spec(session_steps=STEPS))


def targets_of(target: AuxiliaryTask, *inputs: float) -> list[float]:
    """Return the targets of one seat; the price changes by 2 ticks in a step, usually, and a size scale is 6 lots."""
    column = np.array(inputs, np.float32).reshape(-1, 1, 1)
    found = target.targets(column, market(), "focal")
    assert found.shape == column.shape
    return [float(value) for value in found[:, 0, 0]]


def test_the_mid_price_of_some_steps_ahead() -> None:
    np.testing.assert_array_equal(targets_of(MidPrice(horizon=1), 1000, 1002, 996), [1, -3, NAN])
    expected = np.array([-4, -4, 3, NAN, NAN]) / np.sqrt(8)
    np.testing.assert_allclose(targets_of(MidPrice(horizon=2), 1000, 1002, 996, 998, 999), expected, rtol=1e-6)


def test_the_root_of_the_mean_squared_change_of_the_steps_ahead() -> None:
    expected = [np.sqrt((1 + 9) / 2), np.sqrt((9 + 1) / 2), np.sqrt(1 / 2), NAN, NAN]
    np.testing.assert_allclose(targets_of(Volatility(horizon=2), 1000, 1002, 996, 998, 998), expected, rtol=1e-6)
    np.testing.assert_array_equal(targets_of(Volatility(horizon=1), 1000, 1002, 1002), [1, 0, NAN])


def test_a_fill_within_the_steps_ahead() -> None:
    np.testing.assert_array_equal(targets_of(Fill(horizon=2), 0, 0, 0, 1, 1, 4), [0, 1, 1, 1, NAN, NAN])


def test_the_first_to_take_in_the_steps_ahead() -> None:
    # The input before a decision is the aggressor of the step before.
    inputs = (2, NO_TRADE, NO_TRADE, 0, 1, NO_TRADE, NO_TRADE)
    np.testing.assert_array_equal(targets_of(Aggressor(horizon=2), *inputs), [4, 0, 0, 1, 4, NAN, NAN])
    np.testing.assert_array_equal(targets_of(Aggressor(horizon=3), *inputs), [0, 0, 0, 1, NAN, NAN, NAN])


def test_what_each_group_buys_in_the_steps_ahead() -> None:
    inputs = np.array([[0, 6], [3, 6], [3, -6]], np.float32)[:, None]
    found = OthersFlow(horizon=1).targets(inputs, market(), "focal")
    np.testing.assert_array_equal(found[:, 0], [[0.5, 0], [0, -2], [NAN, NAN]])


@pytest.mark.parametrize("target", [MidPrice(99), Volatility(99), Fill(99), Aggressor(99), OthersFlow(99)])
def test_a_session_that_is_shorter_than_the_horizon_has_no_targets(target: AuxiliaryTask) -> None:
    inputs = np.ones((5, 3, 4), np.float32)
    assert np.isnan(target.targets(inputs, market(), "focal")).all()


def test_a_head_is_as_wide_as_its_target() -> None:
    targets = {"price": MidPrice(), "fill": Fill(weight=2.0), "aggressor": Aggressor(), "flow": OthersFlow()}
    assert heads_of(targets, market()) == {
        "price": Head(1, False, 0.5), "fill": Head(2, True, 2.0),
        "aggressor": Head(5, True, 0.1), "flow": Head(4, False, 0.5)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MidPrice(horizon=0), r"MidPrice\.horizon is 0"),
        (lambda: Fill(weight=-1.0), r"Fill\.weight is -1\.0"),
        (lambda: head_of(Aggressor(groups=("ghosts",)), market()), r"Aggressor\.groups is \('ghosts',\)"),
    ],
)
def test_a_wrong_field_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def first_takers(batch: BatchMarket, names: set[str]) -> list[float]:
    """Return the group that took first in the last step, market by market, the slow way."""
    described, found = batch.environment, []
    owner = [number for number, group in enumerate(described.groups) for _ in range(group.count)]
    for record in batch.markets:
        takers = [
            float(owner[event["seat"]])
            for event in record["event"][: record["event_count"]]
            if event["kind"] == EventKind.FILLED and event["liquidity"] == Liquidity.TAKER
        ]
        counted = [number for number in takers if described.groups[int(number)].name in names]
        found.append(counted[0] if counted else NO_TRADE)
    return found


def test_inputs_are_those_of_the_market() -> None:
    described = market()
    batch, seats = BatchMarket(described, 3), described.seats_of("focal")
    batch.reset([1, 2, 3])
    random = np.random.default_rng(0)
    all_names = {group.name for group in described.groups}
    takers: set[float] = set()
    assert (Aggressor().record_inputs(batch, seats) == NO_TRADE).all(), "there is no trade yet"
    for _ in range(STEPS):
        batch.step(random.uniform(-1, 1, (3, 2, 4)).astype(np.float32))
        price = MidPrice().record_inputs(batch, seats)
        assert price.shape == (3, 2, 1)
        np.testing.assert_array_equal(price[:, 1, 0], batch.markets["public"]["reference_ticks"])
        np.testing.assert_array_equal(
            Fill().record_inputs(batch, seats)[..., 0], batch.markets["seat"]["account"]["trades"][:, 7:9]
        )
        flow = OthersFlow().record_inputs(batch, seats)
        position = batch.markets["seat"]["account"]["position"]
        np.testing.assert_array_equal(flow[:, 0, 1], position[:, 4:6].mean(1))
        np.testing.assert_array_equal(flow[:, 1, 3], position[:, 7:9].mean(1))
        expected = first_takers(batch, all_names)
        takers.update(expected)
        np.testing.assert_array_equal(Aggressor().record_inputs(batch, seats)[:, 0, 0], expected)
        np.testing.assert_array_equal(
            Aggressor(groups=("takers", "focal")).record_inputs(batch, seats)[:, 1, 0],
            first_takers(batch, {"takers", "focal"}),
        )
    assert len(takers) > 2, "a market with one aggressor tests nothing"
