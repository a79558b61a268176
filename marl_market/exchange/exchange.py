"""Exchange: one market driven directly from Python, for tests, replays and courses.

Prices, quantities and money are exact decimals here and whole ticks, lots and cash units inside. Compiled traders do
not use this interface; for long streams, `process` takes whole arrays of commands.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.accounts import realized
from marl_market.exchange.arguments import (
    HIGHEST_QUANTITY,
    RANGES,
    Amount,
    check_arrays,
    checked,
    checked_side,
    is_whole,
    steps,
    whole_number,
)
from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.codes import CommandKind, Phase, TimeInForce
from marl_market.exchange.command_stream import count_stream, pass_step, process_stream, read_indicative, read_levels
from marl_market.exchange.commands import HIGHEST_PRICE
from marl_market.exchange.excess import require_no_excess
from marl_market.exchange.exclusive import exclusive
from marl_market.exchange.records import ASKS, COMMAND, SEAT_ORDERS
from marl_market.exchange.session import begin_step
from marl_market.exchange.setup import allocate_markets
from marl_market.exchange.state import LOAD, MEASURE, SAVE, transfer_single
from marl_market.exchange.values import Indicative, Level, Statement
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side
from marl_market.market.units import from_steps

LATEST = 2**63 - 1


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
        self.seats = whole_number("seats", seats, 1, max(CAPACITY_SEATS.values()))
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
        if not isinstance(state, ExchangeState):
            raise ValueError(f"state is {state!r}; it must be an ExchangeState")
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
        """Advance the clock; raises ValueError for a negative time and beyond the last that the clock can show."""
        self.markets["time_ns"] += whole_number("nanoseconds", nanoseconds, 0, LATEST - self.time_ns)

    @exclusive
    def step(self) -> NDArray[np.void]:
        """End a step of the session and begin the next; return the venue's own events (EVENT rows).

        Between steps orders expire, call auctions uncross, trading is halted and resumed, the mark and the reference
        price of a price band move, loans are charged and accounts below their maintenance margin are liquidated.
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
        reduce_only: bool = False,
    ) -> NDArray[np.void]:
        """Submit a limit order of `quantity` units at `price`; return the command's events (EVENT rows).

        `display` is the displayed part, 0 all; an iceberg that is refreshed more often than `SEAT_REFRESHES` times by
        one command displays the rest of it. The order expires after `lifetime_steps`, 0 never. A `reduce_only` order is
        accepted for at most the position that it reduces, and shrinks with that position. Raises ValueError, naming
        the argument, for a value of another type or out of its range, such as an unknown seat or an amount that is no
        whole number of ticks or lots; a rejection by the venue is returned as a REJECTED event.
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
            reduce_only=reduce_only,
        )

    def submit_market(
        self,
        seat: int,
        side: Side,
        quantity: Amount,
        client_order_id: int = 0,
        time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCEL,
        display: Amount = 0,
        lifetime_steps: int = 0,
        reduce_only: bool = False,
    ) -> NDArray[np.void]:
        """Submit a market order of `quantity` units; return and raise as `submit_limit` does.

        Since it never rests, `display` and `lifetime_steps` of it have no effect.
        """
        return self._send(
            seat,
            kind=CommandKind.MARKET,
            side=side,
            quantity_lots=self._lots("quantity", quantity),
            client_order_id=client_order_id,
            time_in_force=time_in_force,
            display_lots=self._lots("display", display),
            lifetime_steps=lifetime_steps,
            reduce_only=reduce_only,
        )

    def submit_stop(
        self,
        seat: int,
        side: Side,
        trigger: Amount,
        quantity: Amount,
        price: Amount | None = None,
        client_order_id: int = 0,
        time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCEL,
        display: Amount = 0,
        lifetime_steps: int = 0,
        reduce_only: bool = False,
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
            time_in_force=time_in_force,
            display_lots=self._lots("display", display),
            lifetime_steps=lifetime_steps,
            reduce_only=reduce_only,
        )

    def replace(
        self,
        seat: int,
        order_id: int,
        price: Amount | None = None,
        quantity: Amount | None = None,
        trigger: Amount | None = None,
        counts_filled: bool = False,
    ) -> NDArray[np.void]:
        """Replace price, quantity or, of a waiting stop, trigger of an open order of the seat; None keeps each.

        `quantity` is what is then open, or with `counts_filled` what is then open and what is filled by then. The order
        keeps its queue position only where its quantity falls at the same price. Returns and raises as `submit_limit`
        does; also raises ValueError for a price or trigger of an order that has none.
        """
        order = self._open_order(seat, order_id)
        if order is None:  # which the venue rejects
            order = np.zeros(1, self.markets["seat"]["order"].dtype)[0]
        elif trigger is not None and order["ladder"] <= ASKS:
            raise ValueError(f"trigger is {trigger}; order {order_id} waits for none")
        elif price is not None and order["kind"] == CommandKind.STOP:
            raise ValueError(f"price is {price}; order {order_id} has none")
        unchanged = (
            order["total_lots"] if counts_filled is True else order["leaves_quantity"] + order["reserve_quantity"]
        )
        return self._send(
            seat,
            kind=CommandKind.REPLACE,
            order_id=order_id,
            price_ticks=int(order["price_ticks"]) if price is None else self._ticks("price", price),
            quantity_lots=int(unchanged) if quantity is None else self._lots("quantity", quantity),
            trigger_ticks=0 if trigger is None else self._ticks("trigger", trigger),
            sets_trigger=trigger is not None,
            counts_filled=counts_filled,
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

        Without `time_ns` they all arrive now. Raises ValueError, before anything is processed, for arrays of another
        type or that do not fit each other, an unknown seat, and times that fall or lie before the exchange's clock, and
        ExcessError where an account is then beyond the limits of the market, which halts trading for good.
        """
        events = process_stream(self.markets, seats, self._times(seats, commands, time_ns), commands)
        require_no_excess(self.markets, self.spec)
        return events

    @exclusive
    def process_uncollected(
        self, seats: NDArray[np.integer], commands: NDArray[np.void], time_ns: NDArray[np.int64] | None = None
    ) -> int:
        """Process commands as `process` does, but return only the number of their events."""
        count = count_stream(self.markets, seats, self._times(seats, commands, time_ns), commands)
        require_no_excess(self.markets, self.spec)
        return count

    @exclusive
    def levels(self, side: Side) -> list[Level]:
        """Return every level of the bids (Side.BUY) or asks (Side.SELL), best first."""
        tick, lot = self.spec.tick_size, self.spec.lot_size
        return [
            Level(from_steps(price, tick), from_steps(quantity, lot), orders)
            for quantity, price, orders in read_levels(self.markets, 0, (1 - checked_side(side)) >> 1).tolist()
        ]

    @property
    def best_bid(self) -> Decimal | None:
        """Return the best bid price in currency, None where there is none."""
        return self._best(Side.BUY)

    @property
    def best_ask(self) -> Decimal | None:
        """Return the best ask price in currency, None where there is none."""
        return self._best(Side.SELL)

    @property
    def phase(self) -> Phase:
        """Return the present trading phase."""
        return Phase(int(self.markets["phase"][0]))

    @property
    @exclusive
    def indicative(self) -> Indicative | None:
        """Return what a call auction would trade if it ended now; None outside one, and if it would not trade."""
        price, lots, imbalance = read_indicative(self.markets)
        if self.phase != Phase.AUCTION or lots == 0:
            return None
        lot = self.spec.lot_size
        return Indicative(
            from_steps(int(price), self.spec.tick_size), from_steps(int(lots), lot), from_steps(int(imbalance), lot)
        )

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

    def _times(
        self, seats: NDArray[np.integer], commands: NDArray[np.void], time_ns: NDArray[np.int64] | None
    ) -> NDArray[np.int64]:
        check_arrays(seats, commands, time_ns, self.time_ns)
        return np.full(seats.shape, self.time_ns, np.int64) if time_ns is None else time_ns

    def _check_seat(self, seat: int) -> None:
        if not is_whole(seat) or not 0 <= seat < self.seats:
            raise ValueError(f"seat is {seat!r}; the exchange has seats 0 to {self.seats - 1}")

    def _open_order(self, seat: int, order_id: int) -> Any:
        """Return the record of an open order of a seat, or None; raises ValueError for what can be no seat or id."""
        self._check_seat(seat)
        whole_number("order_id", order_id, *RANGES["order_id"])
        record = self.markets["seat"][0, seat]
        slot = int(order_id) % SEAT_ORDERS
        live = int(record["live"]) >> slot & 1
        return record["order"][slot] if live and record["order"]["order_id"][slot] == order_id else None

    def _send(self, seat: int, **fields: Any) -> NDArray[np.void]:
        self._check_seat(seat)
        command = np.zeros(1, COMMAND)
        for name, value in fields.items():
            command[name] = checked(name, value)
        return self.process(np.array([seat]), command)
