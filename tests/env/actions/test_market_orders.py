from typing import Any

import pytest

from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.actions.market_size import MarketSize
from marl_market.env.actions.target_position import TargetPosition
from marl_market.exchange.codes import CommandKind
from tests.builders import public_record, seat_record, show_levels
from tests.env.calls import decide_by, mask_of

MARKET = int(CommandKind.MARKET)


def seat_with(position: int) -> Any:
    seat = seat_record()
    seat["account"]["position"] = position
    return seat


def trades(scheme: Any, number: float, position: int = 0) -> list[tuple[int, int]]:
    """Return (side, quantity) of the market orders of an action; a size scale is 6 lots."""
    commands = decide_by(scheme, [number], public_record(), seat_with(position))
    assert all(kind == MARKET and price == 0 for kind, _, price, _ in commands)
    return [(side, quantity) for _, side, _, quantity in commands]


def test_market_discrete_holds_buys_and_sells() -> None:
    scheme = MarketDiscrete(quantity=1.5, position_limit=3.0)
    assert [trades(scheme, choice) for choice in (0, 1, 2)] == [[], [(1, 9)], [(-1, 9)]]


@pytest.mark.parametrize(
    ("position", "buys", "sells"), [(12, [(1, 6)], [(-1, 9)]), (18, [], [(-1, 9)]), (-17, [(1, 9)], [(-1, 1)])]
)
def test_market_discrete_keeps_to_the_position_limit(position: int, buys: list[Any], sells: list[Any]) -> None:
    scheme = MarketDiscrete(quantity=1.5, position_limit=3.0)
    assert (trades(scheme, 1, position), trades(scheme, 2, position)) == (buys, sells)


def test_market_discrete_masks_what_finds_no_room_or_no_counterpart() -> None:
    scheme, public = MarketDiscrete(position_limit=3.0), public_record()
    assert mask_of(scheme, public, seat_with(0)) == [1, 0, 0]
    show_levels(public, [(999, 5)], [])
    assert mask_of(scheme, public, seat_with(0)) == [1, 0, 1]
    show_levels(public, [(999, 5)], [(1001, 5)])
    assert mask_of(scheme, public, seat_with(0)) == [1, 1, 1]
    assert mask_of(scheme, public, seat_with(18)) == [1, 0, 1]
    assert mask_of(scheme, public, seat_with(-18)) == [1, 1, 0]


@pytest.mark.parametrize("number", [float("nan"), -3.0, 9.0, 0.4, 1.6])
def test_a_number_that_is_no_choice_gets_the_nearest(number: float) -> None:
    nearest = 0 if number != number or number < 0.5 else 2
    assert trades(MarketDiscrete(), number) == trades(MarketDiscrete(), nearest)


def test_market_size_is_signed_rounded_and_limited() -> None:
    scheme = MarketSize(largest=2.0, position_limit=3.0)
    assert [trades(scheme, size) for size in (1, -1, 0.5, -0.3, 0.04, 0, 7)] == [
        [(1, 12)], [(-1, 12)], [(1, 6)], [(-1, 4)], [], [], [(1, 12)],
    ]  # fmt: skip
    assert trades(scheme, 1, position=15) == [(1, 3)]
    assert trades(scheme, 1, position=18) == []
    assert trades(scheme, -1, position=18) == [(-1, 12)]


def test_target_position_trades_the_difference() -> None:
    scheme = TargetPosition(position_limit=3.0, smallest=0.5)  # 18 and 3 lots
    assert trades(scheme, 1.0) == [(1, 18)]
    assert trades(scheme, -0.5, position=4) == [(-1, 13)]
    assert trades(scheme, 0.0, position=-7) == [(1, 7)]
    assert trades(scheme, 0.5, position=6) == [(1, 3)]
    assert trades(scheme, 0.5, position=7) == []
    assert trades(scheme, 5.0, position=30) == [(-1, 12)]


def test_target_position_never_sends_nothing() -> None:
    assert trades(TargetPosition(smallest=0.0), 0.0) == []


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: MarketDiscrete(quantity=0.0), "action.quantity is 0.0"),
        (lambda: MarketSize(largest=-1.0), "action.largest is -1.0"),
        (lambda: TargetPosition(position_limit=0.0), "action.position_limit is 0.0"),
        (lambda: TargetPosition(smallest=-0.1), "action.smallest is -0.1"),
    ],
)
def test_a_size_that_makes_no_sense_is_named(build: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()
