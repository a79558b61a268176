"""Reactive takers: when they trade, on which side, how much, and at what price."""

from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.reactive_takers import LEFT, SIDE, ReactiveTakers
from marl_market.market.reactive_flow import ATOMS, DEPTHS
from marl_market.market.validation import ConfigError
from tests.agents.scripted.reactive_seat import ReactiveSeat, spec_with
from tests.agents.scripted.trader_seat import LIMIT, quoted
from tests.builders import public_record, show_levels

EVEN: dict[str, Any] = {
    "share": 0.1, "rate": 1.0, "selectivity": 2.0, "direction": 0.0, "exponent": 1.5, "impatience": 0.0,
    "bunching": 0.0, "caution": 0.0, "slippage": 2.0,
}  # fmt: skip
TENS = spec_with(market_size_lots=np.full((DEPTHS, ATOMS), 10.0))


def buyer(spec: Any = TENS, **changes: Any) -> ReactiveSeat:
    taker = ReactiveSeat(ReactiveTakers(**{**EVEN, **changes}), spec)
    taker.seat["agent"]["memory"][[SIDE, LEFT]] = (1.0, 1e9)
    return taker


def rate_at(taker: ReactiveSeat, value: float, steps: int = 6000, due: float = 0.0, **quotes: Any) -> float:
    public, sent = quoted(998, 1002, lots=50, **quotes), 0
    for _ in range(steps):
        taker.see(value, due)  # at a mean of one
        sent += len(taker.orders(public)) > 0
    return -float(np.log(1 - sent / steps))


def test_the_rate_grows_exponentially_with_the_gain() -> None:
    taker = buyer()
    # two orders a second of the market, a tenth of them at the value; half a unit of log rate a tick
    assert rate_at(taker, 1002.0) == pytest.approx(0.2, rel=0.08)
    assert rate_at(taker, 1004.0) == pytest.approx(0.2 * np.e, rel=0.08)
    assert rate_at(taker, 998.0) == pytest.approx(0.2 * np.exp(-2.0), rel=0.2)
    assert rate_at(buyer(impatience=1.0), 900.0) == pytest.approx(0.2, rel=0.08)


def test_the_mean_rate_is_that_of_the_market_whatever_the_gain() -> None:
    for value in (1002.0, 1006.0):
        taker, public = buyer(), quoted(998, 1002, lots=50)
        taker.see(value, 0.0)
        for _ in range(1500):
            taker.orders(public)
        assert np.mean([len(taker.orders(public)) > 0 for _ in range(6000)]) == pytest.approx(1 - np.exp(-0.2), rel=0.1)


def test_a_part_of_the_time_runs_with_the_activity() -> None:
    taker = buyer(bunching=0.5)
    # half a second evenly, and half of the second in which twelve orders are due, of eight
    assert rate_at(taker, 1002.0, due=12.0) == pytest.approx(0.2 * (0.5 + 0.5 * 1.5), rel=0.08)
    assert rate_at(taker, 1002.0, due=0.0) == pytest.approx(0.1, rel=0.12)


def test_cautious_takers_come_as_the_market_does_in_that_state_of_the_spread() -> None:
    spec = spec_with(spread_edges=(2, 4, 6, 8, 10, 12, 14), taking=(3.0, 2.0, 0.25, 1, 1, 1, 1, 1))
    assert rate_at(buyer(spec, caution=1.0), 1002.0) == pytest.approx(0.05, rel=0.15)
    assert rate_at(buyer(spec, caution=0.5), 1002.0) == pytest.approx(0.1, rel=0.12)


def test_a_parent_order_is_of_the_side_of_the_value_and_of_power_law_length() -> None:
    taker = ReactiveSeat(ReactiveTakers(**{**EVEN, "direction": 4.0}), TENS)
    taker.see(value=1001.0)
    sides, lengths = [], []
    for _ in range(4000):
        taker.seat["agent"]["memory"][LEFT] = 0.0
        taker.orders(quoted())
        sides.append(taker.seat["agent"]["memory"][SIDE])
        lengths.append(taker.seat["agent"]["memory"][LEFT])
    assert np.mean(np.array(sides) > 0) == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.03)
    begun = np.array(lengths) + (np.array(lengths) < 1)  # one of them may be sent already
    for number in (2, 4, 8):
        assert (begun >= number).mean() == pytest.approx(number**-1.5, rel=0.2)


def orders_of(taker: ReactiveSeat, public: Any, decisions: int = 800) -> np.ndarray:
    taker.see(value=1010.0, due=0.0)
    return taker.all_orders(public, decisions)


def test_an_order_takes_at_the_best_price_no_more_than_is_there() -> None:
    public = public_record()
    show_levels(public, bids=[(998, 50)], asks=[(1002, 4), (1006, 4)])
    orders = orders_of(buyer(share=50.0, slippage=40.0), public)
    assert set(map(tuple, orders)) == {(LIMIT, 1, 1002, 4)}


def test_a_reckless_order_goes_through_it() -> None:
    public = public_record()
    show_levels(public, bids=[(998, 50)], asks=[(1002, 4), (1006, 4)])
    orders = orders_of(buyer(share=50.0, slippage=0.5), public, 1500)
    deep = orders[:, 2] == 1006
    assert set(orders[deep, 3].tolist()) == {8}
    assert deep.mean() == pytest.approx(np.exp(-0.5), abs=0.05)  # four ticks are a price scale


def test_sizes_are_those_of_the_depth_they_meet() -> None:
    sizes = np.arange(1.0, DEPTHS + 1)[:, None] * np.ones(ATOMS)
    spec = spec_with(depth_edges=(10, 20, 30), market_size_lots=sizes)
    for lots, size in ((9, 1), (10, 2), (29, 3), (500, 4)):
        orders = orders_of(buyer(spec, share=50.0), quoted(998, 1002, lots=lots), 50)
        assert set(orders[:, 3].tolist()) == {size}


def test_orders_follow_one_another_at_once_as_often_as_in_the_data() -> None:
    spec = spec_with(market_size_lots=np.ones((DEPTHS, ATOMS)), following=0.5)
    taker = buyer(spec, share=100.0)
    taker.see(value=1010.0)
    counts = [len(taker.orders(quoted(998, 1002, lots=50))) for _ in range(3000)]
    assert np.mean(counts) == pytest.approx(2.0, rel=0.06)
    assert np.mean(np.array(counts) == 1) == pytest.approx(0.5, abs=0.03)


def test_without_a_side_there_is_no_order() -> None:
    taker, public = buyer(share=100.0), public_record()
    show_levels(public, bids=[], asks=[(1002, 5)])
    taker.see(value=1010.0)
    assert taker.orders(public) == []


def test_a_field_that_is_impossible_is_named() -> None:
    with pytest.raises(ConfigError, match=r"reactive_takers.caution is -1; it must be a number of zero or more"):
        ReactiveTakers(caution=-1)
