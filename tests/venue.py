"""One market record driven command by command."""

from typing import Any, NamedTuple

import numpy as np

from marl_market.exchange.book import SLOT_MASK
from marl_market.exchange.codes import CommandKind
from marl_market.exchange.command_stream import pass_step
from marl_market.exchange.compiled import compiled
from marl_market.exchange.order_entry import process
from marl_market.exchange.publication import publish
from marl_market.exchange.records import COMMAND, SLOT_BITS, SLOT_OF_REFERENCE
from marl_market.exchange.session import begin_step
from marl_market.exchange.setup import allocate_markets, open_market
from marl_market.market.spec import MarketSpec
from tests.builders import market_spec


class Command(NamedTuple):
    """A command of a seat; the fields of COMMAND that are not given are zero."""

    kind: int
    side: int = 0
    price_ticks: int = 0
    quantity_lots: int = 0
    order_id: int = 0
    client_order_id: int = 0
    trigger_ticks: int = 0
    display_lots: int = 0
    time_in_force: int = 0
    lifetime_steps: int = 0
    reduce_only: int = 0
    sets_trigger: int = 0
    counts_filled: int = 0


class Event(NamedTuple):
    """The fields of an event record in the order of its columns."""

    time_ns: int
    order_id: int
    trade_id: int
    quantity_lots: int
    leaves_quantity: int
    seat: int
    price_ticks: int
    client_order_id: int
    kind: int
    reason: int
    side: int
    liquidity: int


class Resting(NamedTuple):
    """An order in the book, or one that waits for its trigger, which is then its price here."""

    order_id: int
    seat: int
    price_ticks: int
    leaves_quantity: int
    hidden_quantity: int = 0


# Arrays, since a call with a record spends twenty times as long on looking at the record's type.
@compiled
def carry_out(markets, seat, commands):  # type: ignore[no-untyped-def]
    for i in range(commands.size):
        process(markets[0], seat, commands[i])


@compiled
def begin(markets):  # type: ignore[no-untyped-def]
    begin_step(markets[0])


class Venue:
    """An exchange with an empty book; `send` carries out one command and returns its events."""

    def __init__(self, seats: int = 4, spec: MarketSpec | None = None) -> None:
        self.spec = spec or market_spec()
        self.markets = allocate_markets(self.spec, 1, seats)
        self.market: Any = self.markets[0]
        self._command = np.zeros(1, COMMAND)
        self._columns = self._command[list(Command._fields)]  # a view in the order of Command
        begin(self.markets)

    def send(self, seat: int, *command: int, **fields: int) -> list[Event]:
        """Carry out the command of these fields of `Command`."""
        self.market["event_count"] = 0
        return self.append(seat, *command, **fields)

    def append(self, seat: int, *command: int, **fields: int) -> list[Event]:
        """Carry out a command of the same step: events pile up."""
        before = int(self.market["event_count"])
        self._columns[0] = Command(*command, **fields)
        carry_out(self.markets, seat, self._command)
        return self._events(before)

    def step(self) -> list[Event]:
        """End a step and begin the next; return the venue's own events."""
        pass_step(self.markets, self.spec.step_ns)
        return self._events(0)

    def _events(self, first: int) -> list[Event]:
        return [Event(*row) for row in self.market["event"][first : int(self.market["event_count"])].tolist()]

    def limit(self, seat: int, side: int, price_ticks: int, quantity_lots: int, **fields: int) -> int:
        """Send a limit order and return its id, or 0 if it is rejected."""
        return self.send(seat, CommandKind.LIMIT, side, price_ticks, quantity_lots, **fields)[0].order_id

    def take(self, seat: int, side: int, quantity_lots: int) -> list[Event]:
        return self.send(seat, CommandKind.MARKET, side, 0, quantity_lots)

    def publish(self) -> Any:
        publish(self.market)
        return self.market["public"]

    def reopen(self) -> None:
        open_market(self.market, self.spec.initial_price_ticks)

    def account(self, seat: int) -> Any:
        return self.market["seat"][seat]["account"]

    def levels(self, ladder: int) -> list[Any]:
        """Return the level records of a ladder, the first to be served first."""
        return [self.market["book"]["level"][place] for place in self.places(ladder)]

    def places(self, ladder: int) -> list[int]:
        """Return the pool places of the levels of a ladder, the first to be served first."""
        book = self.market["book"]
        return [int(key) & SLOT_MASK for key in book["ladder"][ladder, : book["count"][ladder]][::-1]]

    def queue(self, place: int) -> list[int]:
        """Return the references of a level's orders, the first to be served first; raises where the ring is broken."""
        book = self.market["book"]
        link, end = book["link"], len(book["level"]) + place
        references, reference = [], int(link[end]["next"])
        while reference != end:
            references.append(reference)
            reference = int(link[reference]["next"])
        neighbors = zip([end, *references], [*references, end], strict=True)
        assert all(int(link[later]["previous"]) == earlier for earlier, later in neighbors), "a ring is broken"
        return references

    def resting(self, ladder: int) -> list[Resting]:
        """Return the orders of a ladder in the order in which they would be filled or triggered."""
        orders = []
        for place, level in zip(self.places(ladder), self.levels(ladder), strict=True):
            for reference in self.queue(place):
                seat = reference >> SLOT_BITS
                order = self.market["seat"][seat]["order"][reference & SLOT_OF_REFERENCE]
                orders.append(
                    Resting(
                        int(order["order_id"]),
                        seat,
                        int(level["price_ticks"]),
                        int(order["leaves_quantity"]),
                        int(order["reserve_quantity"]),
                    )
                )
        return orders
