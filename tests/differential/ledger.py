"""The slow exchange's state: queues of orders, accounts and events."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil, floor
from typing import Any

from marl_market.exchange.codes import EventKind, Liquidity, Phase, Reason
from marl_market.exchange.records import ASKS, BIDS, SELL_STOPS
from marl_market.market.fees import Fees
from marl_market.market.limits import limits_of
from marl_market.market.spec import MarketSpec
from tests.venue import Command, Event, Resting

LARGEST_TOTAL = 2**61
HIGHEST_FIRST = (BIDS, SELL_STOPS)
ACCOUNT = ("cash", "position", "fees", "traded_lots", "trades", "rejected", "fee_tier", "cost")


@dataclass(eq=False)
class Order:
    """An order; `displayed` is its leaves quantity until it rests, `hidden` its reserve from then on."""

    order_id: int
    seat: int
    slot: int
    kind: int
    command: Command
    price: int
    trigger: int
    expires: float
    displayed: int
    hidden: int = 0
    ladder: int = -1
    filled: int = 0
    rests_since: int = 0

    @property
    def reduces(self) -> bool:
        return self.command.reduce_only != 0

    @property
    def side(self) -> int:
        return self.command.side

    @property
    def left(self) -> int:
        return self.displayed + self.hidden


class ReferenceLedger:
    """Plain lists and dicts: a price level is a list of orders, an account a dict."""

    def __init__(self, spec: MarketSpec, seats: int) -> None:
        self.spec = spec
        self.fees = [self._charges(fees) for fees in (spec.fees, *spec.fee_tiers)]
        self.book: list[dict[int, list[Order]]] = [{}, {}, {}, {}]
        self.open_orders: list[dict[int, Order]] = [{} for _ in range(seats)]
        self.accounts = [dict.fromkeys(ACCOUNT, 0) for _ in range(seats)]
        self.owed = [Fraction(0)] * seats
        self.limits = limits_of(spec)
        self.moved = self.session_lots = 0
        self.excess: int | None = None
        self.phase = Phase.CONTINUOUS
        self.halt_ends: float = 0
        self.realized = [0] * seats
        self.fees_collected = self.trades = 0
        self.orders = [0] * seats
        self.time_ns = 0
        self.events: list[Event] = []

    def _charges(self, fees: Fees) -> tuple[list[Fraction], list[Fraction], int]:
        """Return rates and cash units a lot, of the maker and of the taker, and the tier's first lot, all exact."""
        unit, lot = Fraction(str(self.spec.cash_unit)), Fraction(str(self.spec.lot_size))
        rates = [Fraction(str(rate)) for rate in (fees.maker_rate, fees.taker_rate)]
        per_lot = [Fraction(str(charge)) * lot / unit for charge in (fees.maker_per_unit, fees.taker_per_unit)]
        return rates, per_lot, ceil(Fraction(str(fees.from_quantity)) / lot)

    def _settle(self, order: Order, price: int, quantity: int, role: int, own: bool, called: bool = False) -> None:
        """Book one side of a fill; `role` is 0 for the maker, 1 for the taker; no rebates where `own` or `called`."""
        per_tick_lot = self.spec.cash_per_tick_lot
        account = self.accounts[order.seat]
        rates, per_lot, _ = self.fees[account["fee_tier"]]
        notional = price * quantity * per_tick_lot
        fee = abs(notional) * rates[role] + quantity * per_lot[role]
        account["cash"] -= order.side * notional
        self._charge(order.seat, max(fee, Fraction(0)) if own or called else fee)
        account["traded_lots"] += 0 if own else quantity
        account["trades"] += 1
        size, direction = abs(account["position"]), 1 if account["position"] > 0 else -1
        closed = min(size, quantity) if direction == -order.side else 0
        if closed:
            kept = 0 if closed == size else int(account["cost"] * ((size - closed) / size))
            self.realized[order.seat] += direction * closed * price * per_tick_lot - (account["cost"] - kept)
            account["cost"] = kept
        account["cost"] += order.side * (quantity - closed) * price * per_tick_lot
        account["position"] += order.side * quantity

    def _charge(self, seat: int, fee: Fraction) -> None:
        """Charge the whole cash units of what a seat owes, this fee included; the rest it goes on owing."""
        self.owed[seat] += fee
        due = floor(self.owed[seat])
        self.owed[seat] -= due
        self.accounts[seat]["cash"] -= due
        self.accounts[seat]["fees"] += due
        self.fees_collected += due

    def _count(self, amount: int, quantity: int = 0) -> None:
        """Count what has been moved; once it is much, look for an account beyond the limits."""
        self.moved += amount + quantity * self.limits.per_lot
        self.session_lots += quantity
        if self.moved <= self.limits.notional:
            return
        self.moved = 0
        amounts = [max(abs(account[name]) for name in ("cash", "cost", "fees")) for account in self.accounts]
        worst = max(amounts)
        if worst > self.limits.amount or max(abs(self.fees_collected), self.session_lots) > LARGEST_TOTAL:
            self._stop(amounts.index(worst))

    def _stop(self, seat: int) -> None:
        self.excess = seat if self.excess is None else self.excess
        self.phase, self.halt_ends = Phase.HALTED, float("inf")

    # Queues

    def _prices(self, ladder: int) -> list[int]:
        return sorted(self.book[ladder], reverse=ladder in HIGHEST_FIRST)

    def _first(self, ladder: int) -> Order | None:
        queues = self.book[ladder]
        if not queues:
            return None
        return queues[max(queues) if ladder in HIGHEST_FIRST else min(queues)][0]

    def _queue(self, order: Order, ladder: int, price: int) -> None:
        order.ladder = ladder
        self.book[ladder].setdefault(price, []).append(order)
        self.open_orders[order.seat][order.slot] = order

    def _remove(self, order: Order) -> None:
        price = order.price if order.ladder in (BIDS, ASKS) else order.trigger
        queue = self.book[order.ladder][price]
        queue.remove(order)
        if not queue:
            del self.book[order.ladder][price]
        del self.open_orders[order.seat][order.slot]

    def resting(self, ladder: int) -> list[Resting]:
        queues = self.book[ladder]
        return [
            Resting(order.order_id, order.seat, price, order.displayed, order.hidden)
            for price in self._prices(ladder)
            for order in queues[price]
        ]

    def levels(self, ladder: int) -> list[tuple[int, int, int, int]]:
        """Return (price, displayed quantity, number of orders, hidden quantity) of each level, first served first."""
        levels = []
        for price, orders in groupby(self.resting(ladder), key=lambda order: order.price_ticks):
            displayed, hidden = zip(*((order.leaves_quantity, order.hidden_quantity) for order in orders), strict=True)
            levels.append((price, sum(displayed), len(displayed), sum(hidden)))
        return levels

    def open_lots(self, seat: int, ladder: int) -> int:
        return sum(order.left for order in self.open_orders[seat].values() if order.ladder == ladder)

    # Events

    def _end(self, order: Order, kind: EventKind, reason: Reason) -> None:
        self._remove(order)
        self._lose(order, kind, reason, order.displayed, order.hidden)

    def _lose(self, order: Order, kind: EventKind, reason: Reason, displayed: int, hidden: int) -> None:
        """Take lots off an order untraded: hidden ones are nobody's business, displayed ones leave the public book."""
        rested = Liquidity.MAKER if order.ladder in (BIDS, ASKS) else 0
        for name, lots, liquidity in (("hidden", hidden, 0), ("displayed", displayed, rested)):
            if lots:
                setattr(order, name, getattr(order, name) - lots)
                self._emit(
                    kind, order, reason=reason, quantity_lots=lots, leaves_quantity=order.left, liquidity=liquidity
                )

    def _reject(self, seat: int, command: Command, reason: Reason) -> None:
        self.accounts[seat]["rejected"] += 1
        names = ("side", "price_ticks", "quantity_lots", "order_id", "client_order_id")
        fields = {name: getattr(command, name) for name in names}
        self._event(kind=EventKind.REJECTED, reason=reason, seat=seat, **fields)

    def _emit_fill(self, order: Order, price: int, quantity: int, leaves: int, liquidity: Liquidity) -> None:
        fields = {"price_ticks": price, "quantity_lots": quantity, "leaves_quantity": leaves}
        self._emit(EventKind.FILLED, order, trade_id=self.trades, liquidity=liquidity, **fields)

    def _emit(self, kind: EventKind, order: Order, **fields: Any) -> None:
        known = {
            "order_id": order.order_id,
            "seat": order.seat,
            "price_ticks": order.price,
            "client_order_id": order.command.client_order_id,
            "side": order.side,
        }
        self._event(kind=kind, **{**known, **fields})

    def _event(self, **fields: Any) -> None:
        self.events.append(Event(**{**dict.fromkeys(Event._fields, 0), "time_ns": self.time_ns, **fields}))
