"""Traders with exact or noisy signals of the value, and those without."""

import math
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.chartist_fundamentalist import ChartistFundamentalist
from marl_market.agents.scripted.exponential_takers import ExponentialTakers
from marl_market.agents.scripted.informed_glosten_milgrom import InformedGlostenMilgrom
from marl_market.agents.scripted.informed_kyle import InformedKyle
from marl_market.agents.scripted.noise import Noise
from marl_market.agents.scripted.value import Value
from marl_market.exchange.codes import TimeInForce
from tests.agents.scripted.trader_seat import LIMIT, MARKET, TraderSeat, quoted
from tests.builders import public_record

DRAWS = 4000


def informed(agent: Any, signal: float) -> TraderSeat:
    trader = TraderSeat(agent)
    trader.seat["agent"]["signal"] = signal
    return trader


@pytest.mark.parametrize(("signal", "order"), [(1010.0, (1, 5)), (985.0, (-1, 8)), (1000.5, None)])
def test_kyles_insider_buys_beta_times_the_mispricing(signal: float, order: tuple[int, int] | None) -> None:
    # beta = 12 lots / (sqrt(4) * 12 ticks)
    agent = InformedKyle(noise_deviation=2.0, value_deviation=3.0, insiders=4, interval_steps=3)
    expected = [] if order is None else [(MARKET, order[0], 0, order[1])]
    assert informed(agent, signal).orders(public_record(step=6)) == expected
    assert informed(agent, signal).orders(public_record(step=7)) == []


@pytest.mark.parametrize(("signal", "side"), [(1003.0, 1), (1002.0, 0), (998.0, 0), (997.0, -1)])
def test_the_glosten_milgrom_insider_takes_the_quote_that_is_wrong(signal: float, side: int) -> None:
    sent = informed(InformedGlostenMilgrom(rate=1.0), signal).orders(quoted(998, 1002))
    assert sent == ([(MARKET, side, 0, 6)] if side else [])


def test_the_glosten_milgrom_insider_comes_at_its_rate_and_needs_a_quote() -> None:
    trader = informed(InformedGlostenMilgrom(rate=0.2), 1100.0)
    came = np.array([len(trader.orders(quoted())) for _ in range(DRAWS)])
    assert abs(came.mean() - 0.2) < 4 * math.sqrt(0.16 / DRAWS)
    assert informed(InformedGlostenMilgrom(rate=1.0), 1100.0).orders(public_record()) == []


def test_noise_comes_as_a_poisson_process_on_either_side() -> None:
    trader = TraderSeat(Noise(rate=0.7, size=0.5))
    sent = [trader.orders(public_record()) for _ in range(DRAWS)]
    counts = np.array([len(orders) for orders in sent])
    assert abs(counts.mean() - 0.7) < 4 * math.sqrt(0.7 / DRAWS)
    assert counts.var() == pytest.approx(0.7, rel=0.1)
    sides = np.array([side for orders in sent for _, side, _, _ in orders])
    assert abs(sides.mean()) < 4 / math.sqrt(sides.size)
    assert {(kind, lots) for orders in sent for kind, _, _, lots in orders} == {(MARKET, 3)}


@pytest.mark.parametrize("distance", [-5, -1, 0, 1, 3, 5])
def test_a_quote_at_a_distance_is_taken_with_the_exponential_chance(distance: int) -> None:
    trader = TraderSeat(ExponentialTakers(arrival=0.5, decay=2.0))
    reached = {1: 0, -1: 0}
    middle = 1000.3
    for _ in range(DRAWS):
        for _, side, price, _ in trader.orders(public_record(reference_ticks=middle)):
            offer = math.ceil(middle + distance) if side > 0 else math.floor(middle - distance)
            reached[side] += side * (price - offer) >= 0
    for side, offset in ((1, math.ceil(middle) - middle), (-1, middle - math.floor(middle))):
        chance = min(1.0, 0.5 * math.exp(-2.0 * (distance + offset) / 4))
        assert abs(reached[side] / DRAWS - chance) <= 4 * math.sqrt(chance * (1 - chance) / DRAWS)


@pytest.mark.parametrize(("signal", "side"), [(1010.0, 1), (985.0, -1)])
def test_to_a_call_auction_orders_come_with_a_limit_that_any_price_is_good_for(signal: float, side: int) -> None:
    for agent in (InformedKyle(auction=True), Noise(rate=3.0, auction=True)):
        trader = informed(agent, signal)
        sent = [order for _ in range(20) for order in trader.orders(public_record())]
        assert {(kind, price) for kind, its_side, price, _ in sent if its_side == side} == {(LIMIT, side * (2**31 - 2))}


def test_takers_do_not_wait() -> None:
    trader = TraderSeat(ExponentialTakers(arrival=1.0))
    trader.commands(public_record())
    sent = trader.seat["command"][: trader.seat["command_count"]]
    assert sent["time_in_force"].tolist() == [TimeInForce.IMMEDIATE_OR_CANCEL] * 2


def test_a_value_trader_demands_its_shade_of_the_signal() -> None:
    trader = informed(Value(rate=50.0, noise=0.0, min_shade=0.5, max_shade=0.5), 1020.0)
    assert {trader.orders(public_record())[0] for _ in range(50)} == {(LIMIT, 1, 1018, 6), (LIMIT, -1, 1022, 6)}


def test_a_value_trader_errs_by_its_noise_and_shades_evenly() -> None:
    trader = informed(Value(rate=50.0, noise=100.0, min_shade=0.0, max_shade=300.0), 0.0)
    sent = np.array([trader.orders(public_record())[0][1:3] for _ in range(DRAWS)])
    gains = -sent[:, 0] * sent[:, 1]  # shade less side times error, in ticks
    deviation = math.sqrt(400**2 + 1200**2 / 12)
    assert abs(gains.mean() - 600) < 4 * deviation / math.sqrt(DRAWS)
    assert gains.std() == pytest.approx(deviation, rel=0.05)


def test_a_value_trader_adds_nothing_to_a_full_position() -> None:
    trader = informed(Value(rate=50.0, position_limit=2.0), 1000.0)
    assert {side for _ in range(30) for _, side, _, _ in trader.orders(public_record(), position=12)} == {-1}


def test_a_fundamentalist_expects_part_of_the_way_to_the_value() -> None:
    agent = ChartistFundamentalist(chartist=0.0, noise=0.0, margin=0.0, rate=50.0)  # tau 10 of tau_F 20
    trader = informed(agent, 1040.0)
    assert trader.orders(public_record()) == [(LIMIT, 1, 1020, 6)]
    assert trader.seat["command"][0]["lifetime_steps"] == 10
    assert informed(agent, 960.0).orders(public_record()) == [(LIMIT, -1, 980, 6)]


def test_a_chartist_goes_on_with_the_trend() -> None:
    agent = ChartistFundamentalist(fundamentalist=0.0, noise=0.0, margin=0.0, rate=50.0)
    trader = informed(agent, 0.0)
    trader.commands(public_record(reference_ticks=1000.0))
    expected = 1010 + 10 * (1 - math.exp(-0.1)) * 10
    assert trader.orders(public_record(reference_ticks=1010.0)) == [(LIMIT, 1, round(expected), 6)]
    fading = 1010 + (expected - 1010) * math.exp(-0.1)
    assert round(fading) != round(expected)
    assert trader.orders(public_record(reference_ticks=1010.0)) == [(LIMIT, 1, round(fading), 6)]


def test_the_noise_of_a_forecast_has_the_markets_volatility() -> None:
    agent = ChartistFundamentalist(fundamentalist=0.0, chartist=0.0, margin=0.0, rate=50.0)
    trader = informed(agent, 0.0)
    prices = np.array([trader.orders(public_record())[0][2] for _ in range(DRAWS)])
    assert prices.std() == pytest.approx(10 * 2.0, rel=0.05)
    assert abs(prices.mean() - 1000) < 4 * 20 / math.sqrt(DRAWS)


def test_seats_draw_weights_of_their_own() -> None:
    weights = []
    for key in range(400):
        trader = TraderSeat(ChartistFundamentalist(fundamentalist=2.0, chartist=1.0, noise=0.5), random_key=key)
        trader.commands(public_record())
        weights.append(trader.seat["agent"]["memory"][2:5].copy())
    means = np.mean(weights, axis=0)
    assert np.abs(means / [2.0, 1.0, 0.5] - 1).max() < 4 / math.sqrt(400)


@pytest.mark.parametrize(
    ("agent", "name", "value"),
    [
        (InformedKyle, "insiders", 0),
        (InformedGlostenMilgrom, "rate", 0.0),
        (Noise, "rate", -1.0),
        (ExponentialTakers, "decay", 0.0),
        (Value, "noise", -1.0),
        (Value, "min_shade", 2.0),
        (ChartistFundamentalist, "horizon_seconds", 0.0),
        (ChartistFundamentalist, "margin", -0.5),
    ],
)
def test_a_parameter_that_is_none_is_named(agent: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"\w+\.{name} is {value}; it must be"):
        agent(**{name: value})
