"""A slow exchange that is obviously right: plain lists and dicts, rules in the order in which one would tell them.

It is written from the rules of the venue, not from the engine: an order is a dict, a price level a list of orders.
"""

from typing import Any

from marl_market.exchange.records import REFERENCE_BITS, SEAT_ORDERS, CommandKind, EventKind, Liquidity, Reason
from tests.venue import Event, Resting

BILLION = 10**9


class ReferenceExchange:
    """Price-time priority; cancel-resting self-trade prevention; fees rounded down."""

    def __init__(
        self,
        seats: int,
        cash_per_tick_lot: int,
        maximum_quantity: int,
        rates: tuple[int, int],
        per_lot: tuple[int, int],
    ) -> None:
        """Open an empty book; `rates` (parts per billion) and `per_lot` are of the maker, then of the taker."""
        self.cash_per_tick_lot = cash_per_tick_lot
        self.maximum_quantity = maximum_quantity
        self.rates = rates
        self.per_lot = per_lot
        self.book: dict[int, dict[int, list[dict[str, int]]]] = {1: {}, -1: {}}
        self.open_orders: list[dict[int, dict[str, int]]] = [{} for _ in range(seats)]
        self.accounts = [
            dict.fromkeys(("cash", "position", "fees", "traded_lots", "trades", "rejected"), 0) for _ in range(seats)
        ]
        self.fees_collected = 0
        self.orders = 0
        self.trades = 0
        self.events: list[Event] = []

    def send(
        self, seat: int, kind: int, side: int, price_ticks: int, quantity_lots: int, order_id: int, client: int
    ) -> list[Event]:
        self.events = []
        if kind in (CommandKind.LIMIT, CommandKind.MARKET):
            self._submit(seat, kind, side, price_ticks, quantity_lots, client)
        elif kind == CommandKind.CANCEL:
            own = {order["order_id"]: order for order in self.open_orders[seat].values()}
            if order_id in own:
                self._cancel(own[order_id], Reason.BY_OWNER)
            else:
                self._reject(seat, Reason.ORDER_UNKNOWN, order_id=order_id)
        elif kind == CommandKind.CANCEL_ALL:
            for slot in sorted(self.open_orders[seat]):
                self._cancel(self.open_orders[seat][slot], Reason.BY_OWNER)
        else:
            self._reject(seat, Reason.COMMAND_UNKNOWN, order_id=order_id, client_order_id=client)
        return self.events

    def resting(self, side: int) -> list[Resting]:
        levels = self.book[side]
        return [
            Resting(order["order_id"], order["seat"], price, order["leaves"])
            for price in sorted(levels, key=lambda price: -side * price)
            for order in levels[price]
        ]

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        """Return (price, quantity, number of orders) of each level, best first."""
        queues = self.book[side]
        return [
            (price, sum(order["leaves"] for order in queues[price]), len(queues[price]))
            for price in sorted(queues, key=lambda price: -side * price)
        ]

    def open_lots(self, seat: int, side: int) -> int:
        return sum(order["leaves"] for order in self.open_orders[seat].values() if order["side"] == side)

    def _submit(self, seat: int, kind: int, side: int, price: int, quantity: int, client: int) -> None:
        limit = kind == CommandKind.LIMIT
        reason = self._refusal(seat, limit, side, price, quantity)
        if reason != Reason.NONE:
            self._reject(seat, reason, side=side, price_ticks=price, quantity_lots=quantity, client_order_id=client)
            return
        self.orders += 1
        slot = min(set(range(SEAT_ORDERS)) - set(self.open_orders[seat])) if limit else 0
        order = {
            "order_id": self.orders * 2**REFERENCE_BITS + seat * SEAT_ORDERS + slot,
            "seat": seat,
            "slot": slot,
            "side": side,
            "price": price,
            "leaves": quantity,
            "client": client,
        }
        self._tell(EventKind.ACCEPTED, order, quantity_lots=quantity, leaves_quantity=quantity)
        opposite = self.book[-side]
        while order["leaves"] > 0 and opposite:
            best = min(opposite) if side == 1 else max(opposite)
            if limit and side * best > side * price:
                break
            first = opposite[best][0]
            if first["seat"] == seat:
                self._cancel(first, Reason.SELF_TRADE)
            else:
                self._fill(order, first)
        if order["leaves"] == 0:
            return
        if limit:
            self.book[side].setdefault(price, []).append(order)
            self.open_orders[seat][slot] = order
            self._tell(EventKind.RESTED, order, quantity_lots=order["leaves"], leaves_quantity=order["leaves"])
        else:
            self._tell(EventKind.CANCELED, order, reason=Reason.NO_LIQUIDITY, quantity_lots=order["leaves"])

    def _refusal(self, seat: int, limit: bool, side: int, price: int, quantity: int) -> Reason:
        if side not in (1, -1):
            return Reason.SIDE_UNKNOWN
        if quantity <= 0:
            return Reason.QUANTITY_NOT_POSITIVE
        if quantity > self.maximum_quantity:
            return Reason.QUANTITY_ABOVE_MAXIMUM
        if limit and price <= -(2**31):
            return Reason.PRICE_OUT_OF_RANGE
        if limit and len(self.open_orders[seat]) == SEAT_ORDERS:
            return Reason.TOO_MANY_ORDERS
        return Reason.NONE

    def _fill(self, taker: dict[str, int], maker: dict[str, int]) -> None:
        quantity = min(taker["leaves"], maker["leaves"])
        taker["leaves"] -= quantity
        maker["leaves"] -= quantity
        self.trades += 1
        for role, (order, liquidity) in enumerate(((maker, Liquidity.MAKER), (taker, Liquidity.TAKER))):
            notional = maker["price"] * quantity * self.cash_per_tick_lot
            fee = notional * self.rates[role] // BILLION + quantity * self.per_lot[role]
            account = self.accounts[order["seat"]]
            account["position"] += order["side"] * quantity
            account["cash"] -= order["side"] * notional + fee
            account["fees"] += fee
            account["traded_lots"] += quantity
            account["trades"] += 1
            self.fees_collected += fee
            self._tell(
                EventKind.FILLED,
                order,
                price_ticks=maker["price"],
                quantity_lots=quantity,
                leaves_quantity=order["leaves"],
                trade_id=self.trades,
                liquidity=liquidity,
            )
        if maker["leaves"] == 0:
            self._remove(maker)

    def _cancel(self, order: dict[str, int], reason: Reason) -> None:
        self._remove(order)
        self._tell(EventKind.CANCELED, order, reason=reason, quantity_lots=order["leaves"])

    def _remove(self, order: dict[str, int]) -> None:
        queue = self.book[order["side"]][order["price"]]
        queue.remove(order)
        if not queue:
            del self.book[order["side"]][order["price"]]
        del self.open_orders[order["seat"]][order["slot"]]

    def _reject(self, seat: int, reason: Reason, **fields: int) -> None:
        self.accounts[seat]["rejected"] += 1
        self._event(kind=EventKind.REJECTED, reason=reason, seat=seat, **fields)

    def _tell(self, kind: EventKind, order: dict[str, int], **fields: Any) -> None:
        known = {
            "order_id": order["order_id"],
            "seat": order["seat"],
            "price_ticks": order["price"],
            "client_order_id": order["client"],
            "side": order["side"],
        }
        self._event(kind=kind, **{**known, **fields})

    def _event(self, **fields: Any) -> None:
        self.events.append(Event(**{**dict.fromkeys(Event._fields, 0), **fields}))
