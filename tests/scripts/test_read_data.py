"""The table of market data files, on small files of several formats."""

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
MESSAGES = "34200.0,1,1,100,1000000,1\n34200.5,1,2,100,1000100,-1\n34201.0,3,2,100,1000100,-1\n"


def table(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    monkeypatch.syspath_prepend(SCRIPTS)
    status = importlib.import_module("read_data").main(arguments)
    return status, capsys.readouterr().out.splitlines()


def test_each_file_of_a_folder_is_a_line_with_its_rows_or_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "a_message.csv").write_text(MESSAGES + "34201.0,2,9,0,1000100,-1\n")
    (tmp_path / "b_message.csv").write_text(MESSAGES + "34200.7,1,3,100,1000000,1\n")
    (tmp_path / "b_orderbook_1.csv").write_text("1000100,100,1000000,100\n")
    (tmp_path / "bars.csv").write_text("date,close\n2024-01-02,10\n2024-01-03,-1\n2024-01-04,11\n")
    (tmp_path / "notes.md").write_text("# Notes\n")
    status, (head, *lines) = table([str(tmp_path)], monkeypatch, capsys)
    assert status == 1
    assert head.split()[:6] == ["file", "format", "rows", "used", "repaired", "left"]
    words = [line.split() for line in lines]
    assert words[0][:2] == ["b_message.csv", "lobster"]
    assert words[0][2:8] == ["4", "3", "0", "1", "0", "1"]
    assert "this is the order book file" in lines[1]
    assert words[2][:8] == ["bars.csv", "bars", "3", "2", "0", "1", "0", "1"]
    assert lines[3].split()[:2] == ["days/a_message.csv", "lobster"]
    assert "line 4" in lines[3]
    assert "expected a size and a price above zero" in lines[3]
    assert "notes.md, line 1: found '# Notes'; expected data of one of advanced_trade, bars" in lines[4]


def test_a_pattern_is_one_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in ("2012-06-21", "2012-06-22"):
        (tmp_path / f"TOY_{day}_1_2_message_1.csv").write_text(MESSAGES)
    status, (_, line, *summary) = table([f"{tmp_path}/TOY_*.csv", "--summary"], monkeypatch, capsys)
    assert status == 0
    assert line.split()[:9] == ["TOY_*.csv", "lobster", "6", "6", "0", "0", "0", "2", "1"]
    assert summary[0] == "6 rows read, 6 used"
    assert summary[-1].startswith("  between files: 1, 86399.0 s")
