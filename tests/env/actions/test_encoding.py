"""An action encoder inverts its decoder, and finds the nearest action to any other commands."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.env.actions.limit_continuous import LimitContinuous
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.quotes import Quotes
from marl_market.env.actions.target_position import TargetPosition
from marl_market.env.interface.spaces import num_choices_of
from marl_market.exchange.codes import CommandKind
from tests.builders import market_spec, params_record, public_record, show_levels
from tests.env.actions.test_limit_orders import seat_with
from tests.env.calls import call_trader_at, decide_by

LIMIT, MARKET, STOP = int(CommandKind.LIMIT), int(CommandKind.MARKET), int(CommandKind.STOP)
CANCEL, CANCEL_ALL, REPLACE = int(CommandKind.CANCEL), int(CommandKind.CANCEL_ALL), int(CommandKind.REPLACE)
NO_EFFECT = None

# A price scale is 4 ticks, a size scale 6 lots, the reference price 1000.
QUOTES = Quotes(nearest=-0.5, farthest=1.5, largest=2.0, position_limit=30.0)
GRID = LimitGrid(levels=(-0.5, 1.0, 2.0), sizes=(0.5, 1.0), position_limit=30.0)
ONE_BY_ONE = OrderByOrder(levels=(-0.5, 1.0, 2.0), sizes=(0.5, 1.0), position_limit=30.0)
CONTINUOUS = LimitContinuous(nearest=-0.5, farthest=1.5, largest=2.0, position_limit=30.0)
SCHEMES = [
    QUOTES,
    GRID,
    ONE_BY_ONE,
    CONTINUOUS,
    MarketDiscrete(position_limit=30.0),
    MarketSize(position_limit=30.0),
    TargetPosition(smallest=0.0, position_limit=4.0),
]


def encoded(scheme: Any, public: Any, seat: Any) -> list[float | None]:
    """Return the closest action to the seat's commands; None for a number without effect."""
    seat["agent"]["action"][:] = 77.0
    call_trader_at(scheme.encoder.address, public, seat, params_record(scheme.parameters(market_spec())))
    assert (seat["agent"]["action"][scheme.size :] == 77.0).all()
    numbers = [float(number) for number in seat["agent"]["action"][: scheme.size]]
    choices = num_choices_of(scheme.space)
    for place, number in enumerate(numbers):
        if choices is None:
            assert math.isnan(number) or -1.0 <= number <= 1.0
        else:
            assert math.isnan(number) or number in range(choices[place])
    return [None if math.isnan(number) else number for number in numbers]


def encode(
    scheme: Any, commands: Sequence[tuple[int, int, int, int]], orders: Sequence[tuple[int, int, int]] = (),
    position: int = 0, order_ids: Sequence[int] = (), public: Any = None,
) -> list[float | None]:  # fmt: skip
    """Return the encoded action of commands (kind, side, price, lots) and open orders (side, price, lots)."""
    seat = seat_with(orders, position)
    for number, (kind, side, price, lots) in enumerate(commands):
        command = seat["command"][number]
        command["kind"], command["side"], command["price_ticks"], command["quantity_lots"] = kind, side, price, lots
        command["order_id"] = order_ids[number] if order_ids else 0
    seat["command_count"] = len(commands)
    return encoded(scheme, public_record() if public is None else public, seat)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: type(scheme).__name__)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_decoding_an_encoded_decision_gives_it_back(scheme: Any, data: st.DataObject) -> None:
    choices = num_choices_of(scheme.space)
    numbers = st.tuples(
        *[
            st.floats(-1.0, 1.0, width=32) if choices is None else st.integers(0, int(choices[place]) - 1)
            for place in range(scheme.size)
        ]
    )
    seat = seat_with(position=data.draw(st.integers(-20, 20)))
    public = public_record(reference_ticks=1000.0 + data.draw(st.sampled_from([0.0, 0.5, 0.25])))
    decided = decide_by(scheme, data.draw(numbers), public, seat)
    action = encoded(scheme, public, seat)
    again = decide_by(scheme, [0.0 if number is None else number for number in action], public, seat)
    # To cancel what is not there is to do nothing.
    assert [command for command in again if command[0] != CANCEL_ALL] == [
        command for command in decided if command[0] != CANCEL_ALL
    ]


def test_quotes_encode_two_quotes_and_their_distances() -> None:
    assert encode(QUOTES, [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 998, 6), (LIMIT, -1, 1006, 3)], [(1, 990, 5)]) == [
        0.0, 1.0, 0.0, -0.5,
    ]  # fmt: skip


def test_quotes_take_the_best_order_of_a_side_kept_ones_too() -> None:
    ladder = [(LIMIT, 1, 996, 3), (LIMIT, 1, 998, 2), (LIMIT, 1, 998, 4)]
    assert encode(QUOTES, ladder, [(-1, 1002, 3), (-1, 1004, 3)]) == [0.0, 0.0, 0.0, -0.5]


def test_quotes_leave_a_side_empty_where_nothing_is_wanted() -> None:
    canceled = [(CANCEL, 0, 0, 0), (LIMIT, -1, 1000, 12)]
    assert encode(QUOTES, canceled, [(1, 998, 6)], order_ids=[100, 0]) == [NO_EFFECT, -0.5, -1.0, 1.0]


def test_quotes_reach_as_far_as_they_can_for_a_market_order() -> None:
    assert encode(QUOTES, [(MARKET, 1, 0, 50)]) == [-1.0, NO_EFFECT, 1.0, -1.0]


def test_a_stop_is_no_quote() -> None:
    assert encode(QUOTES, [(STOP, 1, 0, 6)])[2:] == [-1.0, -1.0]


@pytest.mark.parametrize(("lots", "choice"), [(6, 1.0), (4, 1.0), (3, 0.0), (-3, 0.0), (-4, 2.0), (-60, 2.0)])
def test_market_choices_take_what_is_nearest(lots: int, choice: float) -> None:
    side = 1 if lots > 0 else -1
    assert encode(MarketDiscrete(), [(MARKET, side, 0, abs(lots))]) == [choice]


def test_a_limit_order_takes_where_it_crosses_the_best_quote() -> None:
    public = public_record()
    show_levels(public, [(998, 5)], [(1002, 5)])
    for price, share in ((1001, 0.0), (1002, 0.5), (1005, 0.5)):
        assert encode(MarketSize(largest=2.0), [(LIMIT, 1, price, 6)], public=public) == [share]
    assert encode(MarketSize(largest=2.0), [(LIMIT, -1, 998, 6), (MARKET, 1, 0, 3)], public=public) == [-0.25]
    assert encode(MarketSize(largest=2.0), [(LIMIT, 1, 2000, 6)]) == [0.0], "no quotes to take"


def test_a_target_is_where_the_trades_lead() -> None:
    assert encode(TargetPosition(position_limit=3.0), [(MARKET, -1, 0, 6)], position=15) == [0.5]
    assert encode(TargetPosition(position_limit=3.0), [], position=-9) == [-0.5]


# In the grid, choices 2 to 7 are bids (three levels of two sizes) and 8 to 13 asks.
def test_the_grid_takes_the_nearest_cell() -> None:
    assert encode(GRID, [(LIMIT, 1, 997, 5)]) == [5.0]
    assert encode(GRID, [(LIMIT, -1, 1030, 4)]) == [12.0]
    assert encode(GRID, [(MARKET, -1, 0, 50)]) == [9.0]


def test_the_grid_sends_what_is_missing_and_first_what_reduces_the_position() -> None:
    quotes = [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 996, 6), (LIMIT, -1, 1004, 6)]
    assert encode(GRID, quotes) == [5.0]
    assert encode(GRID, quotes, position=3) == [11.0]
    assert encode(GRID, quotes, [(-1, 1005, 2)], position=3) == [5.0], "the ask lies at its level already"
    assert encode(GRID, quotes, [(-1, 1005, 2), (1, 995, 2)]) == [0.0], "both do"
    assert encode(GRID, [], [(-1, 1020, 2)]) == [0.0], "an order that is not canceled is wanted"


def test_the_grid_cancels_unwanted_orders_before_it_sends() -> None:
    assert encode(GRID, [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 996, 6)], [(1, 992, 6)]) == [1.0]
    assert encode(GRID, [(CANCEL, 0, 0, 0)], [(1, 992, 6)], order_ids=[100]) == [1.0]
    assert encode(GRID, [(CANCEL, 0, 0, 0)], [(1, 992, 6)], order_ids=[7]) == [0.0]


def test_a_continuous_limit_order_cancels_and_sends_at_once() -> None:
    assert encode(CONTINUOUS, [(CANCEL_ALL, 0, 0, 0), (LIMIT, -1, 1002, 6)], [(-1, 1004, 6)]) == [
        0.0,
        -0.5,
        1.0,
    ]
    assert encode(CONTINUOUS, [(LIMIT, 1, 1002, 12)]) == [-1.0, 1.0, -1.0]
    assert encode(CONTINUOUS, [(CANCEL_ALL, 0, 0, 0), (LIMIT, -1, 1004, 6)], [(-1, 1004, 6)]) == [
        NO_EFFECT, 0.0, -1.0,
    ]  # fmt: skip


HOLD, BID, ASK, WITHDRAW, CHANGE = (float(kind) for kind in range(5))


def test_one_order_replaces_another_of_its_side() -> None:
    orders = [(1, 996, 6), (1, 992, 6), (-1, 1008, 6)]
    quotes = [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 996, 6), (LIMIT, -1, 1004, 3)]
    # The bid at 992 is the one wanted no more that was sent last and so lies in an earlier slot than the ask.
    assert encode(ONE_BY_ONE, quotes, [orders[0], orders[2]]) == [CHANGE, 4.0, 1.0, 0.0]
    assert encode(ONE_BY_ONE, [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 996, 6)], orders[:2]) == [
        WITHDRAW, 1.0, NO_EFFECT, NO_EFFECT,
    ]  # fmt: skip
    assert encode(ONE_BY_ONE, [(REPLACE, 1, 992, 3)], orders[:1], order_ids=[100]) == [CHANGE, 0.0, 2.0, 0.0]


def test_one_order_after_the_other_until_nothing_is_missing() -> None:
    quotes = [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 996, 6), (LIMIT, -1, 1004, 3)]
    assert encode(ONE_BY_ONE, quotes) == [BID, NO_EFFECT, 1.0, 1.0]
    assert encode(ONE_BY_ONE, quotes, [(1, 996, 6)]) == [ASK, NO_EFFECT, 1.0, 0.0]
    assert encode(ONE_BY_ONE, quotes, [(1, 996, 6), (-1, 1004, 1)]) == [HOLD, *[NO_EFFECT] * 3]


def test_a_number_without_effect_is_nan() -> None:
    seat = seat_with()
    assert encoded(QUOTES, public_record(), seat)[0] is None
    assert np.isnan(seat["agent"]["action"][0])
