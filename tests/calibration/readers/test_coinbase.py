import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marl_market.calibration.readers.coinbase import GDAX_FEES, CoinbaseReader
from marl_market.calibration.readers.levels import CROSSED
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
        ("{", "{", "a JSON object, alone or after"),
        ("[]", "[", "a JSON object, alone or after"),
        ("{}", "{}", 'a JSON object with a "type"'),
        ('{"type": []}', "{", 'a JSON object with a "type"'),
        ({"type": "match", "product_id": []}, "{", 'a "product_id"'),
        (match(5, "both", "1", "1"), "match with ValueError: side both", "side buy or sell"),
        ({**match(5, "buy", "1", "1"), "side": []}, "match with TypeError", "side buy or sell"),
        (match(5, "buy", "0", "1"), "match with ValueError: price 0", "side buy or sell"),
        (match(5, "buy", "1", "0"), "match with ValueError: size 0", "side buy or sell"),
        (match(5, "buy", "1", "-1"), "match with ValueError: amount -1", "side buy or sell"),
        (match(5, "buy", "1", "NaN"), "match with ValueError: amount NaN", "decimals of at most 12 places"),
        (match(5, "buy", "1", "1e-13"), "match with ValueError: amount 1e-13", "decimals of at most 12 places"),
        (match(5, "buy", "1", "0.0000000000001"), "match with ValueError: amount 0.0", "decimals of at most 12 places"),
        ({**match(5, "buy", "1", "1"), "size": None}, "match with ValueError: amount None", "decimals of at most 12"),
        ({**match(5, "buy", "1", "1"), "time": "2020-01-01"}, "match with ValueError: time 2020-01-01", "a UTC time"),
        ({**match(5, "buy", "1", "1"), "time": "2020-13-01T00:00:00Z"}, "match with ValueError: month", "a UTC time"),
        ({"type": "match", "product_id": "A-USD"}, "match with KeyError: 'side'", "side buy or sell"),
        (match(5, "buy", "1", "1", product=""), "match with ValueError: no product_id", "side buy or sell"),
        (update(5, ["buy", "1"]), "l2update with ValueError", "changes of"),
        ({**update(5), "changes": None}, "l2update with TypeError", "changes of"),
        ({**START, "bids": [["1"]]}, "snapshot with ValueError", "bids and asks of"),
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
    "late",
    [
        [update(9, ["buy", "99.90", "2.0"]), update(8, ["buy", "99.90", "3.0"])],
        [match(9, "buy", "100", "1"), match(8, "buy", "100", "1")],
    ],
    ids=["updates", "matches"],
)
def test_what_comes_late_is_put_in_order_and_counted(tmp_path: Path, late: list[dict[str, Any]]) -> None:
    recording = read(tmp_path, START, *late)
    in_order = read(tmp_path, START, *late[::-1])
    assert recording.digest() == in_order.digest()
    count = recording.summary.repaired["late row put in order"]
    assert (count.rows, count.first) == (1, f"{NAME}, line 3")
    assert not in_order.summary.repaired
    with pytest.raises(DataError, match="line 3: late row put in order"):
        read(tmp_path, START, *late, strict=True)


def test_a_match_may_come_seconds_after_its_update(tmp_path: Path) -> None:
    recording = read(tmp_path, START, update(3000, ["sell", "100.10", "1.0"]), match(900, "sell", "100.10", "2.0"))
    assert [row[0] for row in flow(recording)] == [FlowKind.MARKET]
    assert not recording.summary.repaired


def test_what_comes_later_than_the_tolerance_is_left_out(tmp_path: Path) -> None:
    lines = START, update(9000, ["buy", "99.90", "2.0"]), update(3000, ["buy", "99.90", "3.0"])
    recording = read(tmp_path, *lines)
    assert [row[4] for row in flow(recording)] == [1]
    assert [count.rows for count in recording.summary.left_out.values()] == [1]
    assert [row[4] for row in flow(read(tmp_path, *lines, tolerance_seconds=6.0))] == [2, 1]


def test_shuffled_times_are_refused(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(300)
    updates = [update(100 * int(each), ["buy", "99.90", str(each + 1)]) for each in order]
    with pytest.raises(DataError, match=rf"^{NAME}, line \d+: found .*out of order.*expected 1% at most"):
        read(tmp_path, START, *updates)


@pytest.mark.parametrize("size", ["1e-8", "1E-08", 1e-8, 1.0, 3, "0.10"], ids=repr)
def test_any_decimal_is_a_size(tmp_path: Path, size: object) -> None:
    recording = read(tmp_path, START, {**match(5, "buy", "100", "1"), "size": size}, lot_size=1e-8)
    assert recording.trades["quantity_lots"].tolist() == [round(float(str(size)) * 1e8)]


def test_prices_without_quotes_are_prices(tmp_path: Path) -> None:
    bare = {**START, "bids": [[100.00, 2], [99.9, 1.0]], "asks": [[100.1, 3.0]]}
    assert read(tmp_path, bare, update(1, ["buy", "100", "1"])).digest() == (
        read(tmp_path, START, update(1, ["buy", "100", "1"])).digest()
    )


MISSING_TIMES = [{}, {"time": None}, {"time": ""}]


@pytest.mark.parametrize("time", MISSING_TIMES, ids=str)
def test_a_missing_time_is_the_receive_time_of_the_line(tmp_path: Path, time: dict[str, Any]) -> None:
    message = {key: value for key, value in update(0, ["buy", "100.00", "1.0"]).items() if key != "time"} | time
    recording = read(tmp_path, START, f"1577836800.070: {json.dumps(message)}", match(80, "buy", "100", "1"))
    assert [row[0] - ORIGIN for row in recording.quotes.tolist()] == [0, 70_000_000]
    assert recording.summary.repaired["no time: receive time taken"].first == f"{NAME}, line 2"


@pytest.mark.parametrize("time", MISSING_TIMES, ids=str)
def test_what_has_no_time_at_all_is_left_out(tmp_path: Path, time: dict[str, Any]) -> None:
    message = {key: value for key, value in update(0, ["buy", "100.00", "1.0"]).items() if key != "time"} | time
    recording = read(tmp_path, START, message, match(80, "buy", "100", "1"))
    assert [row[0] for row in flow(recording)] == [FlowKind.MARKET]
    assert recording.summary.left_out["no time, and no receive time in the line"].rows == 1
    with pytest.raises(DataError, match="line 2: no time, and no receive time"):
        read(tmp_path, START, message, strict=True)


def test_the_earliest_feed_had_receive_times_only(tmp_path: Path) -> None:
    def received(milliseconds: int, message: dict[str, Any]) -> str:
        return f"1577836800.{milliseconds:03d}: {json.dumps({k: v for k, v in message.items() if k != 'time'})}"

    recording = read(
        tmp_path,
        received(10, START),
        received(20, update(0, ["buy", "100.00", "1.0"])),
        received(30, match(0, "sell", "100.1", "0.5")),
    )
    assert [row[0] - ORIGIN for row in recording.quotes.tolist()] == [20_000_000, 20_000_000]
    assert [row[0] - ORIGIN for row in recording.trades.tolist()] == [30_000_000]


ZERO_DATES = ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "0"]


@pytest.mark.parametrize("zero", ZERO_DATES)
def test_a_zero_date_of_a_snapshot_is_no_time(tmp_path: Path, zero: str) -> None:
    recording = read(tmp_path, {**START, "time": zero}, update(70, ["buy", "100.00", "1.0"]))
    assert [row[0] - ORIGIN for row in recording.quotes.tolist()] == [70_000_000, 70_000_000]
    assert recording.summary.active_ns == 0


@pytest.mark.parametrize("zero", [*ZERO_DATES, "2999-01-01T00:00:00Z"])
@pytest.mark.parametrize("message", [match(5, "buy", "100", "1"), update(5, ["buy", "100", "1"])], ids=str)
def test_an_implausible_time_is_left_out(tmp_path: Path, message: dict[str, Any], zero: str) -> None:
    rest = [update(10 + each, ["buy", "99.90", str(each + 2)]) for each in range(200)]
    recording = read(tmp_path, START, *rest[:100], {**message, "time": zero}, *rest[100:])
    assert recording.digest() == read(tmp_path, START, *rest).digest()
    ((reason, count),) = recording.summary.left_out.items()
    assert reason == "time before 1990 or more than a day after today"
    assert (count.rows, count.first) == (1, f"{NAME}, line 102")


def test_a_message_from_the_files_own_future_is_left_out(tmp_path: Path) -> None:
    rest = [update(10 + each, ["buy", "99.90", str(each + 2)]) for each in range(200)]
    future = {**update(5, ["buy", "100", "1"]), "time": "2020-01-02T00:00:00Z"}
    recording = read(tmp_path, START, *rest[:100], future, *rest[100:])
    assert recording.digest() == read(tmp_path, START, *rest).digest()
    assert recording.summary.left_out["time from the file's own future"].rows == 1


@pytest.mark.parametrize(
    ("crossing", "quote"),
    [
        (["buy", "100.10", "1"], (1001, 1002, 10, 10)),  # locked
        (["buy", "100.20", "1"], (1002, 1003, 10, 30)),
        (["buy", "100.25", "1"], (1002.5, 1003, 10, 30)),
        (["sell", "99.90", "4"], (998, 999, 50, 40)),
        (["buy", "101.00", "1"], (1010, 0, 10, 0)),
    ],
    ids=str,
)
def test_an_update_that_crosses_drops_the_stale_side(
    tmp_path: Path, crossing: list[str], quote: tuple[float, ...]
) -> None:
    bids = [["100.00", "2.0"], ["99.90", "1.0"], ["99.80", "5.0"]]
    asks = [["100.10", "3.0"], ["100.20", "1.0"], ["100.30", "3.0"]]
    lines = snapshot(0, bids, asks), update(10, crossing)
    recording = read(tmp_path, *lines, tick_size=0.05, lot_size=0.1)
    bid, ask, *quantities = recording.quotes.tolist()[-1][1:]
    assert (bid / 2, ask / 2, *quantities) == quote
    # Stale levels were taken or canceled at an unknown time: they are no cancels of now.
    assert [row[0] for row in flow(recording)] == [FlowKind.LIMIT]
    assert recording.summary.repaired[CROSSED].first == f"{NAME}, line 2"
    with pytest.raises(DataError, match="line 2: update that crosses the book"):
        read(tmp_path, *lines, strict=True)


def test_a_stale_level_that_is_reported_later_is_no_order(tmp_path: Path) -> None:
    recording = read(
        tmp_path,
        START,
        match(5, "sell", "100.10", "1.0"),
        update(10, ["buy", "100.10", "1.0"]),
        update(20, ["sell", "100.10", "0"], ["sell", "100.20", "2.0"]),
    )
    assert [row[0] for row in flow(recording)] == [FlowKind.MARKET, FlowKind.LIMIT, FlowKind.LIMIT]
    assert recording.quotes.tolist()[-1][1:] == (1001, 1002, 1, 2)


def test_a_snapshot_of_an_auction_is_uncrossed(tmp_path: Path) -> None:
    crossed = snapshot(0, [["100.20", "2.0"], ["99.90", "1.0"]], [["100.10", "3.0"]])
    recording = read(tmp_path, crossed, update(10, ["buy", "99.90", "2.0"]))
    assert recording.quotes.tolist()[0][1:] == (999, 1001, 1, 3)
    assert recording.summary.repaired[CROSSED].rows == 1


def test_missing_and_repeated_fills_are_counted(tmp_path: Path) -> None:
    fills = [{**match(each, "sell", "100.1", "0.1"), "trade_id": number} for each, number in enumerate((1, 50, 50, 51))]
    recording = read(tmp_path, START, *fills, match(9, "sell", "100.1", "0.1"))
    assert len(recording.trades) == 4
    assert recording.summary.noted["fills missing by their numbers"] == 48
    assert recording.summary.repaired["number of a fill after missing ones"].first == f"{NAME}, line 3"
    assert recording.summary.left_out["fill whose number was seen before"].first == f"{NAME}, line 4"


def test_a_fill_that_comes_late_is_not_missing(tmp_path: Path) -> None:
    fills = [{**match(each, "sell", "100.1", "0.1"), "trade_id": each} for each in (1, 3, 2, 4)]
    summary = read(tmp_path, START, *fills).summary
    assert "fills missing by their numbers" not in summary.noted
    assert summary.repaired["late row put in order"].rows == 1


NEWS = [
    update(1000, ["buy", "99.90", "3.0"]),
    match(1500, "sell", "100.1", "0.5"),
    update(2000, ["sell", "100.10", "2.5"]),
    update(4000, ["buy", "99.90", "1.0"]),
]


def later(hours: int, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**message, "time": message["time"].replace("T00", f"T{hours:02d}")} for message in messages]


def test_an_hour_without_data_is_a_gap(tmp_path: Path) -> None:
    once = read(tmp_path, START, *NEWS)
    twice = read(tmp_path, START, *NEWS, *later(1, START, *NEWS))
    assert (once.summary.active_ns, twice.summary.active_ns) == (4_000_000_000, 8_000_000_000)
    assert (twice.sessions - ORIGIN).tolist() == [[0, 4 * 10**9], [3600 * 10**9, 3604 * 10**9]]
    assert [gap.reason for gap in twice.summary.gaps] == ["new snapshot"]
    assert len(twice.flow) == 2 * len(once.flow)


def test_files_in_a_row_are_one_recording(tmp_path: Path) -> None:
    whole = read(tmp_path, START, *NEWS)
    for name, part in (("a", [START, *NEWS[:2]]), ("b", NEWS[2:])):
        (tmp_path / f"{name}.ndjson").write_text("\n".join(map(json.dumps, part)))
    listed = CoinbaseReader().read([tmp_path / "b.ndjson", tmp_path / "a.ndjson"])
    matched = CoinbaseReader().read(str(tmp_path / "[ab].ndjson"))
    assert whole.digest() == listed.digest() == matched.digest()
    assert len(listed.sessions) == 1


def test_files_an_hour_apart_are_not_joined(tmp_path: Path) -> None:
    for name, part in (("a", [START, *NEWS]), ("b", later(1, *NEWS)), ("c", later(2, START, *NEWS))):
        (tmp_path / f"{name}.ndjson").write_text("\n".join(map(json.dumps, part)))
    recording = CoinbaseReader().read(str(tmp_path / "[abc].ndjson"))
    assert (recording.sessions - ORIGIN).tolist() == [[0, 4 * 10**9], [7200 * 10**9, 7204 * 10**9]]
    assert [gap.reason for gap in recording.summary.gaps] == ["between files"]
    # The second file has no snapshot, and the book of an hour ago is not its own.
    assert {reason: count.rows for reason, count in recording.summary.left_out.items()} == {
        "fills between a loss and the next snapshot": 1,
        "updates between a loss and the next snapshot": 3,
    }


def test_a_heartbeat_shows_that_the_feed_was_alive(tmp_path: Path) -> None:
    beats = [
        {"type": "heartbeat", "product_id": "A-USD", "time": f"2020-01-01T00:{minute:02d}:04Z"}
        for minute in range(1, 60)
    ]
    quiet = read(tmp_path, START, *NEWS, *beats, *later(1, *NEWS))
    assert len(quiet.sessions) == 1
    assert quiet.summary.active_ns == 3604 * 10**9
    assert len(read(tmp_path, START, *NEWS, *later(1, *NEWS)).sessions) == 2


def test_a_window_uses_a_part(tmp_path: Path) -> None:
    part = read(tmp_path, START, *NEWS, start="2020-01-01T00:00:01.5", end="2020-01-01T00:00:03")
    assert [row[0] for row in flow(part)] == [FlowKind.MARKET]
    assert part.quotes.tolist()[-1][1:] == (1000, 1001, 4, 5)


@pytest.mark.parametrize("product", ["B-EUR", "B-USD"])
def test_only_a_product_with_a_book_must_be_named(tmp_path: Path, product: str) -> None:
    others = {"type": "heartbeat", "product_id": product, "time": at(3)}, match(4, "buy", "7", "1", product=product)
    recording = read(tmp_path, *others, START, *others, *NEWS)
    assert recording.digest() == read(tmp_path, START, *NEWS).digest()
    assert recording.currency == "USD"


@pytest.mark.parametrize(
    ("product", "currency"),
    [
        ("BTC-USD", "USD"),
        ("ETH-BTC", "BTC"),
        ("BTC-PERP-INTX", "USDC"),
        ("BIT-28NOV25-CDE", "USD"),
        ("BTC-USDC", "USDC"),
    ],
)
def test_the_currency_of_a_product(tmp_path: Path, product: str, currency: str) -> None:
    assert read(tmp_path, {**START, "product_id": product}).currency == currency


def test_a_mid_that_never_moves_is_a_recording(tmp_path: Path) -> None:
    still = [update(1000 * each, ["buy", "99.90", str(each)]) for each in range(1, 22)]
    assert len(read(tmp_path, START, *still).quotes) == 1


def test_updates_before_any_snapshot_are_left_out(tmp_path: Path) -> None:
    recording = read(tmp_path, update(5, ["buy", "1", "1"]), snapshot(9, [["100.0", "1"]], [["100.1", "1"]]))
    assert len(recording.flow) == 0
    assert recording.summary.left_out["updates before the first snapshot"].rows == 1
    with pytest.raises(DataError, match="line 1: found 'no snapshot'; expected a snapshot of A-USD"):
        read(tmp_path, update(5, ["buy", "1", "1"]))


@pytest.mark.parametrize("message", [match(5, "buy", "1", "1"), {"type": "heartbeat", "product_id": "A-USD"}], ids=str)
def test_a_product_without_a_snapshot_raises(tmp_path: Path, message: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="found 'no snapshot'; expected a snapshot of A-USD"):
        read(tmp_path, message)


def test_a_file_without_any_product_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"product is None; {NAME} holds no product"):
        read(tmp_path, {"type": "subscriptions"})


def test_a_cut_off_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(map(json.dumps, [START, *NEWS])).encode())
    (tmp_path / NAME).write_bytes(whole[:-20])
    with pytest.raises(DataError, match=rf"^{NAME}, line \d+: found .*expected UTF-8 text"):
        CoinbaseReader().read(tmp_path / NAME)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ('{"channel":"l2_data","timestamp":"2026-04-07T14:30:01Z","sequence_num":1,"events":[]}', "advanced_trade"),
        ('1680652700423575 {"stream":"btcusdt@trade","data":{"e":"trade","X":"MARKET","m":true}}', "binance_futures"),
        ("34200.017459617,5,0,1,2238200,-1", "lobster"),
    ],
)
def test_the_reader_of_another_format_is_named(tmp_path: Path, line: str, other: str) -> None:
    with pytest.raises(DataError, match=rf"^{NAME}, line 1: found .*expected coinbase messages; these are {other}: "):
        read(tmp_path, line)


def peak_bytes(folder: Path, minutes: int) -> int:
    """Return the largest memory while reading a book of 100 levels that changes 1,200 times a minute."""
    with (folder / NAME).open("w") as file:
        for each in range(1200 * minutes):
            time = f"2020-01-01T{each // 72_000:02d}:{each // 1200 % 60:02d}:{each % 1200 / 20:06.3f}Z"
            side, sign = ("buy", -1) if each % 2 else ("sell", 1)
            change = [side, f"{100 + sign * (1 + each % 97)}", str(1 + each % 13)]
            print(json.dumps({**(update(0, change) if each else START), "time": time}), file=file)
    tracemalloc.start()
    CoinbaseReader().read(folder / NAME)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_a_row_takes_the_memory_of_its_numbers(tmp_path: Path) -> None:
    # Both files are longer than what waits unpacked; a row of the flow has six numbers, packed and then as a tape.
    rows = 1200 * 60
    assert peak_bytes(tmp_path, 180) - peak_bytes(tmp_path, 120) < rows * 250


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
