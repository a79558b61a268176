"""Files that grow by lines: a kill and a full disk leave whole lines only."""

import os
from pathlib import Path

import pytest

from marl_market.market.growing_file import append_line, whole_lines


@pytest.mark.parametrize("synced", [False, True])
def test_lines_are_read_as_they_were_appended(tmp_path: Path, synced: bool) -> None:
    path = tmp_path / "lines"
    assert whole_lines(path) == []
    for line in ("one", "", "three"):
        append_line(path, line, synced)
    assert whole_lines(path) == [b"one", b"", b"three"]


def test_a_line_without_its_end_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")
    assert whole_lines(path) == [b"one"]
    assert path.read_bytes() == b"one\n"
    append_line(path, "two")
    assert whole_lines(path) == [b"one", b"two"]


def test_a_line_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines"
    append_line(path, "one")

    def full(_descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        append_line(path, "two", synced=True)
    assert path.read_bytes() == b"one\n"
