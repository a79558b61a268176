import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marl_market.calibration.readers.coinbase import GDAX_FEES, CoinbaseReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError
from marl_market.market.tape import FlowKind, Side

FEED = "coinbase/coinbase_BTC-USD_ETH-USD_2026-07-07_60s.ndjson.gz"
CRYPTOFEED = "coinbase/cryptofeed_COINBASE.ws.28.0_2021-04-17_31s.txt.gz"
NAME = "feed.ndjson"
ORIGIN = 1_577_836_800_000_000_000  # 2020-01-01T00:00:00Z


def at(milliseconds: int) -> str:
    return f"2020-01-01T00:00:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}000Z"


def snapshot(
    milliseconds: int | None, bids: list[list[str]], asks: list[list[str]], product: str = "A-USD"
) -> dict[str, Any]:
    time = {} if milliseconds is None else {"time": at(milliseconds)}
    return {"type": "snapshot", "product_id": product, "bids": bids, "asks": asks, **time}


def update(milliseconds: int, *changes: list[str], product: str = "A-USD") -> dict[str, Any]:
    return {"type": "l2update", "product_id": product, "changes": list(changes), "time": at(milliseconds)}


def match(milliseconds: int, maker: str, price: str, size: str, product: str = "A-USD") -> dict[str, Any]:
    message = {"type": "match", "product_id": product, "side": maker, "price": price, "size": size}
    return {**message, "time": at(milliseconds)}


START = snapshot(0, [["100.00", "2.0"], ["99.90", "1.0"]], [["100.10", "3.0"]])


def read(folder: Path, *messages: dict[str, Any] | str, **fields: Any) -> Recording:
    lines = (message if isinstance(message, str) else json.dumps(message) for message in messages)
    (folder / NAME).write_text("\n".join(lines) + "\n")
    return CoinbaseReader(**fields).read(folder / NAME)


def flow(recording: Recording) -> list[tuple[int, ...]]:
    return [row[1:] for row in recording.flow.tolist()]


def test_a_session_worked_out_by_hand(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        {"type": "subscriptions", "channels": []},
        START,
        {"type": "last_match", "product_id": "A-USD", "time": at(0), "side": "buy", "size": "9", "price": "1"},
        match(100, "sell", "100.1", "0.5"),
        update(150, ["sell", "100.10", "2.5"], ["buy", "100.00", "1.5"], ["buy", "99.80", "0.7"]),
        {"type": "heartbeat", "product_id": "A-USD", "time": at(160)},
        update(200, ["buy", "100.05", "0.1"], ["sell", "100.30", "0.4"]),
        match(300, "buy", "100.05", "0.1"),
        match(300, "buy", "100", "0.2"),
        update(350, ["buy", "100.05", "0.0"], ["buy", "100.00", "1.4"]),
    )
    assert (recording.tick_size, recording.lot_size, recording.currency) == (0.05, 0.1, "USD")
    assert recording.fees == GDAX_FEES
    assert [((row[0] - ORIGIN) // 1_000_000, *row[1:]) for row in recording.quotes.tolist()] == [
        (0, 2000, 2002, 20, 30),
        (150, 2000, 2002, 15, 25),
        (200, 2001, 2002, 1, 25),
        (350, 2000, 2002, 14, 25),
    ]
    assert [row[1:] for row in recording.trades.tolist()] == [
        (2002, Side.BUY, 5),
        (2001, Side.SELL, 1),
        (2000, Side.SELL, 2),
    ]
    assert flow(recording) == [
        (FlowKind.MARKET, Side.BUY, 2002, 0, 5),
        (FlowKind.CANCEL, Side.BUY, 2000, 2, 5),
        (FlowKind.LIMIT, Side.BUY, 1996, 6, 7),
        (FlowKind.LIMIT, Side.BUY, 2001, 1, 1),
        (FlowKind.LIMIT, Side.SELL, 2006, 6, 4),
        (FlowKind.MARKET, Side.SELL, 2000, -1, 3),
        (FlowKind.LIMIT, Side.BUY, 2000, 2, 1),  # 1.5 - 0.2 matched = 1.3, shown as 1.4
    ]


def test_provenance_says_where_and_when(tmp_path: Path) -> None:
    provenance = read(tmp_path, START, match(1500, "sell", "100.1", "0.5")).provenance
    assert (provenance.source, provenance.format, provenance.rows) == (NAME, "coinbase", 2)
    assert provenance.start == "2020-01-01T00:00:00+00:00"
    assert provenance.end == "2020-01-01T00:00:01.500000+00:00"


def test_amounts_are_exact_to_the_last_decimal(tmp_path: Path) -> None:
    book = snapshot(0, [["63514.59", "27.00000015"]], [["63514.6", "0.1"]])
    recording = read(tmp_path, book, update(1, ["buy", "63514.59", "27.00000014"]))
    assert (recording.tick_size, recording.lot_size) == (0.01, 1e-8)
    assert recording.quotes.tolist()[0][1:] == (6_351_459, 6_351_460, 2_700_000_015, 10_000_000)
    assert flow(recording) == [(FlowKind.CANCEL, Side.BUY, 6_351_459, 1, 1)]


def test_a_match_explains_an_update_of_the_same_time_that_came_first(tmp_path: Path) -> None:
    recording = read(tmp_path, START, update(5, ["sell", "100.10", "1.0"]), match(5, "sell", "100.10", "2.0"))
    assert [row[0] for row in flow(recording)] == [FlowKind.MARKET]


def test_fills_of_one_level_at_one_time_are_neither_orders_nor_cancels(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        START,
        update(5, ["sell", "100.10", "2.0"]),
        match(5, "sell", "100.10", "1.0"),
        update(5, ["sell", "100.10", "0.5"]),
        match(5, "sell", "100.10", "1.5"),
    )
    assert [(row[0], row[4]) for row in flow(recording)] == [(FlowKind.MARKET, 5)]


def test_an_update_that_changes_nothing_is_no_order(tmp_path: Path) -> None:
    assert flow(read(tmp_path, START, update(5, ["sell", "100.10", "3.0"], ["buy", "90.00", "0"]))) == []


def test_a_snapshot_without_a_time_takes_the_next_updates(tmp_path: Path) -> None:
    undated = snapshot(None, [["100.00", "2.0"]], [["100.10", "3.0"]])
    recording = read(tmp_path, undated, update(70, ["buy", "100.00", "1.0"]))
    assert [row[0] - ORIGIN for row in recording.quotes.tolist()] == [70_000_000, 70_000_000]


def test_matches_from_before_the_snapshot_are_left_out(tmp_path: Path) -> None:
    recording = read(tmp_path, match(100, "sell", "100.1", "1"), snapshot(200, [["100.0", "1"]], [["100.1", "1"]]))
    assert len(recording.trades) == 0
    assert len(recording.quotes) == 1


def test_a_later_snapshot_replaces_the_book_without_orders(tmp_path: Path) -> None:
    later = snapshot(900, [["99.00", "4.0"]], [["99.10", "5.0"]])
    after = update(950, ["buy", "99.00", "3.0"], ["sell", "100.10", "1.0"])
    recording = read(tmp_path, START, match(800, "sell", "100.1", "1.0"), later, after)
    assert [row[1:] for row in recording.quotes.tolist()] == [
        (1000, 1001, 2, 3),
        (990, 991, 4, 5),
        (990, 991, 3, 5),
    ]
    # What the match took is in the new book already.
    assert [(row[0], row[4]) for row in flow(recording)] == [
        (FlowKind.MARKET, 1),
        (FlowKind.CANCEL, 1),
        (FlowKind.LIMIT, 1),
    ]


def test_cryptofeed_lines_read_like_plain_ones(tmp_path: Path) -> None:
    changed = update(5, ["sell", "100.10", "2.0"])
    plain = read(tmp_path, START, changed)
    wrapped = read(
        tmp_path,
        "wss://feed <-> 1618677816.84",
        "",
        f"1618677817.06: {json.dumps(START)}",
        f"1618677817.07: {json.dumps(changed)}",
    )
    assert wrapped.digest() == plain.digest()


def test_the_product_is_the_callers_choice(tmp_path: Path) -> None:
    other = snapshot(0, [["7", "1"]], [["8", "1"]], product="B-EUR")
    with pytest.raises(ValueError, match=rf"^product is None; {NAME} holds A-USD, B-EUR: name one$"):
        read(tmp_path, START, other)
    with pytest.raises(ValueError, match=rf"^product is C-USD; {NAME} holds A-USD, B-EUR$"):
        read(tmp_path, START, other, product="C-USD")
    chosen = read(tmp_path, START, other, product="B-EUR")
    assert (chosen.currency, chosen.quotes.tolist()[0][1:]) == ("EUR", (7, 8, 1, 1))


@pytest.mark.parametrize(
    ("line", "found", "expected"),
    [
        ("{", "{", 'a JSON object with a "type"'),
        ("[]", "[", 'a JSON object with a "type"'),
        ("{}", "{}", 'a JSON object with a "type"'),
        ('{"type": []}', "{", 'a JSON object with a "type"'),
        (match(5, "both", "1", "1"), "match with ValueError: side both", "side buy or sell"),
        (match(5, "buy", "0", "1"), "match with ValueError: price 0", "side buy or sell"),
        (match(5, "buy", "1", "0"), "match with ValueError: size 0", "side buy or sell"),
        (match(5, "buy", "1", "-1"), "match with ValueError: amount -1", "side buy or sell"),
        (match(5, "buy", "1", "1e-9"), "match with ValueError: amount 1e-9", "decimals of at most 12 places"),
        (match(5, "buy", "1", "0.0000000000001"), "match with ValueError: amount 0.0", "decimals of at most 12 places"),
        ({**match(5, "buy", "1", "1"), "size": 1.0}, "match with AttributeError", "in quotes"),
        ({**match(5, "buy", "1", "1"), "time": "2020-01-01"}, "match with ValueError: time 2020-01-01", "a UTC time"),
        ({"type": "match", "product_id": "A-USD"}, "match with KeyError: 'side'", "side buy or sell"),
        (update(5, ["buy", "1"]), "l2update with ValueError", "changes of"),
        ({**START, "bids": [["1"]]}, "snapshot with ValueError", "bids and asks of"),
        (update(5, ["buy", "100.10", "1"]), "best bid 100.1 and best ask 100.1 of A-USD", "a best bid below the best"),
    ],
    ids=str,
)
def test_a_malformed_line_is_named(tmp_path: Path, line: dict[str, Any] | str, found: str, expected: str) -> None:
    with pytest.raises(DataError) as failure:
        read(tmp_path, START, update(1, ["buy", "99.90", "2.0"]), line)
    message = str(failure.value)
    assert message.startswith(f"{NAME}, line 3: found ")
    assert found in message
    assert expected in message.partition("expected ")[2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (update(9, ["buy", "99.90", "2.0"]), update(8, ["buy", "99.90", "1.0"])),
        (match(9, "buy", "100", "1"), match(8, "buy", "100", "1")),
    ],
    ids=["updates", "matches"],
)
def test_time_may_not_fall_within_a_channel(tmp_path: Path, first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"line 3: found '2020.*\.008000Z'; expected a time of at least 2020.*\.009000"):
        read(tmp_path, START, first, second)


def test_an_update_before_any_snapshot_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: found 'an l2update'; expected a snapshot of A-USD before it"):
        read(tmp_path, update(5, ["buy", "1", "1"]), snapshot(9, [["100.0", "1"]], [["100.1", "1"]]))


@pytest.mark.parametrize("message", [match(5, "buy", "1", "1"), {"type": "heartbeat", "product_id": "A-USD"}], ids=str)
def test_a_product_without_a_snapshot_raises(tmp_path: Path, message: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="found 'no snapshot'; expected a snapshot of A-USD"):
        read(tmp_path, message)


def test_a_file_without_any_product_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"product is None; {NAME} holds no product"):
        read(tmp_path, {"type": "subscriptions"})


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from(["buy", "sell"]), st.integers(0, 4), st.integers(0, 9))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_lot_that_enters_or_leaves_a_level_is_in_the_flow(
    tmp_path: Path, steps: list[tuple[int, bool, str, int, int]]
) -> None:
    shown = Counter({("buy", 50): 5, ("sell", 60): 5})
    messages = [snapshot(0, [["50", "5"]], [["60", "5"]])]
    milliseconds = 0
    for delay, is_match, side, depth, quantity in steps:
        milliseconds += delay
        price = 50 - depth if side == "buy" else 60 + depth
        if is_match:
            messages.append(match(milliseconds, side, str(price), str(quantity + 1)))
        else:
            messages.append(update(milliseconds, [side, str(price), str(quantity)]))
            shown[side, price] = quantity
    # A last update of every level settles what matches took.
    levels = [("buy", 50 - depth) for depth in range(5)] + [("sell", 60 + depth) for depth in range(5)]
    settle = [[side, str(price), str(shown[side, price])] for side, price in levels]
    recording = read(tmp_path, *messages, update(milliseconds, *settle), tick_size=1, lot_size=1)
    change: Counter[tuple[str, int]] = Counter({("buy", 50): 5, ("sell", 60): 5})
    for row in recording.flow:
        if row["kind"] != FlowKind.MARKET:
            sign = 1 if row["kind"] == FlowKind.LIMIT else -1
            side = "buy" if row["side"] == Side.BUY else "sell"
            change[side, int(row["price_ticks"])] += sign * int(row["quantity_lots"])
    for trade in recording.trades:
        side = "buy" if trade["aggressor_side"] == Side.SELL else "sell"
        change[side, int(trade["price_ticks"])] -= int(trade["quantity_lots"])
    assert {level: change[level] for level in levels} == {level: shown[level] for level in levels}


def assert_sound(recording: Recording) -> None:
    quotes = recording.quotes
    assert (quotes["bid_price_ticks"] < quotes["ask_price_ticks"]).all()
    for table in (quotes, recording.trades, recording.flow):
        assert (np.diff(table["time_ns"]) >= 0).all()


@pytest.mark.parametrize(("product", "matches", "updates"), [("BTC-USD", 344, 979), ("ETH-USD", 91, 919)])
def test_a_minute_of_two_coins(data: Callable[[str], Path], product: str, matches: int, updates: int) -> None:
    recording = CoinbaseReader(product=product).read(data(FEED))
    assert (recording.tick_size, recording.lot_size) == (0.01, 1e-8)
    assert recording.provenance.rows == 1 + matches + updates
    assert len(recording.trades) == matches
    assert_sound(recording)


def test_half_a_minute_of_cryptofeed(data: Callable[[str], Path]) -> None:
    recording = CoinbaseReader(product="SKL-USD").read(data(CRYPTOFEED))
    assert (recording.tick_size, recording.lot_size) == (0.0001, 0.1)
    assert recording.provenance.rows == 1 + 52 + 2592
    assert len(recording.trades) == 52
    assert_sound(recording)
    # This feed is not batched: a fill and its update carry one time, and none may look like a cancel as well.
    executed = {(row["time_ns"], row["price_ticks"]) for row in recording.trades}
    cancels = recording.flow[recording.flow["kind"] == FlowKind.CANCEL]
    assert not any((row["time_ns"], row["price_ticks"]) in executed for row in cancels)
