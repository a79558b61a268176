from pathlib import Path

import pytest

from marl_market.calibration.readers.json_lines import Line, epoch_nanoseconds, json_lines, utc_nanoseconds
from marl_market.calibration.readers.source import DataError, Source

MOMENT = 1_618_677_817_061_845_000


def read(folder: Path, text: str) -> list[Line]:
    (folder / "feed").write_text(text)
    return list(json_lines(Source(folder / "feed")))


@pytest.mark.parametrize(
    ("prefix", "received"),
    [
        ("", None),
        ("1618677817.061845: ", MOMENT),
        ("1618677817: ", 1_618_677_817_000_000_000),
        ("1618677817061 ", 1_618_677_817_061_000_000),
        ("1618677817061845 ", MOMENT),
        ("1618677817061845000 ", MOMENT),
        ("1618677817061845123 ", MOMENT + 123),
        ("1618677817061.845 ", MOMENT),
    ],
)
def test_the_receive_time_has_any_unit(tmp_path: Path, prefix: str, received: int | None) -> None:
    (line,) = read(tmp_path, f'{prefix}{{"a": 1, "b": 1e-8, "c": [0.10]}}\n')
    assert (line.number, line.received_ns) == (1, received)
    assert line.message == {"a": "1", "b": "1e-8", "c": ["0.10"]}


def test_connection_logs_and_blank_lines_are_no_messages(tmp_path: Path) -> None:
    text = 'wss://feed <-> 1.5\n\nhttps://rest -> 1.5: {"a": 1}\n   \n  {"a": 2}  \n'
    assert [(line.number, line.message) for line in read(tmp_path, text)] == [(5, {"a": "2"})]


@pytest.mark.parametrize("text", ["{", "[]", "x", "1: {}", "12345678901234567890: {}", '{"a": 1} x', "[" * 100_000])
def test_a_line_without_a_message_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"feed, line 2: found .* expected a JSON object, alone or after its receive"):
        read(tmp_path, f"{{}}\n{text}\n")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2021-04-17T16:43:37.061845Z", MOMENT),
        ("2021-04-17T16:43:37.061845000Z", MOMENT),
        ("2021-04-17T16:43:37.0618451239Z", MOMENT + 123),
        ("2021-04-17 16:43:37.061845+00:00", MOMENT),
        ("2021-04-17T18:43:37.061845+02:00", MOMENT),
        ("2021-04-17T16:43:37Z", 1_618_677_817_000_000_000),
        ("1618677817.061845", MOMENT),
        (1618677817061845, MOMENT),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
    ],
)
def test_a_date_or_an_epoch_is_a_time(moment: object, expected: int) -> None:
    assert utc_nanoseconds(moment) == expected


@pytest.mark.parametrize(
    "moment",
    [*("", "x", "2021-04-17", "2021-04-17T16:43:37", "2021-02-30T00:00:00Z", "2021-04-17T25:00:00Z", "-5"), True, []],
)
def test_what_is_no_time_is_named(moment: object) -> None:
    with pytest.raises(ValueError, match=r"time |day |hour |month "):
        utc_nanoseconds(moment)


def test_an_epoch_has_at_most_nanoseconds() -> None:
    with pytest.raises(ValueError, match="time 12345678901234567890"):
        epoch_nanoseconds("12345678901234567890")
