"""The compiled engine against the slow exchange: no difference in events, queues or accounts."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.env.step.balances import conservation_errors_of
from marl_market.exchange.accounts import realized
from marl_market.exchange.codes import EventKind, Phase, Reason
from marl_market.exchange.records import LADDERS, NIL
from marl_market.market.fees import BILLION, Fees
from marl_market.market.rules import SELF_TRADE
from marl_market.market.spec import MarketSpec
from tests.builders import market_spec
from tests.differential.reference import ReferenceExchange
from tests.differential.streams import BYTES, CREDITS, MIDDLE_PRICES, credit, decode, resolve, rules
from tests.differential.venues import draw_venue
from tests.venue import Command, Event, Venue

FEES: tuple[Sequence[Fees], ...] = (
    [Fees()],
    [Fees(maker_rate=-0.0001, taker_rate=0.0003), Fees(taker_rate=0.0002, from_quantity=40)],
    [Fees(maker_per_unit=-0.002, taker_per_unit=0.003)],
    [
        Fees(maker_rate=0.000123457, taker_rate=-0.000000007, maker_per_unit=0.000013, taker_per_unit=-0.000001),
        Fees(maker_rate=-0.000000001, from_quantity=10),
        Fees(taker_per_unit=0.01, from_quantity=100),
        Fees(maker_rate=0.1, from_quantity=300),
    ],
)
CASH_UNITS = (0.01, 0.0005, 1e-6)
LEVEL_COLUMNS = ("price_ticks", "quantity_lots", "count", "hidden_lots")
STREAM_COMMANDS = 4_096
STATE_EVERY = 100
"""Commands between two comparisons of all queues and accounts; whatever differs between them stays different."""


def venue_spec(fees: Sequence[Fees], cash_unit: float, **changes: object) -> MarketSpec:
    return market_spec(fees=fees[0], fee_tiers=fees[1:], cash_unit=cash_unit, **changes)


def assert_same_state(venue: Venue, reference: ReferenceExchange) -> None:
    market = venue.market
    for ladder in range(LADDERS):
        assert venue.resting(ladder) == reference.resting(ladder)
        displayed = [tuple(int(level[name]) for name in LEVEL_COLUMNS) for level in venue.levels(ladder)]
        assert displayed == reference.levels(ladder)
    assert int(market["fees_collected"]) == reference.fees_collected
    assert int(market["excess_seat"]) == (NIL if reference.excess is None else reference.excess)
    assert (int(market["phase"]), int(market["public"]["step"])) == (reference.phase, reference.step_number)
    assert float(market["public"]["reference_ticks"]) == reference.reference_price
    for seat, expected in enumerate(reference.accounts):
        account = venue.account(seat)
        assert {name: int(account[name]) for name in expected} == expected
        assert int(realized(account)) == reference.realized[seat]
        assert Fraction(int(account["fee_remainder"]), BILLION) == reference.owed[seat]
        assert account["open_lots"].tolist() == [reference.open_lots(seat, ladder) for ladder in (0, 1)]
        live = sum(1 << slot for slot in reference.open_orders[seat])
        assert int(market["seat"][seat]["live"]) == live
        assert int(market["seat"][seat]["present"]) == (seat not in reference.absent)
    assert int(market["public"]["twice_mark_ticks"]) == 2 * reference.mark


def compare(
    stream: bytes, spec: MarketSpec, seats: int, prices: str, crowded: bool
) -> tuple[list[Event], set[int], int]:
    """Send one stream to both exchanges, until an account exceeds its limits; nothing may be made or lost.

    Returns all that happened, the phases it happened in, and the number of commands.
    """
    venue, reference = Venue(seats, spec), ReferenceExchange(spec, seats)
    issued: list[int] = []
    history: list[Event] = []
    phases: set[int] = set()
    number = 0
    for number, (seat, command, target) in enumerate(decode(stream, seats, prices, crowded, reference.limits.quantity)):
        if command is None:
            expected = reference.step()
            found = venue.step()
        else:
            own = [(order.order_id, order.price, order.trigger) for order in reference.open_orders[seat].values()]
            command = resolve(command, target, own, issued)
            expected = reference.send(seat, command)
            found = venue.send(seat, *command)
        assert found == expected, (seat, command, reference.phase)
        issued += [event.order_id for event in expected if event.kind == EventKind.ACCEPTED]
        history += expected
        phases.add(reference.phase)
        if reference.excess is not None:
            break
        if number % STATE_EVERY == 0:
            assert_same_state(venue, reference)
    assert_same_state(venue, reference)
    assert [int(errors[0]) for errors in conservation_errors_of(venue.markets[None])] == [0, 0]
    return history, phases, number


def random_streams(count: int, commands: int) -> Iterator[tuple[list[Event], set[int], int]]:
    """Compare `count` random streams over all kinds of prices, at venues drawn at random."""
    for seed in range(count):
        random = np.random.default_rng(seed)
        prices = tuple(MIDDLE_PRICES)[seed % len(MIDDLE_PRICES)]
        spec = draw_venue(random, prices, session_steps=commands // 75)  # about as many steps as the stream has
        stream = random.bytes(commands * BYTES)
        yield compare(stream, spec, seats=(2, 3, 8, 16)[seed // 4 % 4], prices=prices, crowded=seed % 7 == 0)


@given(
    stream=st.lists(st.binary(min_size=BYTES, max_size=BYTES), min_size=80, max_size=300).map(b"".join),
    seats=st.integers(2, 16),
    prices=st.sampled_from(sorted(MIDDLE_PRICES)),
    crowded=st.booleans(),
    fees=st.sampled_from(FEES),
    cash_unit=st.sampled_from(CASH_UNITS),
    self_trade=st.sampled_from(SELF_TRADE),
    banded=st.booleans(),
    called=st.booleans(),
    halted=st.booleans(),
    given_credit=st.sampled_from(CREDITS),
    session_steps=st.integers(5, 12),
)
@settings(max_examples=100)
def test_any_stream_goes_alike(
    stream: bytes,
    seats: int,
    prices: str,
    crowded: bool,
    fees: Sequence[Fees],
    cash_unit: float,
    self_trade: str,
    banded: bool,
    called: bool,
    halted: bool,
    given_credit: str,
    session_steps: int,
) -> None:
    spec = venue_spec(
        fees,
        cash_unit,
        session_steps=session_steps,
        rules=rules(prices, self_trade, banded, called, halted),
        credit=credit(prices, given_credit),
    )
    compare(stream, spec, seats, prices, crowded)


def test_long_streams_go_alike_and_meet_every_rule() -> None:
    histories, phases, _ = zip(*random_streams(count=64, commands=1600), strict=True)
    history = list(chain.from_iterable(histories))
    assert {event.kind for event in history} == set(EventKind)
    # Of commands that no stream sends: those in flight, and those beyond what a trader may send in one decision.
    elsewhere = {Reason.TOO_MANY_IN_FLIGHT, Reason.SESSION_OVER, Reason.TOO_MANY_COMMANDS}
    assert {event.reason for event in history} == set(Reason) - elsewhere
    assert set().union(*phases) == set(Phase)
    traded = [event for event in history if event.kind == EventKind.FILLED]
    assert len(traded) > 20_000
    assert {-(2**31) + 1, 2**31 - 1} <= {event.price_ticks for event in traded}
    assert min(Counter(event.liquidity for event in traded).values()) > 100


@pytest.mark.slow
def test_a_million_commands_go_alike_at_venues_drawn_at_random() -> None:
    """Set MARL_MARKET_FUZZED_COMMANDS=10_000_000 for ten million."""
    commands = int(os.environ.get("MARL_MARKET_FUZZED_COMMANDS", 1_000_000))
    kinds: Counter[int] = Counter()
    sent = 0
    for history, _, number in random_streams(count=commands, commands=STREAM_COMMANDS):
        kinds.update(event.kind for event in history)
        sent += number
        if sent >= commands:
            break
    assert kinds[EventKind.ACCEPTED] > 0.25 * commands  # the rest are cancels, replaces and rejected commands


def test_a_difference_is_found() -> None:
    spec = venue_spec(FEES[1], CASH_UNITS[2])
    venue, reference = Venue(2, spec), ReferenceExchange(spec, 2)
    bid = Command(1, 1, 1000, 5)
    assert venue.send(0, *bid) == reference.send(0, bid)
    assert_same_state(venue, reference)
    reference.accounts[0]["cash"] += 1
    with pytest.raises(AssertionError, match="cash"):
        assert_same_state(venue, reference)
