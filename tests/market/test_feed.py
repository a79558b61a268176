import gzip
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marl_market.market.feed import BookSnapshot, BookUpdate, Message, Trade, from_json
from marl_market.market.feed_file import read_feed, write_feed
from marl_market.market.message import MessageError
from marl_market.market.tape import Side

TRADE = Trade(
    product_id="BTC-USD",
    time_ns=1_783_465_097_164_892_000,
    sequence=132235026010,
    trade_id=1052119289,
    maker_order_id="15bc13f2",
    taker_order_id="13d7d08f",
    side=Side.SELL,
    price=Decimal("63514.60"),
    size=Decimal("1E-8"),
)
UPDATE = BookUpdate(
    "BTC-USD",
    1_001,
    ((Side.BUY, Decimal("63514.59"), Decimal(0)), (Side.SELL, Decimal("63514.60"), Decimal("0.25"))),
)
SNAPSHOT = BookSnapshot(
    "BTC-USD", 0, ((Decimal(10), Decimal(2)),), ((Decimal("10.5"), Decimal(3)), (Decimal(11), Decimal(1)))
)
MESSAGES: tuple[Message, ...] = (SNAPSHOT, TRADE, UPDATE, BookSnapshot("A-B", 7, (), ()))


def test_the_text_is_that_of_the_venue() -> None:
    assert TRADE.to_json() == (
        '{"type":"match","trade_id":1052119289,"maker_order_id":"15bc13f2","taker_order_id":"13d7d08f","side":"sell",'
        '"size":"0.00000001","price":"63514.60","product_id":"BTC-USD","sequence":132235026010,'
        '"time":"2026-07-07T22:58:17.164892Z"}'
    )
    assert UPDATE.to_json() == (
        '{"type":"l2update","product_id":"BTC-USD",'
        '"changes":[["buy","63514.59","0"],["sell","63514.60","0.25"]],"time":"1970-01-01T00:00:00.000001001Z"}'
    )
    assert SNAPSHOT.to_json() == (
        '{"type":"snapshot","product_id":"BTC-USD","asks":[["10.5","3"],["11","1"]],"bids":[["10","2"]],'
        '"time":"1970-01-01T00:00:00.000000Z"}'
    )


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_survives_its_text(message: Message) -> None:
    assert from_json(message.to_json()) == message
    assert type(message).from_json(message.to_json()) == message


def changed(message: Message, **fields: Any) -> str:
    """Return the message's text with some fields changed, or left out where the value is None."""
    whole = {**json.loads(message.to_json()), **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "a message is no JSON: "),
        ("[]", "a message is '[]'; it must be a JSON object"),
        (changed(TRADE, type="heartbeat"), "type is 'heartbeat'; it must be one of match, l2update, snapshot"),
        (changed(TRADE, type=None), "type is None; it must be one of match, l2update, snapshot"),
        (changed(TRADE, type=["match"]), "type is ['match']; it must be one of"),
        (changed(TRADE, size=None), "match.size is missing"),
        (changed(TRADE, size="0"), "match.size is '0'; it must be above zero"),
        (changed(TRADE, size=0.5), "match.size is 0.5; it must be a decimal in quotes"),
        (changed(TRADE, price="1e3"), "match.price is '1e3'; it must be a decimal in quotes"),
        (changed(TRADE, price="NaN"), "match.price is 'NaN'; it must be a decimal in quotes"),
        (changed(TRADE, side="both"), "match.side is 'both'; it must be buy or sell"),
        (changed(TRADE, trade_id="7"), "match.trade_id is '7'; it must be a whole number of zero or more"),
        (changed(TRADE, trade_id=True), "match.trade_id is True; it must be a whole number"),
        (changed(TRADE, sequence=-1), "match.sequence is -1; it must be a whole number of zero or more"),
        (changed(TRADE, maker_order_id=5), "match.maker_order_id is 5; it must be text"),
        (changed(TRADE, product_id=""), "match.product_id is ''; it must be text"),
        (changed(TRADE, time="2020-01-01"), "match.time is '2020-01-01'; it must be a UTC time such as"),
        (changed(TRADE, time="2020-13-01T00:00:00Z"), "match.time is '2020-13-01T00:00:00Z'; it must be a UTC time"),
        (changed(TRADE, time="2020-01-01T00:00:00+01:00"), "match.time is '2020-01-01T00:00:00+01:00'; it must be"),
        (changed(TRADE, color="red"), "match.color is 'red'; a match has no such field"),
        (changed(UPDATE, changes={}), "l2update.changes is {}; it must be a list of [side, price, size]"),
        (changed(UPDATE, changes=[["buy", "1"]]), "l2update.changes[0] is ['buy', '1']; it must be [side, price"),
        (changed(UPDATE, changes=[["buy", "1", "1"], [1, "1", "1"]]), "l2update.changes[1][0] is 1; it must be buy or"),
        (changed(UPDATE, changes=[["buy", "1", "-1"]]), "l2update.changes[0][2] is '-1'; it must be zero or more"),
        (changed(SNAPSHOT, asks=[["1", "0"]]), "snapshot.asks[0][1] is '0'; it must be above zero"),
        (changed(SNAPSHOT, bids=[["x", "1"]]), "snapshot.bids[0][0] is 'x'; it must be a decimal in quotes"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_named(text: str, complaint: str) -> None:
    with pytest.raises(MessageError) as failure:
        from_json(text)
    assert str(failure.value).startswith(complaint)


def test_a_message_of_one_type_is_not_read_as_another() -> None:
    with pytest.raises(MessageError, match=r"^type is 'match'; it must be l2update$"):
        BookUpdate.from_json(TRADE.to_json())


@pytest.mark.parametrize("name", ["feed.ndjson", "feed.ndjson.gz"])
def test_a_file_holds_what_was_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_feed(path, MESSAGES)
    first = path.read_bytes()
    assert tuple(read_feed(path)) == MESSAGES
    write_feed(path, MESSAGES)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    text = gzip.decompress(first) if name.endswith(".gz") else first
    assert text.decode() == "".join(f"{message.to_json()}\n" for message in MESSAGES)


def test_a_file_names_the_line_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "feed.ndjson"
    path.write_text(f"{TRADE.to_json()}\n{changed(TRADE, side='up')}\n")
    with pytest.raises(MessageError, match=r"^feed\.ndjson, line 2: match\.side is 'up'; it must be buy or sell$"):
        list(read_feed(path))


def test_an_empty_file_has_no_messages(tmp_path: Path) -> None:
    write_feed(tmp_path / "feed.ndjson.gz", [])
    assert list(read_feed(tmp_path / "feed.ndjson.gz")) == []


def test_what_the_venue_itself_sent_survives_unchanged() -> None:
    folder = Path(os.environ.get("MARL_MARKET_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = folder / "coinbase" / "coinbase_BTC-USD_ETH-USD_2026-07-07_60s.ndjson.gz"
    if not path.exists():
        pytest.skip(f"real data {path.name} is missing in {path.parent}; set MARL_MARKET_DATA")
    kinds = {"match": 0, "l2update": 0, "snapshot": 0}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            sent = json.loads(line)
            if sent["type"] in kinds:
                kinds[sent["type"]] += 1
                assert json.loads(from_json(line).to_json()) == sent
    assert kinds == {"match": 435, "l2update": 1898, "snapshot": 2}
