"""Self- and cross-exciting flow: its rates, its bursts, and its branching ratios."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.hawkes import ANCHOR, BEGUN, TABLES, Hawkes, expected_count
from tests.agents.scripted.trader_seat import CANCEL, LIMIT, MARKET, SPEC, TraderSeat, quoted
from tests.builders import LIMIT_SIZES, public_record

LIMIT_BUY, MARKET_BUY, CANCEL_BUY, LIMIT_SELL, MARKET_SELL, CANCEL_SELL = range(6)
EVEN = Hawkes(conviction=0.0)


def test_base_rates_leave_room_for_the_excited_ones() -> None:
    # r = (2, .5, 1) a step on each side for one of two seats; same + opposite: (.4 .6 .2), (.01 .5 0), (.2 .5 .3)
    table = EVEN.parameters(SPEC, 2)
    assert table[3:6] == pytest.approx([2 - 0.8 - 0.3 - 0.2, 0.5 - 0.02 - 0.25, 1 - 0.4 - 0.25 - 0.3])
    assert table[0] == pytest.approx(0.5 ** (1 / 3))
    assert table[TABLES : TABLES + 17] == LIMIT_SIZES


def test_given_base_rates_are_a_second_and_a_side_whatever_the_market_has() -> None:
    agent = Hawkes(share=0.5, base=(3.0, 1.0, 2.0))
    assert agent.parameters(replace(SPEC, step_ns=100_000_000), 2)[3:6] == pytest.approx([0.075, 0.025, 0.05])


def excited(**counts: float) -> list[float]:
    """Return the means of the six types where the excitation of some is given, with twelve open orders."""
    trader = TraderSeat(EVEN)
    for slot in range(12):
        trader.rest(slot, 1 if slot < 6 else -1, 990, 1)
    trader.seat["agent"]["memory"][BEGUN] = 1.0
    for name, value in counts.items():
        trader.seat["agent"]["memory"][globals()[name]] = value
    return [float(expected_count(public_record(), trader.seat, trader.params["value"], kind)) for kind in range(6)]


def test_an_order_excites_its_own_and_the_other_side_by_the_branching_ratios() -> None:
    calm = np.array(excited())
    assert calm == pytest.approx([1.4, 0.46, 0.1] * 2)
    assert excited(MARKET_BUY=2.0) - calm == pytest.approx([1.0, 0.8, 0.8, 0.2, 0.2, 0.2])
    assert excited(LIMIT_SELL=10.0) - calm == pytest.approx([1.0, 0.0, 1.0, 3.0, 0.1, 1.0])


def test_cancels_come_in_proportion_to_the_open_orders_of_their_side() -> None:
    trader = TraderSeat(EVEN)
    for slot in range(9):
        trader.rest(slot, 1, 990, 1, order_id=50 + slot)
    table = trader.params["value"]
    assert expected_count(public_record(), trader.seat, table, CANCEL_BUY) == pytest.approx(0.1 * 9 / 6)
    assert expected_count(public_record(), trader.seat, table, CANCEL_SELL) == 0.0


def play(agent: Hawkes, steps: int, public: Any = None, **spec: Any) -> np.ndarray:
    """Return the number of limit and market buys and sells of each step, and check what is canceled."""
    trader = TraderSeat(agent, replace(SPEC, **spec))
    for slot in range(6):
        trader.rest(slot, 1 - 2 * (slot % 2), 990, 1, order_id=50 + slot)
    counts = np.zeros((steps, 6))
    for step in range(steps):
        trader.commands(public if public is not None else quoted())
        sent = trader.seat["command"][: trader.seat["command_count"]]
        for kind, side, order_id in zip(sent["kind"], sent["side"], sent["order_id"], strict=True):
            if kind == CANCEL:
                assert 50 <= order_id < 56
                side = 1 - 2 * ((order_id - 50) % 2)
            counts[step, {LIMIT: 0, MARKET: 1, CANCEL: 2}[int(kind)] + (3 if side < 0 else 0)] += 1
    return counts


SMALL = Hawkes(share=0.25, conviction=0.0, open_orders=6.0)


def test_the_whole_flow_has_the_calibrated_rates_and_comes_in_bursts() -> None:
    counts = play(SMALL, 12000)
    means = counts.mean(0)
    assert means == pytest.approx([1.0, 0.25, 0.5] * 2, rel=0.12)
    market = counts[:, MARKET_BUY]
    minutes = (market + counts[:, MARKET_SELL]).reshape(-1, 60).sum(1)
    assert minutes.var() > 2 * minutes.mean(), "the counts of a Poisson process have a variance equal to their mean"
    followed = np.corrcoef(market[:-1], counts[1:, LIMIT_BUY])[0, 1]
    crossed = np.corrcoef(market[:-1], counts[1:, LIMIT_SELL])[0, 1]
    assert followed > crossed > 0
    assert followed > 4 / math.sqrt(12000)


def test_without_branching_it_is_a_poisson_process() -> None:
    none = ((0.0,) * 3,) * 3
    counts = play(Hawkes(share=0.25, same=none, opposite=none, conviction=0.0, open_orders=6.0), 4000)
    assert counts[:, :2].mean(0) == pytest.approx([1.0, 0.25], rel=0.1)
    assert counts[:, LIMIT_BUY].var() == pytest.approx(1.0, rel=0.1)
    assert abs(np.corrcoef(counts[:-1, LIMIT_BUY], counts[1:, LIMIT_BUY])[0, 1]) < 4 / math.sqrt(4000)


@pytest.mark.parametrize(("anchor", "buys"), [(996.0, 0.5 - 0.05), (1008.0, 0.5 + 0.1), (2000.0, 1.0)])
def test_it_reverts_to_its_first_reference_price(anchor: float, buys: float) -> None:
    trader = TraderSeat(Hawkes(conviction=0.05))
    trader.seat["agent"]["memory"][[ANCHOR, BEGUN]] = (anchor, 1.0)
    means = [float(expected_count(public_record(), trader.seat, trader.params["value"], kind)) for kind in (0, 3)]
    assert means[0] / sum(means) == pytest.approx(buys)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"share": 0.0}, "hawkes.share is 0.0; it must be above zero"),
        ({"same": ((0.5, 0.1),) * 3}, "hawkes.same is"),
        ({"opposite": ((-0.1,) * 3,) * 3}, "hawkes.opposite is"),
        ({"base": (1.0, 2.0)}, r"hawkes.base is \(1.0, 2.0\); it must be 3 rates of zero or more"),
        ({"base": (1.0, 2.0, -1.0)}, "hawkes.base is"),
        ({"same": ((0.9,) * 3,) * 3}, "of spectral radius below 1"),
    ],
)
def test_a_parameter_that_is_none_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Hawkes(**changes)


def test_ratios_that_excite_more_than_the_market_has_are_named() -> None:
    with pytest.raises(ValueError, match="small enough for test's rates"):
        Hawkes(same=((0.3, 0.5, 0.1), (0.3, 0.4, 0.0), (0.1, 0.5, 0.2))).parameters(SPEC, 1)
