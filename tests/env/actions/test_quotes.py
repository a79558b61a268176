from collections.abc import Sequence

import pytest

from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import decide
from marl_market.exchange.codes import CommandKind
from tests.builders import actions, commands_of, environment, market_spec, params_record, public_record, seat_record

CANCEL_ALL = (int(CommandKind.CANCEL_ALL), 0, 0, 0)


def decode(
    action: Sequence[float], parameters: Sequence[float] = (-2.0, 10.0, 12.0, 30.0), position: int = 0,
    reference_ticks: float = 1000.0,
) -> list[tuple[int, int, int]]:  # fmt: skip
    """Return (side, price, quantity) of the quotes that replace all others."""
    seat = seat_record()
    seat["agent"]["action"][: len(action)] = action
    seat["account"]["position"] = position
    decide(
        0,
        Quotes().decoder.address,
        public_record(reference_ticks=reference_ticks),
        seat,
        params_record(parameters),
    )
    first, *quotes = commands_of(seat)
    assert first == CANCEL_ALL
    assert all(kind == CommandKind.LIMIT for kind, *_ in quotes)
    return [(side, price, quantity) for _, side, price, quantity in quotes]


def test_the_middle_of_the_action_space_is_the_middle_of_every_range() -> None:
    assert decode([0, 0, 0, 0]) == [(1, 996, 6), (-1, 1004, 6)]


def test_each_number_moves_its_own_quote_from_end_to_end() -> None:
    assert decode([-1, 1, 1, -0.5]) == [(1, 1002, 12), (-1, 1010, 3)]
    assert decode([1, -1, -0.5, 1]) == [(1, 990, 3), (-1, 998, 12)]
    assert decode([0.5, 0.25, 0.5, 0.25]) == [(1, 993, 9), (-1, 1006, 8)]


def test_what_lies_beyond_the_action_space_is_clipped() -> None:
    assert decode([-7, 9, 5, 1e30]) == decode([-1, 1, 1, 1])


def test_a_size_that_rounds_to_nothing_leaves_its_side_empty() -> None:
    assert decode([0, 0, -1, 0]) == [(-1, 1004, 6)]
    assert decode([0, 0, 0, -1]) == [(1, 996, 6)]
    assert decode([0, 0, -0.92, -0.91]) == [(-1, 1004, 1)]


def test_bids_and_asks_mirror_each_other_at_half_ticks() -> None:
    for reference in (1000.0, 1000.5, 1000.25):
        for distance in (-1.0, -0.3, 0.0, 0.37, 1.0):
            (_, bid, _), (_, ask, _) = decode([distance, distance, 0, 0], reference_ticks=reference)
            mirrored = decode([distance, distance, 0, 0], reference_ticks=-reference)
            assert (mirrored[0][1], mirrored[1][1]) == (-ask, -bid)


@pytest.mark.parametrize(
    ("position", "quantities"),
    [(0, {1: 12, -1: 12}), (25, {1: 5, -1: 12}), (-29, {1: 12, -1: 1}), (30, {-1: 12}), (-31, {1: 12}), (40, {-1: 12})],
)
def test_no_quote_is_larger_than_the_position_limit_leaves_room_for(position: int, quantities: dict[int, int]) -> None:
    assert {side: quantity for side, _, quantity in decode([0, 0, 1, 1], position=position)} == quantities


def test_parameters_are_in_ticks_and_whole_lots() -> None:
    spec = market_spec()
    assert (spec.price_scale_ticks, spec.size_scale_lots) == (4.0, 6.0)
    assert tuple(Quotes(-0.5, 2.0, 1.4, 3.3).parameters(spec)) == (-2.0, 8.0, 8.0, 20.0)
    assert tuple(Quotes(0.0, 1.0, 0.01, 0.01).parameters(spec)) == (0.0, 4.0, 1.0, 1.0)


def test_quotes_are_replaced_each_step() -> None:
    batch = BatchMarket(environment(spec=market_spec(session_steps=40), action=Quotes(largest=2.0)), 1)
    batch.reset([1])
    for action in actions(batch, 40):
        batch.step(action)
        for seat in batch.markets[0]["seat"][batch.external]:
            assert int(seat["live"]).bit_count() <= 2
            assert (seat["account"]["open_lots"] <= 12).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"nearest": 1.0, "farthest": 1.0}, "action.nearest is 1.0; it must be below action.farthest 1.0"),
        ({"largest": 0.0}, "action.largest is 0.0"),
        ({"position_limit": -1.0}, "action.position_limit is -1.0"),
    ],
    ids=["nearest", "largest", "position_limit"],
)
def test_a_range_that_is_none_is_named(changes: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Quotes(**changes)
