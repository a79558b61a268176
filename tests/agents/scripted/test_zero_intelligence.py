import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.interface.signatures import decide
from marl_market.exchange.codes import CommandKind
from marl_market.exchange.random_streams import begin_stream
from marl_market.exchange.records import SEAT_ORDERS
from tests.builders import (
    LIMIT_SIZES,
    MARKET_SIZES,
    OFFSETS,
    market_spec,
    order_flow,
    params_record,
    public_record,
    seat_record,
    show_levels,
)

STEPS = 4000
BID, ASK = 990, 1010
OPEN = {3: 101, 4: 102, 17: 103, 31: 104}
"""Slots and ids of the open orders of the seat under test."""
SPEC = market_spec(step_ns=500_000_000)
SEATS = 2
FLOW = SPEC.flow


def quoted() -> Any:
    public = public_record()
    show_levels(public, bids=[(BID, 5)], asks=[(ASK, 5)])
    return public


def flow_of(agent: ZeroIntelligence, public: Any, anchor: float | None = None) -> tuple[NDArray[np.void], NDArray[Any]]:
    """Return all commands of many steps, and the number of limit and of market orders in each."""
    seat = seat_record(random_key=5)
    seat["order"]["order_id"] = 900 + np.arange(SEAT_ORDERS)
    for slot, order_id in OPEN.items():
        seat["live"] |= np.uint64(1 << slot)
        seat["order"][slot]["order_id"] = order_id
    if anchor is not None:
        seat["agent"]["memory"][:2] = (anchor, 1.0)
    params = params_record(agent.parameters(SPEC, SEATS))
    commands, counts = [], np.zeros((STEPS, 2))
    for step in range(STEPS):
        begin_stream(seat, step)
        decide(agent.trader.address, 0, public, seat, params)
        sent = seat["command"][: seat["command_count"]].copy()
        assert sent.size < 16, "a list that runs full would bias the rates"
        commands.append(sent)
        counts[step] = (sent["kind"] == CommandKind.LIMIT).sum(), (sent["kind"] == CommandKind.MARKET).sum()
    return np.concatenate(commands), counts


@pytest.fixture(scope="module")
def flow() -> tuple[NDArray[np.void], NDArray[Any]]:
    return flow_of(ZeroIntelligence(), quoted(), anchor=1000.0)


def assert_mean(values: NDArray[Any], expected: float) -> None:
    error = values.std() / math.sqrt(values.size)
    assert error < 0.1 * max(1.0, abs(expected)), "too few draws to tell"
    assert abs(values.mean() - expected) < 4 * error


def mean_of(quantiles: Sequence[float]) -> float:
    return (sum(quantiles) - 0.5 * (quantiles[0] + quantiles[-1])) / (len(quantiles) - 1)


def test_orders_come_as_poisson_processes_at_the_seats_share_of_the_calibrated_rates(flow: Any) -> None:
    _, counts = flow
    for column, rate in enumerate((FLOW.limit_rate, FLOW.market_rate)):
        expected = rate * 0.5 / SEATS
        assert_mean(counts[:, column], expected)
        assert counts[:, column].var() == pytest.approx(expected, rel=0.1)


def test_sizes_are_the_calibrated_ones(flow: Any) -> None:
    commands, _ = flow
    for kind, table in ((CommandKind.LIMIT, LIMIT_SIZES), (CommandKind.MARKET, MARKET_SIZES)):
        sizes = commands["quantity_lots"][commands["kind"] == kind]
        assert_mean(sizes, mean_of(table))
        assert (sizes.min(), sizes.max()) == (round(table[0]), round(table[-1]))


@pytest.mark.parametrize("side", [1, -1])
def test_limit_orders_lie_at_the_calibrated_distances_from_the_other_side(flow: Any, side: int) -> None:
    commands, _ = flow
    prices = commands["price_ticks"][(commands["kind"] == CommandKind.LIMIT) & (commands["side"] == side)]
    offsets = ASK - prices if side > 0 else prices - BID
    assert_mean(offsets, mean_of(OFFSETS))
    assert (offsets.min(), offsets.max()) == (1, round(OFFSETS[-1]))


def test_sides_are_even_and_independent_of_the_size(flow: Any) -> None:
    commands, _ = flow
    for kind in (CommandKind.LIMIT, CommandKind.MARKET):
        orders = commands[commands["kind"] == kind]
        assert_mean(orders["side"], 0.0)
        assert_mean(orders["side"] * (orders["quantity_lots"] - orders["quantity_lots"].mean()), 0.0)


def test_cancels_are_of_own_open_orders_at_the_calibrated_rate(flow: Any) -> None:
    commands, _ = flow
    canceled = commands["order_id"][commands["kind"] == CommandKind.CANCEL]
    assert set(canceled.tolist()) == set(OPEN.values())
    chance = 1 - math.exp(-FLOW.cancel_rate * 0.5 / SEATS / 12.0)
    for order_id in OPEN.values():
        share = (canceled == order_id).sum() / STEPS
        assert abs(share - chance) < 4 * math.sqrt(chance * (1 - chance) / STEPS)


def test_a_seat_with_as_many_orders_as_it_tends_to_cancels_at_the_calibrated_rate() -> None:
    agent = ZeroIntelligence(share=0.5, open_orders=1000.0)
    chance = agent.parameters(SPEC, SEATS)[2]
    assert 1000 * chance == pytest.approx(0.5 * FLOW.cancel_rate * 0.5 / SEATS, rel=1e-3)


def test_it_does_nothing_but_limit_market_and_cancel(flow: Any) -> None:
    kinds = set(flow[0]["kind"].tolist())
    assert kinds == {int(CommandKind.LIMIT), int(CommandKind.MARKET), int(CommandKind.CANCEL)}


@pytest.mark.parametrize(("anchor", "buys"), [(992.0, 0.5 - 0.05 * 2), (1004.0, 0.5 + 0.05), (2000.0, 1.0), (0.0, 0.0)])
def test_it_reverts_to_its_first_reference_price(anchor: float, buys: float) -> None:
    commands, _ = flow_of(ZeroIntelligence(conviction=0.05), quoted(), anchor)
    for kind in (CommandKind.LIMIT, CommandKind.MARKET):
        sides = commands["side"][commands["kind"] == kind]
        expected = 2 * buys - 1
        assert abs(sides.mean() - expected) <= 4 * math.sqrt(max(0.0, 1 - expected**2) / sides.size)


def test_the_price_it_reverts_to_is_the_first_reference_price() -> None:
    seat, params = seat_record(random_key=1), params_record(ZeroIntelligence().parameters(SPEC, SEATS))
    for price in (1000.0, 1234.0):
        begin_stream(seat, 0)
        decide(ZeroIntelligence().trader.address, 0, public_record(reference_ticks=price), seat, params)
        assert seat["agent"]["memory"][0] == 1000.0


def test_in_an_empty_market_it_quotes_half_a_price_scale_around_the_reference_price() -> None:
    commands, _ = flow_of(ZeroIntelligence(), public_record(), anchor=1000.0)
    for side in (1, -1):
        prices = commands["price_ticks"][(commands["kind"] == CommandKind.LIMIT) & (commands["side"] == side)]
        assert_mean(side * (1000 + side * 2 - prices), mean_of(OFFSETS))
        assert (side * (1000 - prices)).min() == 1 - 2


def test_an_offset_across_the_other_side_becomes_a_tick() -> None:
    spec = market_spec(flow=order_flow(limit_offset_ticks=[-50.0] * 16 + [3.0]))
    seat, params = seat_record(random_key=2), params_record(ZeroIntelligence().parameters(spec, 1))
    prices = set()
    for step in range(200):
        begin_stream(seat, step)
        decide(ZeroIntelligence().trader.address, 0, quoted(), seat, params)
        sent = seat["command"][: seat["command_count"]]
        prices |= {int(row["side"] * row["price_ticks"]) for row in sent[sent["kind"] == CommandKind.LIMIT]}
    assert max(price for price in prices if price > 0) == ASK - 1
    assert max(price for price in prices if price < 0) == -(BID + 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("share", 0.0), ("share", -1.0), ("open_orders", 0.0), ("open_orders", -3.0), ("conviction", -0.1)],
)
def test_a_parameter_that_is_none_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"zero_intelligence.{name} is {value}; it must be"):
        ZeroIntelligence(**{name: value})
