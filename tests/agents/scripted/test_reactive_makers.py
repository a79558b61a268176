"""Reactive makers: where their orders are placed, how large they are, and when they are canceled."""

from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.reactive_makers import FLEETING, HAZARDS, ReactiveMakers, joined_price
from marl_market.exchange.commands import NEWEST_ORDER
from marl_market.market.reactive_flow import AGES, ATOMS, DELAYS, KNOTS, PLACES, REGIMES, SIZE_CLASSES, SPREADS
from marl_market.market.validation import ConfigError
from tests.agents.scripted.reactive_seat import ReactiveSeat, spec_with
from tests.agents.scripted.trader_seat import CANCEL, LIMIT, quoted
from tests.builders import public_record, show_levels

STILL: dict[str, Any] = {"following": 0.0, "fleeing": 0.0, "joining": 0.0, "canceling": 1.0}
NO_CANCELS = np.zeros((SIZE_CLASSES, SPREADS, AGES, PLACES))


def offsets_by_state() -> np.ndarray:
    """Return constant distances: 1 + the state of the spread + 10 times that of volatility."""
    table = np.ones((REGIMES, SPREADS, KNOTS)) + np.arange(SPREADS)[None, :, None]
    return table + 10.0 * np.arange(REGIMES)[:, None, None]


OFFSETS = spec_with(
    spread_edges=(2, 4, 6, 8, 10, 12, 14), offset_ticks=offsets_by_state(), cancel_hazard=NO_CANCELS
)  # fmt: skip


@pytest.mark.parametrize(("spread", "state"), [(1, 0), (4, 2), (13, 6), (40, 7)])
@pytest.mark.parametrize("regime", [0, 2])
def test_a_quote_is_at_the_distance_of_its_state(spread: int, state: int, regime: int) -> None:
    maker = ReactiveSeat(ReactiveMakers(**STILL), OFFSETS)
    maker.see(value=1000.0 + spread / 2, due=2.0, regime=regime)
    orders = maker.all_orders(quoted(1000, 1000 + spread), 100)
    distance = 1 + state + 10 * regime
    assert set(map(tuple, orders[:, :3])) == {
        (LIMIT, 1, 1000 + spread - distance), (LIMIT, -1, 1000 + distance)
    }  # fmt: skip


def test_orders_come_at_the_rate_that_is_due_and_on_both_sides() -> None:
    maker = ReactiveSeat(ReactiveMakers(**STILL), OFFSETS)
    maker.see(value=1001.0, due=0.3)
    orders = maker.all_orders(quoted(1000, 1002), 8000)
    assert len(orders) / 8000 == pytest.approx(0.3, rel=0.06)
    assert (orders[:, 1] > 0).mean() == pytest.approx(0.5, abs=0.03)


def test_quotes_move_towards_the_value() -> None:
    maker = ReactiveSeat(ReactiveMakers(**{**STILL, "following": 0.5}), OFFSETS)
    maker.see(value=1007.0, due=2.0)  # four ticks above the mid
    orders = maker.all_orders(quoted(998, 1008), 100)
    assert set(map(tuple, orders[:, :2])) == {(LIMIT, 1), (LIMIT, -1)}
    # five states up: six ticks from the other side, moved by two
    assert set(orders[:, 2].tolist()) == {1008 - 6 + 2, 998 + 6 + 2}


def test_sizes_are_those_of_their_place() -> None:
    sizes = np.full((PLACES, ATOMS), 3.0)
    sizes[0], sizes[1:, : ATOMS // 4] = 7.0, 50.0
    offsets = np.ones((REGIMES, SPREADS, KNOTS))
    offsets[..., KNOTS // 2 :] = 9.0
    spec = spec_with(limit_size_lots=sizes, offset_ticks=offsets, cancel_hazard=NO_CANCELS)
    maker = ReactiveSeat(ReactiveMakers(**STILL), spec)
    maker.see(value=1002.0, due=2.0)
    orders = maker.all_orders(quoted(1000, 1004), 1500)
    away = np.where(orders[:, 1] > 0, 1000 - orders[:, 2], orders[:, 2] - 1004)
    assert set(orders[away <= 0, 3].tolist()) == {7}
    assert set(orders[away > 0, 3].tolist()) == {3, 50}
    assert (orders[away > 0, 3] == 50).mean() == pytest.approx(0.25, abs=0.04)


def test_a_joining_order_takes_the_next_price_at_which_others_wait() -> None:
    public = public_record()
    show_levels(public, bids=[(1000, 5), (996, 5)], asks=[(1004, 5), (1009, 5)])
    assert [joined_price(public, 1, price) for price in (1001.0, 1000.0, 999.0, 996.0, 995.0)] == [
        1001.0, 1000.0, 996.0, 996.0, 995.0
    ]  # fmt: skip
    assert [joined_price(public, -1, price) for price in (1003.0, 1005.0, 1010.0)] == [1003.0, 1009.0, 1010.0]


def share_canceled(maker: ReactiveSeat, public: Any, times: int) -> dict[int, float]:
    """Return how often each of the orders is canceled in a decision."""
    counts: dict[int, int] = {}
    for _ in range(times):
        maker.commands(public)
        sent = maker.seat["command"][: maker.seat["command_count"]]
        for order_id in sent["order_id"][sent["kind"] == CANCEL].tolist():
            counts[order_id] = counts.get(order_id, 0) + 1
    return {order_id: count / times for order_id, count in counts.items()}


def test_an_order_is_canceled_at_the_hazard_of_its_age_and_place() -> None:
    hazards = np.zeros((SIZE_CLASSES, SPREADS, AGES, PLACES))
    hazards[..., 0, 0], hazards[..., 0, 2], hazards[..., 3, 0] = 0.4, 1.6, 0.8
    spec = spec_with(
        age_edges=(1, 2, 3, 4, 5, 6, 7, 8), place_edges=(1, 5, 9, 13, 17), cancel_hazard=hazards,
        spread_edges=(2, 4, 6, 8, 10, 12, 14),
    )  # fmt: skip
    maker = ReactiveSeat(ReactiveMakers(**{**STILL, "canceling": 0.5}), spec)
    maker.see(value=1002.0, due=1.6)  # a fifth of a second of activity: eight orders come in a second
    public = quoted(1000, 1004, time_ns=100 * 10**9)
    for slot, (price, age) in enumerate(((1000, 0.5), (994, 0.5), (1000, 3.5), (990, 0.5))):
        maker.rest(slot, 1, price, 1, order_id=50 + slot)
        maker.seat["order"][slot]["time_ns"] = round((100 - age) * 1e9)
    found = share_canceled(maker, public, 6000)
    for order, hazard in ((50, 0.2), (51, 0.8), (52, 0.4)):
        assert found[order] == pytest.approx(1 - np.exp(-hazard * 0.2), rel=0.15)
    assert 53 not in found


def test_hazards_differ_by_the_size_of_the_order() -> None:
    hazards = np.zeros((SIZE_CLASSES, SPREADS, AGES, PLACES))
    hazards[0] = 2.0
    maker = ReactiveSeat(ReactiveMakers(**STILL), spec_with(cancel_hazard=hazards, size_edges=(10,)))
    maker.see(value=1002.0, due=4.0)
    for slot, lots in enumerate((9, 10)):
        maker.rest(slot, 1, 1000, lots, order_id=50 + slot)
        maker.seat["order"][slot]["total_lots"] = lots
    found = share_canceled(maker, quoted(1000, 1004), 1000)
    assert found == {50: pytest.approx(1 - np.exp(-1.0), abs=0.05)}


def test_an_order_that_the_value_threatens_flees() -> None:
    maker = ReactiveSeat(ReactiveMakers(**{**STILL, "fleeing": 4.0, "reach": 0.5}), spec_with(cancel_hazard=NO_CANCELS))
    for slot, (side, price) in enumerate(((1, 1000), (1, 995), (-1, 1004))):
        maker.rest(slot, side, price, 1, order_id=50 + slot)
    maker.see(value=999.0, due=4.0)  # half a second of activity; the bid is one tick too high, and within two
    found = share_canceled(maker, quoted(1000, 1004), 3000)
    # one a second for each tick: three ticks too near
    assert found == {50: pytest.approx(1 - np.exp(-3 * 0.5), rel=0.06)}


def test_a_fleeting_order_is_sent_with_its_own_cancel() -> None:
    shares = np.zeros((SIZE_CLASSES, SPREADS, PLACES))
    shares[..., 1] = 1.0  # of orders one to four ticks behind the best price
    spec = spec_with(
        fleeting=shares, fleeting_life=np.full(DELAYS, 0.003), place_edges=(1, 5, 9, 13, 17), cancel_hazard=NO_CANCELS,
        offset_ticks=np.full((REGIMES, SPREADS, KNOTS), 6.0),
    )  # fmt: skip
    maker = ReactiveSeat(ReactiveMakers(**STILL), spec)
    for spread, fleeting in ((4, True), (6, False)):  # two ticks behind, and at the best price
        maker.see(value=1000 + spread / 2, due=3.0)
        maker.commands(quoted(1000, 1000 + spread))
        sent = maker.seat["command"][: maker.seat["command_count"]]
        assert sent.size > 1
        assert (
            (sent["kind"] == CANCEL).tolist() == [False, True] * (sent.size // 2) if fleeting else [False] * sent.size
        )
        if fleeting:
            assert set(sent["order_id"][1::2].tolist()) == {NEWEST_ORDER}
            assert sent["after_ns"][1::2] - sent["after_ns"][::2] == pytest.approx(3e6, abs=2)


def test_a_seat_without_room_cancels_its_farthest_order() -> None:
    maker = ReactiveSeat(ReactiveMakers(**STILL), OFFSETS)
    maker.see(value=1001.0, due=30.0)
    for slot in range(30):
        maker.rest(slot, 1, 990 - slot, 1, order_id=50 + slot)
    commands = maker.commands(quoted(1000, 1002))
    assert commands[0][0] == CANCEL
    assert maker.seat["command"][0]["order_id"] == 79
    assert sum(kind == LIMIT for kind, *_ in commands) <= 1


def test_an_empty_side_is_filled_at_once() -> None:
    maker = ReactiveSeat(ReactiveMakers(**STILL), OFFSETS)
    maker.see(due=0.0)
    orders = maker.all_orders(public_record(), 50)
    assert len(orders) == pytest.approx(50, rel=0.4)


def test_hazards_are_equal_in_every_state_where_nothing_was_estimated() -> None:
    assert ReactiveMakers().parameters(spec_with(), 4)[HAZARDS:FLEETING] == pytest.approx([4.0 / 250.0] * 864)


def test_a_field_that_is_impossible_is_named() -> None:
    with pytest.raises(ConfigError, match=r"reactive_makers.joining is 2.0; it must be at most 1"):
        ReactiveMakers(joining=2.0)
