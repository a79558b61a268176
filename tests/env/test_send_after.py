"""A command that is sent some time after the decision, and a cancel of the order sent last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.trading import (
    DECIDED,
    MarketSpec,
    Traits,
    cancel_newest,
    send_after,
    submit_limit,
    trader,
)
from marl_market.exchange.codes import EventKind, Reason
from marl_market.market.latency import Delay, Latency
from tests.builders import environment, market_spec

LINE = Latency(entry=Delay(floor_ns=1000.0))


@trader
def flash(public, seat, params):  # type: ignore[no-untyped-def]
    """Bid once, and cancel it a while later, but in the same decision; then bid again."""
    if public.step == 0:
        submit_limit(seat, 1, 990, 1)
        send_after(seat, params.value[0])
        cancel_newest(seat)
        send_after(seat, params.value[1])
        submit_limit(seat, 1, 991, 2)
    return DECIDED


@dataclass(frozen=True)
class Flash:
    sent: float
    canceled: float
    trader = flash
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return (self.sent, self.canceled)


def events(
    latency: Latency | None, steps: int = 2, sent: float = 2e5, canceled: float = 7e5
) -> list[tuple[int, int, int]]:
    """Return (kind, nanoseconds since the open, quantity) of all events of two steps of a second."""
    groups = [Group("flash", Flash(sent, canceled), 1, latency=latency)]
    batch = BatchMarket(environment(groups, spec=market_spec()), 1)
    batch.reset([0])
    action = np.zeros((1, 0, batch.environment.action_size), np.float32)
    found: list[Any] = []
    for _ in range(steps):
        batch.step(action)
        market = batch.markets[0]
        found += market["event"][: market["event_count"]].copy().tolist()
    names = batch.markets["event"].dtype.names
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return [(row["kind"], row["time_ns"], row["quantity_lots"]) for row in rows]


RESTED, CANCELED, ACCEPTED = EventKind.RESTED, EventKind.CANCELED, EventKind.ACCEPTED


def test_commands_arrive_when_they_are_sent_and_keep_their_order() -> None:
    assert events(LINE) == [
        (ACCEPTED, 201_000, 1), (RESTED, 201_000, 1), (CANCELED, 701_000, 1),
        (ACCEPTED, 701_000, 2), (RESTED, 701_000, 2),  # written behind the cancel, it waits for it
    ]  # fmt: skip


def test_a_command_may_arrive_in_a_later_step() -> None:
    assert [kind for kind, *_ in events(LINE, steps=1, canceled=1.5e9)] == [ACCEPTED, RESTED]
    assert events(LINE, canceled=1.5e9)[2] == (CANCELED, 1_500_001_000, 1)


def test_without_delays_all_of_it_happens_at_once() -> None:
    assert [event[:2] for event in events(None)] == [
        (ACCEPTED, 0), (RESTED, 0), (CANCELED, 0), (ACCEPTED, 0), (RESTED, 0)
    ]  # fmt: skip


@trader
def cancel_nothing(public, seat, params):  # type: ignore[no-untyped-def]
    cancel_newest(seat)
    send_after(seat, -5.0)
    return DECIDED


@dataclass(frozen=True)
class CancelNothing:
    trader = cancel_nothing
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


def test_a_cancel_of_the_newest_order_of_a_seat_without_one_is_rejected() -> None:
    batch = BatchMarket(environment([Group("seat", CancelNothing(), 1, latency=LINE)]), 1)
    batch.reset([0])
    batch.step(np.zeros((1, 0, batch.environment.action_size), np.float32))
    event = batch.markets[0]["event"][0]
    assert (event["kind"], event["reason"]) == (EventKind.REJECTED, Reason.ORDER_UNKNOWN)
