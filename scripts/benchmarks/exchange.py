"""The matching engine alone: messages a second, how they scale with depth and seats, and the size of a market."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
from benchmarks.bourse_book import bourse_rates
from benchmarks.flow import MESSAGES_A_STEP, Flow, Replay, Style, replay_serial
from benchmarks.measurement import REPEATS, Figure, best_seconds

from marl_market.exchange.capacity import CAPACITY_SEATS
from marl_market.exchange.records import market_dtype
from marl_market.exchange.setup import allocate_markets

BATCHES = (1, 64, 1024)
RATE = "exchange.messages_per_second_per_core"
COST = "exchange.nanoseconds_per_message"
BAND = np.arange(-2, 40)
NEAR = np.arange(-2, 8)
CACHE_LINE_BYTES = 64


def measure(quick: bool) -> Iterator[Figure]:
    """Measure the engine; with `quick` on streams too short to mean anything."""
    messages, markets, batch_messages = (2_000, 4, 200) if quick else (1_000_000, 256, 2_048)
    plain = Flow(8, BAND)
    single = Replay(plain, 1, messages)
    yield figure(RATE, single)
    yield from compare_with_bourse(single)
    batch = Replay(plain, markets, batch_messages)
    for count in BATCHES:
        replay = Replay(plain, count, max(1, messages // 2 // count))
        yield figure(f"{RATE}.markets_{count}", replay)
    for style in Style:
        if style != Style.PLAIN:
            yield figure(f"{COST}.{style.name.lower()}", Replay(Flow(8, BAND, style=style), 1, messages))
    if numba.config.NUMBA_NUM_THREADS >= 2:
        yield figure("exchange.messages_per_second.two_threads", batch, threads=2)
    far = np.round(np.geomspace(1, 1_000_000, 100_000)).astype(np.int64)
    yield figure(f"{RATE}.sparse", Replay(Flow(64, far, side_orders=500, capacity="medium"), 1, messages))
    for levels in (10, 100, 1000):
        for where, offsets in (("near", NEAR), ("anywhere", np.arange(-2, 2 * levels + 1))):
            flow = Flow(8, offsets, walk=0.0, wall=levels, capacity="huge")
            yield figure(f"{COST}.levels_{levels}.{where}", Replay(flow, 1, messages))
    for seats, capacity in ((8, "small"), (64, "medium"), (1000, "huge")):
        yield figure(f"{COST}.seats_{seats}", Replay(Flow(seats, BAND, capacity=capacity), 1, messages))
    for capacity, seats in CAPACITY_SEATS.items():
        size = market_dtype(capacity).itemsize
        yield Figure(f"exchange.bytes_per_market.{capacity}", size, "bytes", {"seats": seats})
    yield Figure(
        "exchange.bytes_per_market.touched_by_8_seats",
        touched_bytes(single),
        "bytes",
        {"capacity": "small", "counted": f"{CACHE_LINE_BYTES}-byte lines that differ after the plain stream"},
    )


def compare_with_bourse(replay: Replay) -> Iterator[Figure]:
    """Measure bourse, and this engine again next to it on the same stream; nothing where bourse is missing."""
    rates = bourse_rates(replay.streams[0])
    for way, rate in rates.items():
        yield Figure(f"bourse.messages_per_second.{way}", rate, "messages/s", {"messages": replay.streams.size})
    if rates:
        best, ours = max(rates, key=lambda way: rates[way]), figure(RATE, replay)
        comparison = {"bourse": best, "our_messages_per_second": round(ours.value)}
        yield Figure("exchange.speedup_over_bourse", ours.value / rates[best], "times", comparison)


def figure(name: str, replay: Replay, threads: int = 1) -> Figure:
    """Time a replay and return its rate or its cost, by `name`."""
    numba.set_num_threads(threads)
    seconds = best_seconds(replay.play if threads == 1 else replay.play_in_parallel, replay.open)
    replay.check()
    count = replay.streams.size
    value, unit = (count / seconds, "messages/s") if "per_second" in name else (1e9 * seconds / count, "ns/message")
    conditions = {
        "seats": replay.flow.seats,
        "markets": len(replay.markets),
        "messages": count,
        "threads": threads,
        "capacity": replay.flow.capacity,
        **replay.conditions,
        "events_dropped_every": MESSAGES_A_STEP,
        "best_of": REPEATS,
    }
    return Figure(name, value, unit, conditions)


def touched_bytes(replay: Replay) -> int:
    """Return the bytes of the cache lines of a new market that the first stream leaves changed."""
    markets = allocate_markets(replay.flow.spec(), 1, replay.flow.seats)
    before = np.frombuffer(markets.tobytes(), np.uint8)
    replay_serial(markets, replay.streams[:1])
    after = np.frombuffer(markets.tobytes(), np.uint8)
    return int(np.unique(np.flatnonzero(before != after) // CACHE_LINE_BYTES).size) * CACHE_LINE_BYTES
