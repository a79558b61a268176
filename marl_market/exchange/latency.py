"""Latency: commands in flight from a seat to the venue, and delayed market data.

Why outside the market record, at an address: a market without delays then has none of this memory, a longer delay has
more of it, and no kernel has another argument. An address of zero means no delays.

A seat may send a command some time after its decision (`after_ns`): so it reacts within a step, and its decision is a
sequence of messages, as a program's is.

Assumptions: a connection keeps the order of its commands, as a session of an exchange does. At most `SEAT_IN_FLIGHT`
commands of a seat are in flight; one more is rejected when it is sent. The venue processes at most `SEAT_COMMANDS` of a
seat a step and the rest wait for the next; commands in flight at the end of the session are rejected then. Commands
that arrive at the same time are processed in the shuffled order of their seats. A seat observes its own account, orders
and fills, and the clock, without delay; all that derives from the market is delayed: the public record, what wakes a
sleeping seat, the queue positions of its orders, and the prices that value its positions in other instruments. An
order of which its data do not tell yet counts as queued behind all that they display at its price.
"""

from __future__ import annotations

import math

import numpy as np

from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import Reason
from marl_market.exchange.compiled import compiled, inlined
from marl_market.exchange.connections import (
    connections_of,
    deliveries_of,
    history_of,
    queue_row,
)
from marl_market.exchange.execution import reject
from marl_market.exchange.pointers import clear_record, copy_record
from marl_market.exchange.random_streams import begin_stream, exponential, normal, uniform
from marl_market.exchange.records import ASKS, SEAT_COMMANDS, SEAT_IN_FLIGHT

NO_REASON, SESSION_OVER = int(Reason.NONE), int(Reason.SESSION_OVER)
TOO_MANY_IN_FLIGHT = int(Reason.TOO_MANY_IN_FLIGHT)


@compiled
def visible_row(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the index of the public record in the history that a seat observes."""
    return (market.public.step - connections_of(market)[seat_index].data_steps) % market.history_steps


@compiled
def visible_public(market, seat_index):  # type: ignore[no-untyped-def]
    """Return the public record in the history that a seat observes; its clock is never delayed."""
    record = history_of(market)[visible_row(market, seat_index)]
    record.step = market.public.step
    record.time_ns = market.public.time_ns
    return record


@compiled
def draw_delay(connection, delay):  # type: ignore[no-untyped-def]
    """Return a delay drawn from a connection's stream, in nanoseconds."""
    nanoseconds = delay.floor_ns
    if delay.uniform_ns > 0.0:
        nanoseconds += delay.uniform_ns * uniform(connection)
    if delay.exponential_ns > 0.0:
        nanoseconds += delay.exponential_ns * exponential(connection)
    if delay.lognormal_ns > 0.0:
        nanoseconds += delay.lognormal_ns * math.exp(delay.sigma * normal(connection))
    return min(nanoseconds, delay.longest_ns)


@compiled
def append_public(market, step_ns):  # type: ignore[no-untyped-def]
    """Append the published record to the history, and draw the age of the record that each seat observes."""
    step, depth = market.public.step, market.history_steps
    connections = connections_of(market)
    for i in range(market.seat_count):
        connection = connections[i]
        begin_stream(connection, step)
        if depth > 0:
            late = np.int64(math.ceil(draw_delay(connection, connection.data) / step_ns))
            oldest = connection.data_steps + 1
            connection.data_steps = min(late, oldest)
            connection.new_records = min(oldest - connection.data_steps, depth)
    if depth > 0:
        write_history(market)


@compiled
def write_history(market):  # type: ignore[no-untyped-def]
    """Write the published record to the history, and let seats have queue positions of the step that they observe."""
    history = history_of(market)
    copy_record(history[market.public.step % market.history_steps], market.public)
    if market.public.tracks_history == 1:
        for i in range(market.seat_count):
            if market.seat[i].tracks_queue == 1:
                delay_queue(market, i)


@compiled
def delay_queue(market, seat_index):  # type: ignore[no-untyped-def]
    """Keep the queue positions of a seat's orders, and replace them with those of the step that it observes."""
    seat, visible = market.seat[seat_index], visible_public(market, seat_index)
    now = queue_row(market, seat_index, 0)
    observed = queue_row(market, seat_index, connections_of(market)[seat_index].data_steps)
    slots = seat.live
    while slots != 0:
        slot = lowest_bit(slots)
        slots &= slots - np.uint64(1)
        order = seat.order[slot]
        now.order_id[slot] = order.order_id
        now.since_ns[slot] = order.time_ns
        now.ahead_lots[slot] = seat.ahead_lots[slot]
        if observed.order_id[slot] == order.order_id and observed.since_ns[slot] == order.time_ns:
            seat.ahead_lots[slot] = observed.ahead_lots[slot]
        else:
            seat.ahead_lots[slot] = displayed_at(visible, order)


@compiled
def displayed_at(public, order):  # type: ignore[no-untyped-def]
    """Return the quantity that a public record displays at the price of an order; 0 for a waiting stop."""
    for i in range(public.depth[order.ladder] if order.ladder <= ASKS else 0):
        level = public.level[order.ladder, i]
        if level.price_ticks == order.price_ticks:
            return level.quantity_lots
    return np.int64(0)


@compiled
def open_connections(market, keys, step_ns):  # type: ignore[no-untyped-def]
    """Clear all connections, and let every seat observe the record of the opening; `keys` (seats,) are random."""
    connections, history = connections_of(market), history_of(market)
    for i in range(market.seat_count):
        connection = connections[i]
        connection.random_key = keys[i]
        connection.last_arrival_ns = market.time_ns
        connection.data_steps = market.history_steps
        connection.sent = 0
        connection.delivered = 0
    for i in range(market.history_steps):
        copy_record(history[i], market.public)
        if market.public.tracks_history == 1:
            for seat_index in range(market.seat_count):
                clear_record(queue_row(market, seat_index, i))
    market.delivery_count = 0
    append_public(market, step_ns)


@compiled
def begin_history(market):  # type: ignore[no-untyped-def]
    """Set the session volume of records from before the session to zero, and add the record of the open."""
    history = history_of(market)
    for i in range(market.history_steps):
        history[i].session_lots = 0
    if market.history_steps > 0:
        write_history(market)


@compiled
def append_delivery(market, seat_index, after_ns, rejection, command):  # type: ignore[no-untyped-def]
    """Append a command to the deliveries of this step."""
    delivery = deliveries_of(market)[market.delivery_count]
    market.delivery_count += 1
    delivery.after_ns = after_ns
    delivery.seat = seat_index
    delivery.rejection = rejection
    copy_record(delivery.command, command)


@compiled
def send_commands(market):  # type: ignore[no-untyped-def]
    """Send the commands that the seats have written."""
    connections = connections_of(market)
    for i in range(market.seat_count):
        connection, seat = connections[i], market.seat[i]
        for j in range(seat.command_count):
            if connection.sent - connection.delivered == SEAT_IN_FLIGHT:
                append_delivery(market, i, 0, TOO_MANY_IN_FLIGHT, seat.command[j])
                continue
            delay_ns = connection.compute_ns + draw_delay(connection, connection.entry)
            arrival_ns = market.time_ns + seat.command[j].after_ns + np.int64(delay_ns)
            connection.last_arrival_ns = max(connection.last_arrival_ns, arrival_ns)
            in_flight = connection.in_flight[connection.sent % SEAT_IN_FLIGHT]
            connection.sent += 1
            in_flight.arrival_ns = connection.last_arrival_ns
            copy_record(in_flight.command, seat.command[j])


@compiled
def comes_before(connections, first, second):  # type: ignore[no-untyped-def]
    """Return whether the next command of seat `first` arrives before that of seat `second`."""
    one, other = connections[first], connections[second]
    return one.next_ns < other.next_ns or (one.next_ns == other.next_ns and one.arrival_rank < other.arrival_rank)


@compiled
def sift_down(connections, entry, count):  # type: ignore[no-untyped-def]
    """Restore the heap order from `entry` downward."""
    seat = connections[entry].heap
    while 2 * entry + 1 < count:
        below = 2 * entry + 1
        if below + 1 < count and comes_before(connections, connections[below + 1].heap, connections[below].heap):
            below += 1
        if not comes_before(connections, connections[below].heap, seat):
            break
        connections[entry].heap = connections[below].heap
        entry = below
    connections[entry].heap = seat


@inlined
def is_due(connection, end_ns):  # type: ignore[no-untyped-def]
    """Set the arrival of a connection's next command; return whether the venue processes it before `end_ns`."""
    if connection.delivered == connection.sent or connection.taken == SEAT_COMMANDS:
        return False
    connection.next_ns = connection.in_flight[connection.delivered % SEAT_IN_FLIGHT].arrival_ns
    return connection.next_ns < end_ns


@compiled
def collect_deliveries(market, step_ns):  # type: ignore[no-untyped-def]
    """Write the deliveries of this step in order of arrival; return their number."""
    market.delivery_count = 0
    send_commands(market)
    connections = connections_of(market)
    begin_ns, end_ns = market.time_ns, market.time_ns + step_ns
    count = 0
    for place in range(market.seat_count):
        index = market.arrival[place]
        connection = connections[index]
        connection.arrival_rank = place
        connection.taken = 0
        if is_due(connection, end_ns):
            connections[count].heap = index
            count += 1
    for entry in range(count // 2 - 1, -1, -1):
        sift_down(connections, entry, count)
    after_ns = 0
    while count > 0:
        index = np.int64(connections[0].heap)
        connection = connections[index]
        after_ns = max(connection.next_ns - begin_ns, 0)
        append_delivery(
            market, index, after_ns, NO_REASON, connection.in_flight[connection.delivered % SEAT_IN_FLIGHT].command
        )
        connection.delivered += 1
        connection.taken += 1
        if not is_due(connection, end_ns):
            count -= 1
            connections[0].heap = connections[count].heap
        sift_down(connections, 0, count)
    if market.public.step + 1 == market.public.session_steps:
        for i in range(market.seat_count):
            reject_in_flight(market, i, after_ns, SESSION_OVER)
    return market.delivery_count


@compiled
def reject_in_flight(market, seat_index, after_ns, reason):  # type: ignore[no-untyped-def]
    """Reject all commands of a seat in flight for `reason`."""
    connection = connections_of(market)[seat_index]
    while connection.delivered < connection.sent:
        append_delivery(
            market, seat_index, after_ns, reason, connection.in_flight[connection.delivered % SEAT_IN_FLIGHT].command
        )
        connection.delivered += 1


@compiled
def receive_delivery(market, number, begin_ns):  # type: ignore[no-untyped-def]
    """Set the clock to delivery `number` of the step that began at `begin_ns`; reject it if it has a reason for that.

    Returns its seat, and the number of commands to process: one, or none.
    """
    delivery = deliveries_of(market)[number]
    market.time_ns = begin_ns + delivery.after_ns
    if delivery.rejection == NO_REASON:
        return delivery.seat, 1
    reject(market, delivery.seat, delivery.command, delivery.rejection)
    return delivery.seat, 0
