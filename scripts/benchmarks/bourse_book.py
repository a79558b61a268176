"""The same stream of messages through bourse, a Rust order book for Python, for comparison (`pip install bourse`).

It does less: no accounts, no fees, no self-trade prevention, so the two books go their own ways on one stream. Each of
its two ways in is timed: a call for each message, and arrays of a thousand instructions, which it shuffles.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
from benchmarks.measurement import best_seconds
from numpy.typing import NDArray

from marl_market.exchange.codes import CommandKind
from marl_market.exchange.records import REFERENCE_BITS

BATCH = 1000
NEW, REMOVE = 1, 2
LOWEST, HIGHEST = 1, 2**31
SUBMITTED = (int(CommandKind.LIMIT), int(CommandKind.MARKET))


def bourse_rates(stream: NDArray[np.void]) -> dict[str, float]:
    """Return the messages a second of each way, or none where bourse is not installed."""
    if importlib.util.find_spec("bourse") is None:
        print("bourse is not installed: nothing to compare the engine with (pip install bourse)", file=sys.stderr)
        return {}
    calls, batches = as_calls(stream), as_batches(stream)
    return {
        "call_a_message": stream.size / best_seconds(lambda: play_calls(calls), lambda: None),
        "arrays_of_1000": stream.size / best_seconds(lambda: play_batches(batches), lambda: None),
    }


def bourse_id(stream: NDArray[np.void]) -> NDArray[np.int64]:
    """Return which submission each cancel names: our ids count the accepted orders from 1, bourse's from 0."""
    return np.asarray((stream["command"]["order_id"] >> REFERENCE_BITS) - 1, np.int64)


def as_calls(stream: NDArray[np.void]) -> list[tuple[Any, ...]]:
    """Return one tuple a message: (order to cancel,) or (buys, quantity, seat, price), None for a market order."""
    command = stream["command"]
    market = command["kind"] == int(CommandKind.MARKET)
    columns = (command["side"] > 0, command["quantity_lots"], stream["seat"], command["price_ticks"])
    rows = zip(*(column.tolist() for column in columns), market.tolist(), strict=True)
    canceled = np.where(np.isin(command["kind"], SUBMITTED), -1, bourse_id(stream)).tolist()
    return [
        (number,) if number >= 0 else (*order, None if is_market else price)
        for number, (*order, price, is_market) in zip(canceled, rows, strict=True)
    ]


def play_calls(calls: list[tuple[Any, ...]]) -> None:
    """Carry out the stream with a Python call for each message."""
    from bourse.core import OrderBook

    book = OrderBook(0, 1, True)
    place, cancel = book.place_order, book.cancel_order
    for call in calls:
        if len(call) == 1:
            cancel(*call)
        else:
            place(*call)


def as_batches(stream: NDArray[np.void]) -> list[tuple[NDArray[Any], ...]]:
    """Return the stream as arrays of a thousand instructions; a market order is a limit order at any price."""
    command = stream["command"]
    submitted = np.isin(command["kind"], SUBMITTED)
    any_price = np.where(command["side"] > 0, HIGHEST, LOWEST)
    price = np.where(command["kind"] == int(CommandKind.MARKET), any_price, command["price_ticks"])
    columns = (
        np.where(submitted, NEW, REMOVE).astype(np.uint32),
        command["side"] > 0,
        command["quantity_lots"].astype(np.uint32),
        stream["seat"].astype(np.uint32),
        price.astype(np.uint32),
        np.where(submitted, 0, bourse_id(stream)).astype(np.uint64),
    )
    cuts = range(BATCH, stream.size, BATCH)
    return list(zip(*(np.split(column, cuts) for column in columns), strict=True))


def play_batches(batches: list[tuple[NDArray[Any], ...]]) -> None:
    """Carry out the stream a thousand instructions at a time."""
    from bourse.core import StepEnvNumpy

    market = StepEnvNumpy(1, 0, 1, 1000)
    for batch in batches:
        market.submit_instructions(batch)
        market.step()
