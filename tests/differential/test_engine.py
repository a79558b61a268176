"""The compiled engine against the slow exchange: no difference in events, queues or accounts."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.exchange.records import EventKind, Reason
from marl_market.market.spec import Fees
from tests.builders import market_spec
from tests.differential.reference import ReferenceExchange
from tests.differential.streams import BYTES, CENTERS, decode, resolve
from tests.venue import Event, Venue

FEES = (
    Fees(),
    Fees(maker_rate=-0.0001, taker_rate=0.0003),
    Fees(maker_per_unit=-0.002, taker_per_unit=0.003),
    Fees(maker_rate=0.000123457, taker_rate=-0.000000007, maker_per_unit=0.000013, taker_per_unit=-0.000001),
)
CASH_UNITS = (0.01, 0.0005, 1e-6)
LEVEL_COLUMNS = ("price_ticks", "quantity_lots", "count")
STATE_EVERY = 100
"""Commands between two comparisons of all queues and accounts; whatever differs between them stays different."""


def both(seats: int, fees: Fees, cash_unit: float) -> tuple[Venue, ReferenceExchange]:
    venue = Venue(seats, market_spec(fees=fees, cash_unit=cash_unit))
    unit = round(1 / cash_unit)
    reference = ReferenceExchange(
        seats,
        cash_per_tick_lot=unit // 100,
        maximum_quantity=2**62 // (2**31 * (unit // 100)),
        rates=(round(fees.maker_rate * 1e9), round(fees.taker_rate * 1e9)),
        per_lot=(round(fees.maker_per_unit * unit), round(fees.taker_per_unit * unit)),
    )
    return venue, reference


def assert_same_state(venue: Venue, reference: ReferenceExchange) -> None:
    for index, side in ((0, 1), (1, -1)):
        assert venue.resting(index) == reference.resting(side)
        shown = [tuple(int(level[name]) for name in LEVEL_COLUMNS) for level in venue.levels(index)]
        assert shown == reference.levels(side)
    assert int(venue.market["fees_collected"]) == reference.fees_collected
    for seat, expected in enumerate(reference.accounts):
        account = venue.account(seat)
        assert {name: int(account[name]) for name in expected} == expected
        assert account["open_lots"].tolist() == [reference.open_lots(seat, 1), reference.open_lots(seat, -1)]
        live = sum(1 << slot for slot in reference.open_orders[seat])
        assert int(venue.market["seat"][seat]["live"]) == live


def compare(stream: bytes, seats: int, prices: str, crowded: bool, fees: Fees, cash_unit: float) -> list[Event]:
    """Send one stream to both exchanges; return all that happened."""
    venue, reference = both(seats, fees, cash_unit)
    issued: list[int] = []
    history: list[Event] = []
    for number, command in enumerate(decode(stream, seats, prices, crowded, reference.maximum_quantity)):
        own = [order["order_id"] for order in reference.open_orders[command.seat].values()]
        order_id = resolve(command, own, issued)
        seat, kind, side, price, quantity, _, client = command
        expected = reference.send(seat, kind, side, price, quantity, order_id, client)
        found = venue.send(seat, kind, side, price, quantity, order_id, client)
        assert found == expected, command
        issued += [event.order_id for event in expected if event.kind == EventKind.ACCEPTED]
        history += expected
        if number % STATE_EVERY == 0:
            assert_same_state(venue, reference)
    assert_same_state(venue, reference)
    return history


def random_streams(count: int, commands: int) -> Iterator[list[Event]]:
    """Compare `count` random streams over all kinds of prices, fees and units; yield what happened in each."""
    for seed in range(count):
        random = np.random.default_rng(seed)
        yield compare(
            random.bytes(commands * BYTES),
            seats=(2, 3, 8, 16)[seed // 4 % 4],
            prices=tuple(CENTERS)[seed % len(CENTERS)],
            crowded=seed % 7 == 0,
            fees=FEES[seed // 16 % len(FEES)],
            cash_unit=CASH_UNITS[seed % len(CASH_UNITS)],
        )


@given(
    stream=st.lists(st.binary(min_size=BYTES, max_size=BYTES), min_size=80, max_size=400).map(b"".join),
    seats=st.integers(2, 16),
    prices=st.sampled_from(sorted(CENTERS)),
    crowded=st.booleans(),
    fees=st.sampled_from(FEES),
    cash_unit=st.sampled_from(CASH_UNITS),
)
@settings(max_examples=100)
def test_any_stream_goes_alike(
    stream: bytes, seats: int, prices: str, crowded: bool, fees: Fees, cash_unit: float
) -> None:
    compare(stream, seats, prices, crowded, fees, cash_unit)


def test_long_streams_go_alike_and_meet_every_rule() -> None:
    history = list(chain.from_iterable(random_streams(count=48, commands=2000)))
    assert {event.kind for event in history} == set(EventKind)
    assert {event.reason for event in history} == set(Reason)
    traded = [event for event in history if event.kind == EventKind.FILLED]
    assert len(traded) > 20_000
    assert {-(2**31) + 1, 2**31 - 1} <= {event.price_ticks for event in traded}


@pytest.mark.slow
def test_a_million_commands_go_alike() -> None:
    accepted = sum(
        event.kind == EventKind.ACCEPTED for history in random_streams(count=64, commands=16_384) for event in history
    )
    assert accepted > 500_000


def test_a_difference_is_seen() -> None:
    venue, reference = both(2, FEES[1], CASH_UNITS[2])
    for exchange in (venue, reference):
        exchange.send(0, 1, 1, 1000, 5, 0, 0)
    assert_same_state(venue, reference)
    reference.accounts[0]["cash"] += 1
    with pytest.raises(AssertionError, match="cash"):
        assert_same_state(venue, reference)
