"""Invariants of accounts with limited credit under any commands."""

from collections.abc import Iterator
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from marl_market.exchange.codes import CommandKind, EventKind
from marl_market.exchange.records import ASKS
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import SELF_TRADE
from marl_market.market.spec import MarketSpec
from tests.builders import market_spec
from tests.differential.streams import BYTES, credit, decode, resolve, rules
from tests.properties.test_book import assert_conserved
from tests.venue import Venue

STREAMS = st.lists(st.binary(min_size=BYTES, max_size=BYTES), min_size=60, max_size=200).map(b"".join)


class Accounts:
    """Holdings of a venue's seats, read from its records."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.credit = venue.spec.credit

    def cash(self, seat: int) -> Fraction:
        given = Fraction(self.credit.initial_cash) / Fraction(str(self.venue.spec.cash_unit))
        return given + int(self.venue.account(seat)["cash"])

    def holding(self, seat: int) -> int:
        return int(self.credit.initial_units) + int(self.venue.account(seat)["position"])

    def asked(self, seat: int, ladder: int) -> int:
        """Return the lots of all open orders on one side, waiting ones too."""
        return sum(
            order.leaves_quantity + order.hidden_quantity
            for kind in (ladder, ladder + 2)
            for order in self.venue.resting(kind)
            if order.seat == seat
        )

    def shortfall(self, seat: int, side: int, lots: int, price: int) -> Fraction:
        """Return the amount that an account lacks for one more limit order; zero or less is enough.

        Reduce-only orders close a position at most, and so require nothing.
        """
        record = self.venue.market["seat"][seat]
        mark = Fraction(int(self.venue.market["public"]["twice_mark_ticks"]), 2)
        margin, worst = Fraction(str(self.credit.initial_margin)), side * self.holding(seat) + lots
        prices, reducing = [price], 0
        for slot, order in enumerate(record["order"]):
            if int(record["live"]) >> slot & 1 and order["side"] == side:
                open_lots = int(order["leaves_quantity"]) + int(order["reserve_quantity"])
                if order["reduce_only"]:
                    reducing += open_lots
                    continue
                worst += open_lots
                prices.append(int(order["trigger_ticks" if order["kind"] == CommandKind.STOP else "price_ticks"]))
        worst += min(reducing, max(-side * self.holding(seat), 0))
        held = max(side * self.holding(seat), 0)
        if worst <= 0 or margin == 0:
            return Fraction(0)
        losses = [max(side * (limit - mark), Fraction(0)) for limit in prices]
        needs = [
            margin * abs(mark) + loss if loss else margin * abs(limit)
            for limit, loss in zip(prices, losses, strict=True)
        ]
        required = held * margin * abs(mark) + (worst - held) * max(needs)
        value = self.holding(seat) * mark
        return (required - value) * self.venue.spec.cash_per_tick_lot - self.cash(seat)


def follow(venue: Venue, stream: bytes, seats: int, prices: str) -> Iterator[tuple[int, Fraction]]:
    """Yield, after each command, the kind of its first event and the shortfall of a limit order before it."""
    issued: list[int] = []
    accounts = Accounts(venue)
    for sent in decode(stream, seats, prices, False, int(venue.market["maximum_quantity"])):
        first, missed = 0, Fraction(0)
        if sent.command is None:
            venue.step()
        else:
            own = [
                (order.order_id, order.price_ticks, order.price_ticks)
                for ladder in range(4)
                for order in venue.resting(ladder)
                if order.seat == sent.seat
            ]
            command = resolve(sent.command, sent.target, own, issued)
            if command.kind in (CommandKind.LIMIT, CommandKind.STOP_LIMIT) and not command.reduce_only:
                missed = accounts.shortfall(sent.seat, command.side, command.quantity_lots, command.price_ticks)
            events = venue.send(sent.seat, *command)
            issued += [event.order_id for event in events if event.kind == EventKind.ACCEPTED]
            first = events[0].kind if events else 0
        yield first, missed


def spec_of(given_credit: Credit, prices: str, self_trade: str, called: bool, fees: Fees) -> MarketSpec:
    return market_spec(credit=given_credit, fees=fees, rules=rules(prices, self_trade, False, called, False))


@given(
    stream=STREAMS,
    prices=st.sampled_from(["dense", "wide"]),
    kind=st.sampled_from(["cash_account", "leveraged", "short_limited", "margin"]),
    self_trade=st.sampled_from(SELF_TRADE),
    called=st.booleans(),
)
@settings(max_examples=40)
def test_limits_hold_whatever_is_sent(stream: bytes, prices: str, kind: str, self_trade: str, called: bool) -> None:
    fees = Fees(maker_rate=-0.0003, taker_rate=0.0007, maker_per_unit=-0.0013, taker_per_unit=0.0031)
    venue = Venue(4, spec_of(credit(prices, kind), prices, self_trade, called, fees))
    accounts, limit = Accounts(venue), venue.spec.credit.short_limit
    for first, missed in follow(venue, stream, 4, prices):
        assert_conserved(venue)
        assert first != EventKind.ACCEPTED or missed <= 0
        for seat in range(4):
            if limit is not None:
                assert accounts.asked(seat, ASKS) - accounts.holding(seat) <= limit


@given(stream=STREAMS, self_trade=st.sampled_from(SELF_TRADE), called=st.booleans())
@settings(max_examples=30)
def test_a_cash_account_is_never_overdrawn(stream: bytes, self_trade: str, called: bool) -> None:
    """Without market orders, stops and fees, which may cost more than was reserved."""
    given_credit = Credit(initial_cash=700, initial_units=50, initial_margin=1.0, short_limit=0)
    venue = Venue(3, spec_of(given_credit, "dense", self_trade, called, Fees()))
    accounts = Accounts(venue)
    limits = bytearray(stream)
    for start in range(0, len(limits), BYTES):
        limits[start] %= 16  # the kinds of a stream begin with limit orders
    for _ in follow(venue, bytes(limits), 3, "dense"):
        for seat in range(3):
            assert accounts.cash(seat) >= 0
            assert accounts.holding(seat) >= 0
