"""A slow exchange that is obviously right: rules in their plain order.

It is written from the rules of the venue, not from the engine.
"""

from fractions import Fraction
from math import ceil, floor
from typing import Any

from marl_market.exchange.codes import CommandKind, EventKind, Liquidity, Phase, Reason, TimeInForce
from marl_market.exchange.records import ASKS, BIDS, BUY_STOPS, REFERENCE_BITS, SEAT_ORDERS, SEAT_REFRESHES, SELL_STOPS
from marl_market.market.spec import MarketSpec
from tests.differential.bank import ReferenceBank
from tests.differential.ledger import Order
from tests.venue import Command, Event

LOWEST_PRICE, HIGHEST_PRICE = -(2**31), 2**31 - 1
STOPS = (CommandKind.STOP, CommandKind.STOP_LIMIT)
WIDEST_SPREAD, FASTEST_MOVE = 10, 100


def bounded(price: Any, bid: int | None, ask: int | None) -> Any:
    """Return a price moved to a bid above it, or to an ask below it."""
    price = price if bid is None else max(price, bid)
    return price if ask is None else min(price, ask)


class ReferenceExchange(ReferenceBank):
    """A venue with the rules of `spec`, at time zero."""

    def __init__(self, spec: MarketSpec, seats: int) -> None:
        super().__init__(spec, seats)
        self.rules = spec.rules
        self.refreshes = [0] * seats
        self.step_number = 0
        self.last_price = self.halt_price = spec.initial_price_ticks
        self.reference_price: float = spec.initial_price_ticks
        self.quotes: tuple[int | None, int | None] = (None, None)
        self.widest = WIDEST_SPREAD * spec.price_scale_ticks
        self.farthest = Fraction(int(2 * FASTEST_MOVE * spec.price_scale_ticks), 2)
        self.trades_before = 0
        self._begin_step()

    # Commands

    def send(self, seat: int, command: Command) -> list[Event]:
        self.events = []
        own = {order.order_id: order for order in self.open_orders[seat].values()}
        if command.kind in (CommandKind.LIMIT, CommandKind.MARKET, *STOPS):
            self._submit(seat, command)
        elif command.kind == CommandKind.CANCEL_ALL:
            self.cancel_own(seat, Reason.BY_OWNER)
        elif command.kind not in (CommandKind.CANCEL, CommandKind.REPLACE):
            self._reject(seat, command, Reason.COMMAND_UNKNOWN)
        elif command.order_id not in own:
            self._reject(seat, command, Reason.ORDER_UNKNOWN)
        elif command.kind == CommandKind.CANCEL:
            self._end(own[command.order_id], EventKind.CANCELED, Reason.BY_OWNER)
        else:
            self._replace(own[command.order_id], command)
        if self.phase == Phase.CONTINUOUS:
            self._trigger_stops()
        return self.events

    def _submit(self, seat: int, command: Command) -> None:
        reason = self._rejection_reason(seat, command)
        if reason != Reason.NONE:
            self._reject(seat, command, reason)
            return
        command = command._replace(quantity_lots=self._allowed_of(seat, command))
        self.orders[seat] += 1
        stays = self._stays(command)
        slot = min(set(range(SEAT_ORDERS)) - set(self.open_orders[seat])) if stays else 0
        order = Order(
            order_id=self.orders[seat] * 2**REFERENCE_BITS + seat * SEAT_ORDERS + slot,
            seat=seat,
            slot=slot,
            kind=command.kind,
            command=command,
            price=command.price_ticks,
            trigger=command.trigger_ticks,
            expires=self.step_number + command.lifetime_steps if command.lifetime_steps > 0 else float("inf"),
            displayed=command.quantity_lots,
        )
        self._emit(EventKind.ACCEPTED, order, quantity_lots=order.displayed, leaves_quantity=order.displayed)
        if command.kind in STOPS:
            self._queue(order, BUY_STOPS if order.side == 1 else SELL_STOPS, order.trigger)
        else:
            self._execute(order, command.kind)

    def _stays(self, command: Command) -> bool:
        """Return whether an order may rest or wait."""
        immediate = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
        return command.kind in STOPS or (command.kind == CommandKind.LIMIT and command.time_in_force not in immediate)

    def _rejection_reason(self, seat: int, command: Command) -> Reason:
        if seat in self.absent:
            return Reason.SEAT_ABSENT
        if (reason := self._rule_rejection(seat, command)) != Reason.NONE:
            return reason
        price = self.reserved_at(command.kind, command.price_ticks, command.trigger_ticks)
        if command.kind == CommandKind.MARKET:
            worst = self._limit(command.kind, command.side, 0)
            price = self.mark if worst is None else Fraction(min(max(worst, LOWEST_PRICE + 1), HIGHEST_PRICE))
        lots = self._allowed_of(seat, command)
        return self.credit_rejection(seat, command._replace(quantity_lots=lots), price)

    def _allowed_of(self, seat: int, command: Command) -> int:
        return self._allowed(seat, command.side, command.reduce_only != 0, command.quantity_lots)

    def _allowed(self, seat: int, side: int, reduces: bool, lots: int) -> int:
        """Return the lots of an order that are accepted: one that only reduces has no more than there is to reduce."""
        return min(lots, max(-side * self.holding(seat), 0)) if reduces else lots

    def reserved_at(self, kind: int, price: int, trigger: int) -> Fraction:
        return Fraction(trigger if kind == CommandKind.STOP else price)

    def _rule_rejection(self, seat: int, command: Command) -> Reason:
        limit, stop = command.kind in (CommandKind.LIMIT, CommandKind.STOP_LIMIT), command.kind in STOPS
        if command.side not in (1, -1):
            return Reason.SIDE_UNKNOWN
        if (reason := self._bad_quantity(command)) != Reason.NONE:
            return reason
        lots = self._allowed_of(seat, command)
        if lots == 0:
            return Reason.REDUCE_ONLY
        if limit and (reason := self._bad_price(command)) != Reason.NONE:
            return reason
        if stop and (reason := self._bad_trigger(command.trigger_ticks, command.quantity_lots)) != Reason.NONE:
            return reason
        if command.time_in_force not in [
            TimeInForce.GOOD_TILL_CANCEL,
            TimeInForce.IMMEDIATE_OR_CANCEL,
            *([] if stop else [TimeInForce.FILL_OR_KILL]),
            *([TimeInForce.POST_ONLY] if command.kind == CommandKind.LIMIT else []),
        ]:
            return Reason.TIME_IN_FORCE_NOT_ALLOWED
        if command.display_lots < 0:
            return Reason.DISPLAY_NEGATIVE
        if command.lifetime_steps < 0:
            return Reason.LIFETIME_NEGATIVE
        if self.phase == Phase.HALTED:
            return Reason.MARKET_HALTED
        if self.phase == Phase.AUCTION and not self._stays(command):
            return Reason.NOT_IN_AUCTION
        if self._stays(command) and len(self.open_orders[seat]) == SEAT_ORDERS:
            return Reason.TOO_MANY_ORDERS
        if stop or self.phase == Phase.AUCTION:
            return Reason.NONE
        if command.time_in_force == TimeInForce.POST_ONLY and self._would_take(command.side, command.price_ticks):
            return Reason.WOULD_TAKE
        wanted = command._replace(quantity_lots=lots)
        if command.time_in_force == TimeInForce.FILL_OR_KILL and not self._fills_all(seat, wanted):
            return Reason.CANNOT_FILL_ALL
        return Reason.NONE

    def _bad_quantity(self, command: Command) -> Reason:
        if command.quantity_lots <= 0:
            return Reason.QUANTITY_NOT_POSITIVE
        return Reason.QUANTITY_ABOVE_MAXIMUM if command.quantity_lots > self.limits.quantity else Reason.NONE

    def _bad_price(self, command: Command) -> Reason:
        if command.price_ticks == LOWEST_PRICE:
            return Reason.PRICE_OUT_OF_RANGE
        if self._worth_too_much(command.price_ticks, command.quantity_lots):
            return Reason.NOTIONAL_ABOVE_MAXIMUM
        band = self.rules.price_band_ticks
        far = band > 0 and abs(command.price_ticks - self.reference_price) > band
        return Reason.OUTSIDE_PRICE_BAND if far else Reason.NONE

    def _bad_trigger(self, trigger: int, lots: int) -> Reason:
        if trigger == LOWEST_PRICE:
            return Reason.PRICE_OUT_OF_RANGE
        return Reason.NOTIONAL_ABOVE_MAXIMUM if self._worth_too_much(trigger, lots) else Reason.NONE

    def _worth_too_much(self, ticks: int, lots: int) -> bool:
        return abs(ticks) * lots * self.spec.cash_per_tick_lot > self.limits.notional

    def _would_take(self, side: int, price: int) -> bool:
        first = self._first(ASKS if side == 1 else BIDS)
        return first is not None and side * first.price <= side * price

    def _fills_all(self, seat: int, command: Command) -> bool:
        """Return whether the order would be filled: own orders stop it, unless the venue clears them out of the way."""
        available = 0
        opposite = ASKS if command.side == 1 else BIDS
        limit = self._limit(command.kind, command.side, command.price_ticks)
        for price in self._prices(opposite):
            if limit is not None and command.side * price > command.side * limit:
                break
            # Displayed quantity comes first; hidden quantity waits behind all of it.
            queue = self.book[opposite][price]
            displayed, hidden = ([(order, getattr(order, part)) for order in queue] for part in ("displayed", "hidden"))
            for order, quantity in displayed + hidden:
                if available >= command.quantity_lots:
                    return True
                if order.seat != seat or self.rules.self_trade == "allow":
                    available += quantity
                elif self.rules.self_trade != "cancel_resting":
                    return False
        return available >= command.quantity_lots

    def _replace(self, order: Order, command: Command) -> None:
        waiting = order.ladder in (BUY_STOPS, SELL_STOPS)
        reason = Reason.MARKET_HALTED if self.phase == Phase.HALTED else self._bad_quantity(command)
        if reason == Reason.NONE and order.kind != CommandKind.STOP:
            reason = self._bad_price(command)
        trigger = command.trigger_ticks if waiting and command.sets_trigger else order.trigger
        if reason == Reason.NONE and waiting:
            reason = self._bad_trigger(trigger, command.quantity_lots)
        post_only = order.command.time_in_force == TimeInForce.POST_ONLY and self.phase == Phase.CONTINUOUS
        if reason == Reason.NONE and post_only and self._would_take(order.side, command.price_ticks):
            reason = Reason.WOULD_TAKE
        price = order.price if order.kind == CommandKind.STOP else command.price_ticks
        quantity = command.quantity_lots - (order.filled if command.counts_filled else 0)
        quantity = self._allowed(order.seat, order.side, order.reduces, quantity)
        stays = (price, trigger) == (order.price, order.trigger) and quantity <= order.left
        if reason == Reason.NONE and not stays:
            changed = command._replace(side=order.side, quantity_lots=quantity)
            reason = self.credit_rejection(order.seat, changed, self.reserved_at(order.kind, price, trigger), order)
        if reason != Reason.NONE:
            self._reject(order.seat, command, reason)
            return
        if quantity <= 0:
            self._end(order, EventKind.CANCELED, Reason.BY_OWNER)
            return
        gone = max(order.displayed - quantity, 0) if stays else order.displayed
        if gone and not waiting:
            fields = {"quantity_lots": gone, "leaves_quantity": quantity, "liquidity": Liquidity.MAKER}
            self._emit(EventKind.CANCELED, order, reason=Reason.REPLACED, **fields)
        if stays:
            order.displayed = min(order.displayed, quantity)
            order.hidden = quantity - order.displayed
        else:
            self._remove(order)
            order.price, order.trigger = price, trigger
            order.displayed, order.hidden = quantity, 0
        self._emit(EventKind.REPLACED, order, quantity_lots=quantity, leaves_quantity=quantity)
        if waiting and not stays:
            self._queue(order, order.ladder, trigger)
        elif not stays:
            self._execute(order, CommandKind.LIMIT)

    # How orders trade

    def _limit(self, kind: int, side: int, price: int) -> int | None:
        """Return the worst price an order may trade at; None for any."""
        if kind == CommandKind.LIMIT:
            return price
        band = self.rules.price_band_ticks
        if band == 0:
            return None
        return floor(self.reference_price + band) if side == 1 else ceil(self.reference_price - band)

    def _execute(self, order: Order, kind: int) -> None:
        opposite = ASKS if order.side == 1 else BIDS
        limit = self._limit(kind, order.side, order.price)
        while self.phase == Phase.CONTINUOUS and order.displayed > 0:
            first = self._first(opposite)
            if first is None or (limit is not None and order.side * first.price > order.side * limit):
                break
            if first.seat == order.seat and self.rules.self_trade != "allow":
                self._prevent_self_trade(order, first)
                continue
            quantity = min(order.displayed, first.displayed)
            order.displayed -= quantity
            self.trades += 1
            for role, party in ((1, order), (0, first)):
                self._settle(party, first.price, quantity, role, first.seat == order.seat)
            first.filled += quantity
            order.filled += quantity
            self._emit_fill(first, first.price, quantity, first.left - quantity, Liquidity.MAKER)
            self._emit_fill(order, first.price, quantity, order.displayed, Liquidity.TAKER)
            self.last_price = first.price
            self._consume(first, quantity)
            for party in (first, order):
                self._limit_reducing(party.seat)
            self._count(abs(first.price) * quantity * self.spec.cash_per_tick_lot, quantity)
        if order.displayed == 0:
            return
        if kind == CommandKind.LIMIT and self._stays(order.command):
            self._rest(order, order.displayed, order.command.display_lots)
        else:
            self._emit(EventKind.CANCELED, order, reason=Reason.NO_LIQUIDITY, quantity_lots=order.displayed)

    def _prevent_self_trade(self, order: Order, first: Order) -> None:
        policy = self.rules.self_trade
        if policy == "cancel_resting":
            self._end(first, EventKind.CANCELED, Reason.SELF_TRADE)
            return
        quantity = order.displayed if policy == "cancel_incoming" else min(order.displayed, first.displayed)
        order.displayed -= quantity
        fields = {"reason": Reason.SELF_TRADE, "quantity_lots": quantity, "price_ticks": first.price}
        self._emit(EventKind.CANCELED, order, leaves_quantity=order.displayed, **fields)
        if policy == "decrement":
            left = first.left - quantity
            self._emit(EventKind.CANCELED, first, leaves_quantity=left, liquidity=Liquidity.MAKER, **fields)
            self._consume(first, quantity)

    def _rest(self, order: Order, quantity: int, display: int) -> None:
        order.displayed = min(quantity, display) if display > 0 else quantity
        order.hidden = quantity - order.displayed
        order.rests_since = self.time_ns
        self._queue(order, BIDS if order.side == 1 else ASKS, order.price)
        self._emit(EventKind.RESTED, order, quantity_lots=order.displayed, leaves_quantity=quantity)

    def _consume(self, order: Order, quantity: int) -> None:
        order.displayed -= quantity
        if order.displayed == 0:
            self._remove(order)
            if order.hidden > 0:
                self.refreshes[order.seat] += 1
                spent = self.refreshes[order.seat] > SEAT_REFRESHES
                self._rest(order, order.hidden, 0 if spent else order.command.display_lots)

    def _limit_reducing(self, seat: int) -> None:
        """Cut the orders that would do more than reduce what is left of a seat's holding."""
        for slot in sorted(self.open_orders[seat]):
            order = self.open_orders[seat][slot]
            self._cut(order, self._allowed(seat, order.side, order.reduces, order.left))

    def _cut(self, order: Order, lots: int) -> None:
        if lots == order.left:
            return
        if lots > 0:
            self.refreshes[order.seat] += 1
        if lots == 0 or self.refreshes[order.seat] > SEAT_REFRESHES:
            self._end(order, EventKind.CANCELED, Reason.REDUCE_ONLY)
        else:
            hidden = min(order.left - lots, order.hidden)
            self._lose(order, EventKind.CANCELED, Reason.REDUCE_ONLY, order.left - lots - hidden, hidden)

    def _trigger_stops(self) -> None:
        while True:
            buy, sell = self._first(BUY_STOPS), self._first(SELL_STOPS)
            if buy is not None and buy.trigger <= self.last_price:
                stop = buy
            elif sell is not None and sell.trigger >= self.last_price:
                stop = sell
            else:
                return
            self._remove(stop)
            self._emit(EventKind.TRIGGERED, stop, quantity_lots=stop.displayed, leaves_quantity=stop.displayed)
            if stop.kind == CommandKind.STOP:
                self._execute(stop, CommandKind.MARKET)
            else:
                stop.command = stop.command._replace(kind=CommandKind.LIMIT)
                self._execute(stop, CommandKind.LIMIT)

    # The venue's day

    def step(self) -> list[Event]:
        self.events = []
        self._end_step()
        self.time_ns += self.spec.step_ns
        self.step_number += 1
        self.refreshes = [0] * len(self.refreshes)
        self._publish()
        self.check_values()
        self._halt_after_move()
        self._begin_step()
        return self.events

    def _publish(self) -> None:
        """Publish the reference price and the mark, which only continuous trading moves."""
        bid, ask = (order and order.price for order in (self._first(BIDS), self._first(ASKS)))
        earlier_bid, earlier_ask = self.quotes
        self.quotes = (None, None) if self.phase == Phase.AUCTION else (bid, ask)
        if self.phase != Phase.CONTINUOUS:
            return
        reference, mark = self.reference_price, self.mark
        if bid is not None and ask is not None and ask - bid <= self.widest:
            reference = (bid + ask) / 2
        else:
            reference = bounded(reference, bid, ask)
        low = None if bid is None or earlier_bid is None else min(bid, earlier_bid)
        high = None if ask is None or earlier_ask is None else max(ask, earlier_ask)
        if low is not None and high is not None and high - low <= self.widest:
            mark = Fraction(low + high, 2)
        else:
            if self.trades > self.trades_before:
                if low is not None and self.last_price <= low:
                    mark = min(mark, Fraction(low))
                if high is not None and self.last_price >= high:
                    mark = max(mark, Fraction(high))
            mark = bounded(mark, low, high)
        fastest, farthest = FASTEST_MOVE * self.spec.price_scale_ticks, self.farthest
        self.reference_price = min(max(reference, self.reference_price - fastest), self.reference_price + fastest)
        self.mark = min(max(mark, self.mark - farthest), self.mark + farthest)

    def _begin_step(self) -> None:
        self.trades_before = self.trades
        for orders in self.open_orders:
            for slot in sorted(orders):
                if orders[slot].expires <= self.step_number:
                    self._end(orders[slot], EventKind.EXPIRED, Reason.NONE)
        rules, session = self.rules, self.spec.session_steps
        closing = rules.closing_auction_steps > 0 and self.step_number >= session - rules.closing_auction_steps
        if self.step_number < rules.opening_auction_steps or closing:
            self.phase = Phase.AUCTION
        elif self.phase == Phase.AUCTION:
            self._uncross()
            self.phase, self.halt_price = Phase.CONTINUOUS, self.last_price
            self._trigger_stops()
        elif self.phase == Phase.HALTED and self.step_number >= self.halt_ends:
            self.phase, self.halt_price = Phase.CONTINUOUS, self.last_price

        self.watch_accounts()

    def close_holding(self, seat: int, side: int, lots: int) -> None:
        self.orders[seat] += 1
        command = Command(CommandKind.MARKET, side, quantity_lots=lots)
        order_id = self.orders[seat] * 2**REFERENCE_BITS + seat * SEAT_ORDERS
        order = Order(order_id, seat, 0, command.kind, command, 0, 0, float("inf"), lots)
        self._emit(EventKind.ACCEPTED, order, reason=Reason.LIQUIDATION, quantity_lots=lots, leaves_quantity=lots)
        self._execute(order, command.kind)
        self._trigger_stops()

    def _end_step(self) -> None:
        if self.phase == Phase.AUCTION and self.step_number + 1 == self.spec.session_steps:
            self._uncross()
        for account in self.accounts:
            reached = [tier for tier, (_, _, first) in enumerate(self.fees) if account["traded_lots"] >= first]
            account["fee_tier"] = max(reached)

    def _halt_after_move(self) -> None:
        rules = self.rules
        if self.phase == Phase.CONTINUOUS and rules.halt_move_ticks > 0:
            if abs(self.last_price - self.halt_price) >= rules.halt_move_ticks:
                self.phase, self.halt_ends = Phase.HALTED, self.step_number + rules.halt_steps
            elif self.step_number % rules.halt_window_steps == 0:
                self.halt_price = self.last_price

    def _uncross(self) -> None:
        def volumes(price: int) -> tuple[int, int]:
            bought = sum(order.left for bid, queue in self.book[BIDS].items() if bid >= price for order in queue)
            sold = sum(order.left for ask, queue in self.book[ASKS].items() if ask <= price for order in queue)
            return bought, sold

        def preference(price: int) -> tuple[int, int, float, int]:
            bought, sold = volumes(price)
            return -min(bought, sold), abs(bought - sold), abs(price - self.reference_price), price

        def clearing_price() -> int:
            return min([*self.book[BIDS], *self.book[ASKS]], key=preference, default=0)

        while min(volumes(price := clearing_price())) > 0 and self._limit_executable(price):
            pass
        left = min(volumes(price))
        between_seats = False
        while left > 0:
            bid, ask = self._first(BIDS), self._first(ASKS)
            assert bid is not None
            assert ask is not None
            quantity = min(bid.displayed, ask.displayed, left)
            left -= quantity
            self.trades += 1
            between_seats |= bid.seat != ask.seat
            for order in (bid, ask):
                self._settle(order, price, quantity, 0, bid.seat == ask.seat, called=True)
                order.filled += quantity
            for order in sorted((bid, ask), key=lambda order: order.rests_since):
                self._emit_fill(order, price, quantity, order.left - quantity, Liquidity.AUCTION)
            self.last_price = price
            self._consume(bid, quantity)
            self._consume(ask, quantity)
            self._count(abs(price) * quantity * self.spec.cash_per_tick_lot, quantity)
            if self.excess is not None:
                break
        if between_seats:
            self.reference_price, self.mark = price, Fraction(price)
        for seat in range(len(self.open_orders)):
            self._limit_reducing(seat)

    def _limit_executable(self, price: int) -> bool:
        """Cut reduce-only orders, the latest first, until all executable orders of a seat cannot reverse it."""
        before = len(self.events)
        for seat, orders in enumerate(self.open_orders):
            for side, ladder in ((1, BIDS), (-1, ASKS)):
                while True:
                    executable = [o for o in orders.values() if o.ladder == ladder and side * (o.price - price) >= 0]
                    reducing = sorted((o for o in executable if o.reduces), key=lambda order: order.order_id)
                    excess = sum(order.left for order in executable) - max(-side * self.holding(seat), 0)
                    if excess <= 0 or not reducing:
                        break
                    self._cut(reducing[-1], max(reducing[-1].left - excess, 0))
        return len(self.events) > before
