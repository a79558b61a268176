import json
from pathlib import Path
from typing import Any

import pytest

from marl_market.calibration.readers.advanced_trade import ADVANCED_TRADE_FEES, AdvancedTradeReader
from marl_market.calibration.readers.recorder import Recording
from marl_market.calibration.readers.source import DataError
from marl_market.market.tape import FlowKind, Side

NAME = "feed.ndjson"


def at(milliseconds: int) -> str:
    return f"2026-04-07T14:30:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}456789Z"


def message(channel: str, milliseconds: int, *events: dict[str, Any], number: int = 0) -> dict[str, Any]:
    envelope = {"channel": channel, "client_id": "", "timestamp": at(milliseconds), "sequence_num": number}
    return {**envelope, "events": list(events)}


def levels(kind: str, *changes: tuple[str, str, str], product: str = "A-USD") -> dict[str, Any]:
    # The times of levels do not rise from message to message.
    updates = [
        {"side": side, "event_time": "1970-01-01T00:00:00Z", "price_level": price, "new_quantity": quantity}
        for side, price, quantity in changes
    ]
    return {"type": kind, "product_id": product, "updates": updates}


def trade(number: int, milliseconds: int, maker: str, price: str, size: str, product: str = "A-USD") -> dict[str, Any]:
    fill = {"trade_id": str(number), "product_id": product, "price": price, "size": size}
    return {**fill, "side": maker, "time": at(milliseconds)}


SNAPSHOT = levels("snapshot", ("bid", "100.00", "2.0"), ("bid", "99.90", "1.0"), ("offer", "100.10", "3.0"))
SESSION = [
    message("l2_data", 0, SNAPSHOT, number=0),
    message("subscriptions", 1, {"subscriptions": {"level2": ["A-USD"]}}, number=1),
    message("market_trades", 2, {"type": "snapshot", "trades": [trade(9, 0, "BUY", "1", "1")]}, number=2),
    message("l2_data", 150, levels("update", ("offer", "100.10", "2.5"), ("bid", "99.80", "1e-1")), number=3),
    message(
        "market_trades",
        # Newest first, and sent after the update of the book that the fills cause.
        300,
        {
            "type": "update",
            "trades": [trade(11, 120, "SELL", "100.10", "0.3"), trade(10, 100, "SELL", "100.10", "0.2")],
        },
        number=4,
    ),
    message("heartbeats", 1000, {"current_time": "2026-04-07 14:30:01 +0000 UTC", "heartbeat_counter": 42}, number=5),
    message("l2_data", 1100, levels("update", ("offer", "100.10", "0"), ("offer", "100.20", "1.0")), number=6),
]


def read(folder: Path, *messages: dict[str, Any], prefix: str = "", **fields: Any) -> Recording:
    (folder / NAME).write_text("\n".join(prefix + json.dumps(each) for each in messages) + "\n")
    return AdvancedTradeReader(**fields).read(folder / NAME)


def flow(recording: Recording) -> list[tuple[int, ...]]:
    return [row[1:] for row in recording.flow.tolist()]


def test_a_session_worked_out_by_hand(tmp_path: Path) -> None:
    recording = read(tmp_path, *SESSION)
    assert (recording.tick_size, recording.lot_size, recording.currency) == (0.1, 0.1, "USD")
    assert recording.fees == ADVANCED_TRADE_FEES
    assert [row[1:] for row in recording.quotes.tolist()] == [
        (1000, 1001, 20, 30),
        (1000, 1001, 20, 25),
        (1000, 1002, 20, 10),
    ]
    assert [row[1:] for row in recording.trades.tolist()] == [(1001, Side.BUY, 2), (1001, Side.BUY, 3)]
    assert flow(recording) == [
        (FlowKind.MARKET, Side.BUY, 1001, 0, 2),
        (FlowKind.MARKET, Side.BUY, 1001, 0, 3),
        (FlowKind.LIMIT, Side.BUY, 998, 3, 1),
        (FlowKind.CANCEL, Side.SELL, 1001, 1, 25),
        (FlowKind.LIMIT, Side.SELL, 1002, 2, 10),
    ]
    assert not recording.summary.repaired
    assert not recording.summary.left_out


@pytest.mark.parametrize("prefix", ["1775572201.123456: ", "1775572201123456789 "])
def test_receive_times_before_the_messages_change_nothing(tmp_path: Path, prefix: str) -> None:
    assert read(tmp_path, *SESSION, prefix=prefix).digest() == read(tmp_path, *SESSION).digest()


def test_events_of_several_products_are_told_apart(tmp_path: Path) -> None:
    other = levels("snapshot", ("bid", "7", "1"), ("offer", "8", "1"), product="B-EUR")
    both = message("l2_data", 0, SNAPSHOT, other)
    with pytest.raises(ValueError, match=rf"^product is None; {NAME} holds A-USD, B-EUR: name one$"):
        read(tmp_path, both)
    recording = read(tmp_path, both, *SESSION[1:], product="A-USD")
    assert recording.digest() == read(tmp_path, *SESSION).digest()
    assert read(tmp_path, both, product="B-EUR").currency == "EUR"


def test_missing_messages_are_counted_by_their_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, *SESSION[:4], *SESSION[5:]).summary.noted == {"sequence numbers missing": 1}
    # A new connection begins at 0 with a snapshot of its own.
    again = [{**each, "timestamp": each["timestamp"].replace("14:30", "14:31")} for each in SESSION[:1]]
    twice = read(tmp_path, *SESSION, *again)
    assert not twice.summary.noted
    assert len(twice.sessions) == 2


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (message("l2_data", 5, levels("update", ("buy", "1", "1"))), "l2_data with KeyError: 'buy'"),
        (message("l2_data", 5, levels("changed")), "l2_data with KeyError: 'changed'"),
        (message("l2_data", 5, {"type": "update"}), "l2_data with KeyError"),
        (message("l2_data", 5, levels("update", ("bid", "0", "1"))), "l2_data with ValueError: price 0"),
        (message("market_trades", 5, {"type": "update", "trades": [{}]}), "market_trades with KeyError"),
        (
            message("market_trades", 5, {"type": "update", "trades": [trade(1, 5, "BUY", "1", "0")]}),
            "market_trades with ValueError: size 0",
        ),
        ({"channel": []}, "{"),
        ({"channel": "l2_data"}, "l2_data with KeyError: 'events'"),
    ],
    ids=str,
)
def test_a_malformed_line_is_named(tmp_path: Path, line: dict[str, Any], found: str) -> None:
    with pytest.raises(DataError) as failure:
        read(tmp_path, SESSION[0], line)
    assert str(failure.value).startswith(f"{NAME}, line 2: found ")
    assert found in str(failure.value)


def test_the_old_feed_has_a_reader_of_its_own(tmp_path: Path) -> None:
    old = {"type": "heartbeat", "product_id": "A-USD", "time": at(0)}
    with pytest.raises(DataError, match="expected advanced_trade messages; these are coinbase: calibration=coinbase"):
        read(tmp_path, old)
