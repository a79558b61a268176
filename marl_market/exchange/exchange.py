"""Exchange: one market driven directly from Python, for tests, replays and courses.

Prices, quantities and money are exact decimals here and whole ticks, lots and cash units inside. Compiled traders do
not use this interface; for long streams, `process` takes whole arrays of commands.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.accounts import realized
from marl_market.exchange.codes import CommandKind, TimeInForce
from marl_market.exchange.command_stream import count_stream, pass_step, process_stream, read_levels
from marl_market.exchange.commands import HIGHEST_PRICE
from marl_market.exchange.excess import require_no_excess
from marl_market.exchange.exclusive import exclusive
from marl_market.exchange.records import COMMAND
from marl_market.exchange.session import begin_step
from marl_market.exchange.setup import allocate_markets
from marl_market.exchange.state import LOAD, MEASURE, SAVE, transfer_single
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side
from marl_market.market.units import decimal, from_steps

HIGHEST_QUANTITY = 2**63 - 1

Amount = Decimal | float | int | str


class Level(NamedTuple):
    """One price of the book.

    Attributes:
        price: in currency.
        quantity: displayed quantity, in units.
        orders: number of resting orders.
    """

    price: Decimal
    quantity: Decimal
    orders: int


@dataclass(frozen=True)
class Statement:
    """The account of one seat.

    Attributes:
        cash: in currency, initial cash included; negative where more was spent.
        position: in units, initial units included; negative where it is short.
        realized: profit of closed positions at average cost, before fees, in currency.
        fees: paid so far, for loans too, in currency; below zero where rebates exceed them.
        traded: quantity of all fills, in units.
        trades: number of fills.
        rejected: number of rejected commands.
    """

    cash: Decimal
    position: Decimal
    realized: Decimal
    fees: Decimal
    traded: Decimal
    trades: int
    rejected: int


@dataclass(frozen=True)
class ExchangeState:
    """The state of an exchange, a value.

    Attributes:
        spec: of the market.
        seats: number of seats.
        content: packed bytes, see `marl_market.exchange.state`.
    """

    spec: MarketSpec
    seats: int
    content: bytes


class Exchange:
    """One market with an empty book and `seats` seats at time zero.

    It can be copied, deep-copied and pickled: a copy continues independently. Methods raise RuntimeError while another
    thread uses the same exchange.

    Attributes:
        spec: units, fees and size class.
        markets: (1,) market record, see `marl_market.exchange.records`.
        in_use: held while a thread uses the exchange.
    """

    def __init__(self, spec: MarketSpec, seats: int) -> None:
        """Open the market; raises ValueError when its size class has too few seats."""
        self.spec = spec
        self.seats = seats
        if spec.further_instruments:
            raise ValueError(f"market {spec.name} has several instruments; Exchange drives a market of one")
        self.in_use = threading.Lock()
        self.markets = allocate_markets(spec, 1, seats)
        begin_step(self.markets[0])

    @exclusive
    def get_state(self) -> ExchangeState:
        """Return the state of the market: book, accounts, clock and history."""
        content = np.empty(transfer_single(MEASURE, np.empty(0, np.uint8), self.markets), np.uint8)
        transfer_single(SAVE, content, self.markets)
        return ExchangeState(self.spec, self.seats, content.tobytes())

    @exclusive
    def set_state(self, state: ExchangeState) -> None:
        """Continue from a state; raises ValueError for one of another spec or number of seats."""
        for name in ("spec", "seats"):
            if getattr(state, name) != getattr(self, name):
                raise ValueError(f"state has the {name} {getattr(state, name)}; it must be {getattr(self, name)}")
        transfer_single(LOAD, np.frombuffer(bytearray(state.content), np.uint8), self.markets)

    def clone(self) -> Self:
        """Return an independent exchange in the same state."""
        return self._restore(self.spec, self.seats, self.get_state())

    @classmethod
    def _restore(cls, spec: MarketSpec, seats: int, state: ExchangeState) -> Self:
        exchange = cls(spec, seats)
        exchange.set_state(state)
        return exchange

    __copy__ = clone

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.clone()

    def __reduce__(self) -> tuple[Any, ...]:
        return self._restore, (self.spec, self.seats, self.get_state())

    @property
    def time_ns(self) -> int:
        """Return the time of the exchange's clock, in nanoseconds."""
        return int(self.markets["time_ns"][0])

    @exclusive
    def advance(self, nanoseconds: int) -> None:
        """Advance the clock; raises ValueError for a negative time."""
        if nanoseconds < 0:
            raise ValueError(f"nanoseconds is {nanoseconds}; it must be zero or more")
        self.markets["time_ns"] += nanoseconds

    @exclusive
    def step(self) -> NDArray[np.void]:
        """End a step of the session and begin the next; return the venue's own events (EVENT rows).

        Between steps orders expire, call auctions uncross, trading is halted and resumed, the reference price of a
        price band moves, loans are charged and accounts below their maintenance margin are liquidated.
        """
        pass_step(self.markets, self.spec.step_ns)
        require_no_excess(self.markets, self.spec)
        return self.markets["event"][0, : self.markets["event_count"][0]].copy()

    def submit_limit(
        self,
        seat: int,
        side: Side,
        price: Amount,
        quantity: Amount,
        client_order_id: int = 0,
        time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCEL,
        display: Amount = 0,
        lifetime_steps: int = 0,
    ) -> NDArray[np.void]:
        """Submit a limit order of `quantity` units at `price`; return the command's events (EVENT rows).

        `display` is the displayed part, 0 all; it expires after `lifetime_steps`, 0 never. Raises ValueError for an
        unknown seat and for amounts that are no whole number of ticks or lots; a rejection by the venue is returned
        as a REJECTED event.
        """
        return self._send(
            seat,
            kind=CommandKind.LIMIT,
            side=side,
            price_ticks=self._ticks("price", price),
            quantity_lots=self._lots("quantity", quantity),
            client_order_id=client_order_id,
            time_in_force=time_in_force,
            display_lots=self._lots("display", display),
            lifetime_steps=lifetime_steps,
        )

    def submit_market(self, seat: int, side: Side, quantity: Amount, client_order_id: int = 0) -> NDArray[np.void]:
        """Submit a market order of `quantity` units; return and raise as `submit_limit` does."""
        return self._send(
            seat,
            kind=CommandKind.MARKET,
            side=side,
            quantity_lots=self._lots("quantity", quantity),
            client_order_id=client_order_id,
        )

    def submit_stop(
        self,
        seat: int,
        side: Side,
        trigger: Amount,
        quantity: Amount,
        price: Amount | None = None,
        client_order_id: int = 0,
    ) -> NDArray[np.void]:
        """Submit an order triggered by the last price at `trigger`: a market order, or a limit order at `price`.

        Returns and raises as `submit_limit` does.
        """
        return self._send(
            seat,
            kind=CommandKind.STOP if price is None else CommandKind.STOP_LIMIT,
            side=side,
            trigger_ticks=self._ticks("trigger", trigger),
            price_ticks=0 if price is None else self._ticks("price", price),
            quantity_lots=self._lots("quantity", quantity),
            client_order_id=client_order_id,
        )

    def replace(self, seat: int, order_id: int, price: Amount, quantity: Amount) -> NDArray[np.void]:
        """Replace the price or the remaining quantity of an open order of the seat.

        It keeps its queue position only where its quantity falls at the same price. Returns and raises as
        `submit_limit` does.
        """
        return self._send(
            seat,
            kind=CommandKind.REPLACE,
            order_id=order_id,
            price_ticks=self._ticks("price", price),
            quantity_lots=self._lots("quantity", quantity),
        )

    def cancel(self, seat: int, order_id: int) -> NDArray[np.void]:
        """Cancel one open order of the seat; return the events (EVENT rows)."""
        return self._send(seat, kind=CommandKind.CANCEL, order_id=order_id)

    def cancel_all(self, seat: int) -> NDArray[np.void]:
        """Cancel every open order of the seat; return the events (EVENT rows)."""
        return self._send(seat, kind=CommandKind.CANCEL_ALL)

    @exclusive
    def process(
        self, seats: NDArray[np.integer], commands: NDArray[np.void], time_ns: NDArray[np.int64] | None = None
    ) -> NDArray[np.void]:
        """Process an array of COMMAND rows, one seat (and time of arrival) each, and return all events (EVENT rows).

        Without `time_ns` they all arrive now. Raises ValueError, before anything is processed, for arrays that do not
        fit each other or an unknown seat, and ExcessError where an account is then beyond the limits of the market,
        which halts trading for good.
        """
        events = process_stream(self.markets, seats, self._times(seats, time_ns), commands)
        require_no_excess(self.markets, self.spec)
        return events

    @exclusive
    def process_uncollected(
        self, seats: NDArray[np.integer], commands: NDArray[np.void], time_ns: NDArray[np.int64] | None = None
    ) -> int:
        """Process commands as `process` does, but return only the number of their events."""
        count = count_stream(self.markets, seats, self._times(seats, time_ns), commands)
        require_no_excess(self.markets, self.spec)
        return count

    @exclusive
    def levels(self, side: Side) -> list[Level]:
        """Return every level of the bids (Side.BUY) or asks (Side.SELL), best first."""
        tick, lot = self.spec.tick_size, self.spec.lot_size
        return [
            Level(from_steps(price, tick), from_steps(quantity, lot), orders)
            for quantity, price, orders in read_levels(self.markets, 0, (1 - side) >> 1).tolist()
        ]

    @property
    def best_bid(self) -> Decimal | None:
        """Return the best bid price in currency, None where there is none."""
        return self._best(Side.BUY)

    @property
    def best_ask(self) -> Decimal | None:
        """Return the best ask price in currency, None where there is none."""
        return self._best(Side.SELL)

    @exclusive
    def account(self, seat: int) -> Statement:
        """Return the account of a seat; raises ValueError for an unknown seat."""
        self._check_seat(seat)
        account, credit = self.markets["seat"]["account"][0, seat], self.markets["public"]["credit"][0]
        return Statement(
            cash=from_steps(int(credit["initial_cash"] + account["cash"]), self.spec.cash_unit),
            position=from_steps(int(credit["initial_lots"] + account["position"]), self.spec.lot_size),
            realized=from_steps(int(realized(account)), self.spec.cash_unit),
            fees=from_steps(int(account["fees"]), self.spec.cash_unit),
            traded=from_steps(int(account["traded_lots"]), self.spec.lot_size),
            trades=int(account["trades"]),
            rejected=int(account["rejected"]),
        )

    def _best(self, side: Side) -> Decimal | None:
        levels = self.levels(side)
        return levels[0].price if levels else None

    def _ticks(self, field: str, price: Amount) -> int:
        return steps(field, price, "tick_size", self.spec.tick_size, HIGHEST_PRICE)

    def _lots(self, field: str, quantity: Amount) -> int:
        return steps(field, quantity, "lot_size", self.spec.lot_size, HIGHEST_QUANTITY)

    def _times(self, seats: NDArray[np.integer], time_ns: NDArray[np.int64] | None) -> NDArray[np.int64]:
        return np.full(seats.shape, self.time_ns, np.int64) if time_ns is None else time_ns

    def _check_seat(self, seat: int) -> None:
        if not 0 <= seat < self.seats:
            raise ValueError(f"seat is {seat}; the exchange has seats 0 to {self.seats - 1}")

    def _send(self, seat: int, **fields: int) -> NDArray[np.void]:
        self._check_seat(seat)
        command = np.zeros(1, COMMAND)
        for name, value in fields.items():
            command[name] = value
        return self.process(np.array([seat]), command)


def steps(field: str, amount: Amount, size_field: str, size: float, highest: int) -> int:
    """Return the number of whole steps in `amount`, such as the ticks of a price.

    Raises ValueError, naming `field` and `size_field`, where it is no number, lies between two steps or beyond
    `highest` of them.
    """
    try:
        count = decimal(amount) / decimal(size)
    except InvalidOperation:
        raise ValueError(f"{field} is {amount!r}; it must be a number") from None
    if not count.is_finite() or count != count.to_integral_value():
        raise ValueError(f"{field} is {amount}; it must be a whole multiple of the {size_field} {decimal(size)}")
    if abs(count) > highest:
        raise ValueError(f"{field} is {amount}; it must be at most {from_steps(highest, size)} from zero")
    return int(count)
