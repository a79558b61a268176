"""Replay inside a step: recorded messages arrive at their times, among the commands of all other seats.

The seats of the replaying group hold the recorded orders, each one that has room when the order comes; the last of them
sends the recorded aggressors. What a message means where the book is not the recorded one:

- SUBMIT submits the order. Where it meets an order of another seat, it trades.
- REDUCE leaves no more of an order than the record does. What others have taken before, a cancel does not take again,
  and a cancel of an order that is gone does nothing.
- TAKE is a limit order, immediate or canceled, of the recorded quantity at the last price that it reached in the
  record: it fills what is there, first what is better or was there before, and what it does not find is lost.
- FILL, behind it, takes off the order what the record has filled and the aggressor has not: others were before it.

So no recorded order is ever larger than in the record, and the book returns to the recorded one as orders come and go.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from marl_market.env.step.context import call_stage
from marl_market.exchange.codes import CommandKind, EventKind, Liquidity, TimeInForce
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.order_entry import own_open_slot, process
from marl_market.exchange.pointers import pointer
from marl_market.exchange.publication import publish
from marl_market.exchange.records import REFERENCE_BITS, SEAT_ORDERS, SLOT_BITS
from marl_market.market.replay_tape import MESSAGE, MessageKind

SUBMIT, REDUCE, TAKE = int(MessageKind.SUBMIT), int(MessageKind.REDUCE), int(MessageKind.TAKE)
LIMIT, CANCEL, REPLACE = int(CommandKind.LIMIT), int(CommandKind.CANCEL), int(CommandKind.REPLACE)
FILLED, REJECTED, MAKER = int(EventKind.FILLED), int(EventKind.REJECTED), int(Liquidity.MAKER)
RESTS, TAKES = int(TimeInForce.GOOD_TILL_CANCEL), int(TimeInForce.IMMEDIATE_OR_CANCEL)
FULL = np.uint64((1 << SEAT_ORDERS) - 1)
REFERENCE_MASK = (1 << REFERENCE_BITS) - 1

TALLY = np.dtype(
    [
        ("messages", np.int64),  # sent
        ("rejected", np.int64),  # submissions that the venue rejected
        ("taken_lots", np.int64),  # by aggressors in the record
        ("unexecuted_lots", np.int64),  # of these, what they did not find here
        ("diverted_lots", np.int64),  # of these, what they took from orders of other seats
        ("fills", np.int64),  # in the record
        ("reproduced_fills", np.int64),  # of these, the ones here of the same order and quantity
        ("displaced_lots", np.int64),  # filled in the record, but here others were before them
        ("crossed_lots", np.int64),  # that came to rest in the record, but here met an order of another seat
    ]
)
"""What became of the messages of a session."""

REPLAY = np.dtype(
    [
        ("message", np.int64),  # address of MESSAGE rows
        ("count", np.int64),  # of them; 0 in a market without a replay
        ("opening", np.int64),  # address of MESSAGE rows: what rests as the session begins
        ("opening_count", np.int64),
        ("first_seat", np.int64),  # of the group
        ("seats", np.int64),
        ("order_id", np.int64),  # address of the order id of each place
        ("places", np.int64),
        ("divergence", np.int64),  # address of the mid price less the recorded one behind each step, in ticks
        ("opening_ticks", np.int64),  # recorded price as the session begins
        # From here on: what a session changes.
        ("origin_ns", np.int64),  # recorded time of the market's time 0
        ("until_ns", np.int64),  # time up to which messages are sent next
        ("next", np.int64),  # index of the next message
        ("turn", np.int64),  # seat that has taken the last order
        ("first_event", np.int64),  # of the last TAKE, and that behind its last one
        ("last_event", np.int64),
        ("tally", TALLY),
    ]
)
"""The replay of one market."""

STATE_OFFSET = REPLAY.fields["origin_ns"][1]  # type: ignore[index]
STATE_BYTES = REPLAY.itemsize - STATE_OFFSET


@inlined
def replay_of(context, market_index):  # type: ignore[no-untyped-def]
    """Return the replay of a market of a batch that has replays."""
    return carray(pointer(context.replays), (context.markets,), REPLAY)[market_index]


@inlined
def order_ids_of(replay):  # type: ignore[no-untyped-def]
    """Return the id of the order in each place, 0 where none was accepted."""
    return carray(pointer(replay.order_id), (replay.places,), np.int64)


@compiled
def send(market, seat_index, kind, side, price_ticks, quantity_lots, time_in_force, order_id):  # type: ignore[no-untyped-def]
    """Process a command of a seat of the group."""
    command = market.seat[seat_index].command[0]
    command.kind = kind
    command.side = side
    command.price_ticks = price_ticks
    command.trigger_ticks = 0
    command.quantity_lots = quantity_lots
    command.display_lots = 0
    command.time_in_force = time_in_force
    command.lifetime_steps = 0
    command.order_id = order_id
    command.client_order_id = 0
    command.reduce_only = 0
    command.sets_trigger = 0
    command.counts_filled = 0
    process(market, seat_index, command)


@inlined
def seat_with_room(market, replay):  # type: ignore[no-untyped-def]
    """Return the next seat of the group, all but the last, that has room for an order: together they have enough."""
    makers = replay.seats - 1
    replay.turn = (replay.turn + 1) % makers
    while market.seat[replay.first_seat + replay.turn].live == FULL:
        replay.turn = (replay.turn + 1) % makers
    return replay.first_seat + replay.turn


@inlined
def open_lots_of(market, order_id):  # type: ignore[no-untyped-def]
    """Return what is open of an order, 0 where it is gone."""
    seat_index = (order_id & REFERENCE_MASK) >> SLOT_BITS
    slot = own_open_slot(market, seat_index, order_id)
    return market.seat[seat_index].order[slot].leaves_quantity if slot >= 0 else np.int64(0)


@compiled
def submit_recorded(market, replay, message):  # type: ignore[no-untyped-def]
    """Submit an order that comes to rest in the record."""
    order_ids = order_ids_of(replay)
    order_ids[message.place] = 0
    seat_index = seat_with_room(market, replay)
    first = market.event_count
    send(market, seat_index, LIMIT, message.side, message.price_ticks, message.quantity_lots, RESTS, 0)
    if market.event[first].kind == REJECTED:
        replay.tally.rejected += 1
        return
    order_ids[message.place] = market.event[first].order_id
    replay.tally.crossed_lots += message.quantity_lots - open_lots_of(market, market.event[first].order_id)


@compiled
def leave_recorded(market, replay, message):  # type: ignore[no-untyped-def]
    """Leave no more of an order than the record does; return what that takes off it."""
    order_id = order_ids_of(replay)[message.place]
    lots = open_lots_of(market, order_id)
    if order_id == 0 or lots <= message.left_lots:
        return np.int64(0)
    seat_index = (order_id & REFERENCE_MASK) >> SLOT_BITS
    kind = CANCEL if message.left_lots == 0 else REPLACE
    send(market, seat_index, kind, message.side, message.price_ticks, message.left_lots, RESTS, order_id)
    return lots - message.left_lots


@compiled
def take_recorded(market, replay, message):  # type: ignore[no-untyped-def]
    """Send a recorded aggressor."""
    tally, first_seat = replay.tally, replay.first_seat
    seat_index = first_seat + replay.seats - 1
    account = market.seat[seat_index].account
    before = account.traded_lots
    replay.first_event = market.event_count
    send(market, seat_index, LIMIT, message.side, message.price_ticks, message.quantity_lots, TAKES, 0)
    replay.last_event = market.event_count
    tally.taken_lots += message.quantity_lots
    tally.unexecuted_lots += message.quantity_lots - (account.traded_lots - before)
    for i in range(replay.first_event, replay.last_event):
        event = market.event[i]
        if event.kind == FILLED and event.liquidity == MAKER and not first_seat <= event.seat <= seat_index:
            tally.diverted_lots += event.quantity_lots


@compiled
def fill_recorded(market, replay, message):  # type: ignore[no-untyped-def]
    """Compare a recorded fill with those of the aggressor before it."""
    order_id = order_ids_of(replay)[message.place]
    lots = np.int64(0)
    for i in range(replay.first_event, replay.last_event):
        event = market.event[i]
        if event.kind == FILLED and event.liquidity == MAKER and event.order_id == order_id:
            lots += event.quantity_lots
    replay.tally.fills += 1
    replay.tally.reproduced_fills += lots == message.quantity_lots
    replay.tally.displaced_lots += leave_recorded(market, replay, message)


def send_recorded(market, market_index, context):  # type: ignore[no-untyped-def]
    """Stage: send the recorded messages before `until_ns` of a market's replay, and let its clock stand there."""
    replay = replay_of(context, market_index)
    messages = carray(pointer(replay.message), (replay.count,), MESSAGE)
    while replay.next < replay.count:
        message = messages[replay.next]
        time_ns = message.time_ns - replay.origin_ns
        if time_ns >= replay.until_ns:
            break
        market.time_ns = max(market.time_ns, time_ns)
        if message.kind == SUBMIT:
            submit_recorded(market, replay, message)
        elif message.kind == REDUCE:
            leave_recorded(market, replay, message)
        elif message.kind == TAKE:
            take_recorded(market, replay, message)
        else:
            fill_recorded(market, replay, message)
        replay.next += 1
        replay.tally.messages += 1
    market.time_ns = replay.until_ns
    return 0


@inlined
def send_until(market, market_index, context, until_ns):  # type: ignore[no-untyped-def]
    """Send the recorded messages before `until_ns`, in a market that replays."""
    replay = replay_of(context, market_index)
    if replay.count > 0:
        replay.until_ns = until_ns
        call_stage(context.send_recorded, market, market_index, context)


def open_replay(market, market_index, context):  # type: ignore[no-untyped-def]
    """Stage: submit the orders that rest as the session of a market with a replay begins, and publish the book."""
    replay = replay_of(context, market_index)
    opening = carray(pointer(replay.opening), (replay.opening_count,), MESSAGE)
    for i in range(opening.size):
        submit_recorded(market, replay, opening[i])
    publish(market)
    return 0


@inlined
def opening_price(price_ticks, market_index, context):  # type: ignore[no-untyped-def]
    """Return the price at which a market opens: the recorded one where it replays, else `price_ticks`."""
    if context.replays == 0:
        return price_ticks
    recorded = replay_of(context, market_index).opening_ticks
    return recorded if recorded > 0 else price_ticks


@compiled
def note_divergence(market, market_index, context):  # type: ignore[no-untyped-def]
    """Write the mid price less the recorded one behind the step that has ended; it stays NaN without both quotes."""
    replay, public = replay_of(context, market_index), market.public
    if replay.next == 0 or public.step <= 0 or public.depth[0] == 0 or public.depth[1] == 0:
        return
    last = carray(pointer(replay.message), (replay.count,), MESSAGE)[replay.next - 1]
    if last.bid_price_ticks > 0 and last.ask_price_ticks > 0:
        recorded = np.int64(last.bid_price_ticks) + last.ask_price_ticks
        here = np.int64(public.level[0, 0].price_ticks) + public.level[1, 0].price_ticks
        divergence = carray(pointer(replay.divergence), (public.session_steps,), np.float64)
        divergence[public.step - 1] = 0.5 * (here - recorded)
