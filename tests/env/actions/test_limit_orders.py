from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from marl_market.env.actions.limit_continuous import LimitContinuous
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.exchange.codes import CommandKind
from marl_market.exchange.records import BUY_STOPS, SEAT_ORDERS
from tests.builders import public_record, seat_record
from tests.env.calls import decide_by, mask_of

LIMIT, CANCEL, CANCEL_ALL = int(CommandKind.LIMIT), int(CommandKind.CANCEL), int(CommandKind.CANCEL_ALL)
CHANGE = int(CommandKind.REPLACE)
HOLD, BID, ASK, WITHDRAW, REPLACE = range(5)


def seat_with(orders: Sequence[tuple[int, int, int]] = (), position: int = 0) -> Any:
    """Return a seat with open orders (side, price, lots): the first came first and lies in the last slot."""
    seat = seat_record()
    seat["account"]["position"] = position
    for place, (side, price, lots) in enumerate(orders):
        slot = len(orders) - 1 - place
        order = seat["order"][slot]
        order["order_id"], order["side"], order["ladder"] = 100 + place, side, (1 - side) // 2
        order["price_ticks"], order["leaves_quantity"] = price, lots
        seat["live"] |= np.uint64(1 << slot)
        seat["account"]["open_lots"][(1 - side) // 2] += lots
    return seat


def full_seat() -> Any:
    return seat_with([(1, 900 - place, 1) for place in range(SEAT_ORDERS)])


# A price scale is 4 ticks, a size scale 6 lots, the reference price 1000.
GRID = LimitGrid(levels=(-0.5, 1.0, 2.0), sizes=(0.5, 1.0), position_limit=3.0)


def test_every_cell_of_the_grid_is_its_own_order() -> None:
    orders = [decide_by(GRID, [choice], public_record(), seat_with()) for choice in range(2, 14)]
    expected = [
        [(LIMIT, side, 1000 - side * distance, lots)]
        for side in (1, -1)
        for distance in (-2, 4, 8)
        for lots in (3, 6)
    ]  # fmt: skip
    assert orders == expected


def test_the_grid_holds_and_cancels() -> None:
    assert decide_by(GRID, [0], public_record(), seat_with([(1, 990, 2)])) == []
    assert decide_by(GRID, [1], public_record(), seat_with([(1, 990, 2)])) == [(CANCEL_ALL, 0, 0, 0)]


def test_the_grid_counts_open_orders_against_the_position_limit() -> None:
    seat = seat_with([(1, 990, 10)], position=4)  # 18 - 4 - 10 lots to buy, 18 + 4 to sell
    assert decide_by(GRID, [3], public_record(), seat) == [(LIMIT, 1, 1002, 4)]
    assert decide_by(GRID, [9], public_record(), seat) == [(LIMIT, -1, 998, 6)]


def test_the_grid_masks_sides_without_room_and_cancels_without_orders() -> None:
    assert mask_of(GRID, public_record(), seat_with()) == [1, 0] + 12 * [1]
    assert mask_of(GRID, public_record(), seat_with([(1, 990, 10)], position=8)) == [1, 1] + 6 * [0] + 6 * [1]
    assert mask_of(GRID, public_record(), seat_with(position=-18)) == [1, 0] + 6 * [1] + 6 * [0]
    assert mask_of(GRID, public_record(), full_seat()) == [1, 1] + 12 * [0]


def test_limit_continuous_places_one_order() -> None:
    scheme = LimitContinuous(nearest=-0.5, farthest=1.5, largest=2.0, position_limit=3.0)  # -2 to 6 ticks, 12, 18 lots
    public = public_record()
    assert decide_by(scheme, [-1, 1, 0], public, seat_with()) == [(LIMIT, 1, 1002, 12)]
    assert decide_by(scheme, [1, -0.5, -1], public, seat_with()) == [(LIMIT, -1, 1006, 6)]
    assert decide_by(scheme, [0, 0.02, -1], public, seat_with()) == []
    assert decide_by(scheme, [0, 1, -1], public, seat_with([(1, 990, 10)], position=5)) == [(LIMIT, 1, 998, 3)]


def test_limit_continuous_has_the_room_of_what_it_cancels() -> None:
    scheme = LimitContinuous(nearest=-0.5, farthest=1.5, largest=2.0, position_limit=3.0)
    commands = decide_by(scheme, [0, 1, 0.1], public_record(), seat_with([(1, 990, 10)], position=5))
    assert commands == [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 998, 12)]
    assert decide_by(scheme, [0, 0, 0.1], public_record(), seat_with()) == [(CANCEL_ALL, 0, 0, 0)]


SINGLE = OrderByOrder(levels=(-0.5, 1.0, 2.0), sizes=(0.5, 1.0), position_limit=3.0)
# By priority: bids 995 (id 102), 990 (100), 990 (103), asks 1004 (104), 1010 (101).
OWN = [(1, 990, 2), (-1, 1010, 3), (1, 995, 1), (1, 990, 4), (-1, 1004, 2)]


def named(seat: Any) -> list[int]:
    """Return the order that each command names."""
    return [int(row["order_id"]) for row in seat["command"][: seat["command_count"]]]


def test_order_by_order_submits() -> None:
    public = public_record()
    assert decide_by(SINGLE, [HOLD, 3, 1, 1], public, seat_with(OWN)) == []
    assert decide_by(SINGLE, [BID, 3, 0, 1], public, seat_with()) == [(LIMIT, 1, 1002, 6)]
    assert decide_by(SINGLE, [ASK, 0, 2, 0], public, seat_with()) == [(LIMIT, -1, 1008, 3)]
    assert decide_by(SINGLE, [BID, 0, 1, 1], public, seat_with(OWN, position=9)) == [(LIMIT, 1, 996, 2)]
    assert decide_by(SINGLE, [BID, 0, 1, 1], public, seat_with(OWN, position=11)) == []


@pytest.mark.parametrize(("place", "order_id"), [(0, 102), (1, 100), (2, 103), (4, 104), (5, 101)])
def test_order_by_order_cancels_any_own_order_by_priority(place: int, order_id: int) -> None:
    seat = seat_with(OWN)
    assert decide_by(SINGLE, [WITHDRAW, place, 0, 0], public_record(), seat) == [(CANCEL, 0, 0, 0)]
    assert named(seat) == [order_id]


@pytest.mark.parametrize("kind", [WITHDRAW, REPLACE])
@pytest.mark.parametrize("place", [3, 6, 7])
def test_order_by_order_does_nothing_to_an_order_there_is_not(kind: int, place: int) -> None:
    assert decide_by(SINGLE, [kind, place, 0, 0], public_record(), seat_with(OWN)) == []


def test_order_by_order_replaces() -> None:
    seat = seat_with(OWN)
    assert decide_by(SINGLE, [REPLACE, 5, 1, 1], public_record(), seat) == [(CHANGE, -1, 1004, 6)]
    assert named(seat) == [101]
    seat = seat_with(OWN, position=13)  # 18 - 13 - 7 + 4 lots
    assert decide_by(SINGLE, [REPLACE, 2, 2, 1], public_record(), seat) == [(CHANGE, 1, 992, 2)]
    assert named(seat) == [103]
    seat = seat_with(OWN, position=15)
    assert decide_by(SINGLE, [REPLACE, 2, 2, 1], public_record(), seat) == [(CANCEL, 0, 0, 0)]
    assert named(seat) == [103]
    seat = seat_with(OWN, position=13)
    seat["order"][1]["reserve_quantity"] = 3  # of the order with id 103; open lots count hidden ones
    seat["account"]["open_lots"][0] += 3
    assert decide_by(SINGLE, [REPLACE, 2, 2, 1], public_record(), seat) == [(CHANGE, 1, 992, 2)]


def test_order_by_order_names_no_order_that_waits_for_its_trigger() -> None:
    seat = seat_with(OWN)
    seat["order"][2]["ladder"] = BUY_STOPS  # id 102, else the best bid
    assert decide_by(SINGLE, [WITHDRAW, 0, 0, 0], public_record(), seat) == [(CANCEL, 0, 0, 0)]
    assert named(seat) == [100]


def test_order_by_order_masks_kinds_and_places() -> None:
    grid = 5 * [1]
    assert mask_of(SINGLE, public_record(), seat_with()) == [1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, *grid]
    assert mask_of(SINGLE, public_record(), seat_with(OWN, 11)) == [1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, *grid]
    assert mask_of(SINGLE, public_record(), full_seat()) == [1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, *grid]


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: LimitGrid(levels=()), r"action.levels is \(\)"),
        (lambda: LimitGrid(levels=(1.0, 1.0)), r"action.levels is \(1.0, 1.0\); it must be 1 to 10 rising numbers"),
        (lambda: LimitGrid(sizes=range(1, 12)), "action.sizes"),
        (lambda: OrderByOrder(sizes=(0.0, 1.0)), r"action.sizes is \(0.0, 1.0\); it must be above zero"),
        (lambda: OrderByOrder(position_limit=0.0), "action.position_limit is 0.0"),
        (lambda: LimitContinuous(nearest=2.0), "action.nearest is 2.0; it must be below action.farthest 0.75"),
    ],
)
def test_a_grid_that_is_none_is_named(build: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()


# -2 to 6 ticks, 12 lots at most, of which the position may be 18.
MIXED = OrderMixed(nearest=-0.5, farthest=1.5, largest=2.0, position_limit=3.0)


def test_order_mixed_keeps_or_replaces_what_is_open() -> None:
    public, withdraw = public_record(), (CANCEL_ALL, 0, 0, 0)
    assert decide_by(MIXED, [0, 1, 1], public, seat_with([(1, 990, 2)])) == []
    assert decide_by(MIXED, [1, -1, 1], public, seat_with()) == [withdraw, (LIMIT, 1, 1002, 12)]
    assert decide_by(MIXED, [2, 1, -1], public, seat_with()) == [withdraw, (LIMIT, -1, 1006, 1)]
    assert decide_by(MIXED, [2, 0, 0], public, seat_with()) == [withdraw, (LIMIT, -1, 1002, 7)]


def test_order_mixed_has_the_room_of_what_it_withdraws() -> None:
    public, seat = public_record(), seat_with([(1, 990, 10)], position=13)
    assert decide_by(MIXED, [1, 0, 1], public, seat)[1:] == [(LIMIT, 1, 998, 5)]
    assert mask_of(MIXED, public, seat) == [1, 1, 1]
    assert mask_of(MIXED, public, seat_with(position=18)) == [1, 0, 1]
    assert mask_of(MIXED, public, seat_with(position=-18)) == [1, 1, 0]
    assert decide_by(MIXED, [1, 0, 1], public, seat_with(position=18)) == [(CANCEL_ALL, 0, 0, 0)]


@pytest.mark.parametrize(("field", "value"), [("nearest", 2.0), ("largest", 0.0), ("position_limit", -1.0)])
def test_order_mixed_names_a_wrong_field(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"action.{field} is {value}"):
        OrderMixed(**{field: value})
