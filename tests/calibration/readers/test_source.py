import gzip
import hashlib
import importlib
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from marl_market.calibration.readers.source import ZSTANDARD, DataError, Source, sources_of


@pytest.mark.parametrize("name", ["plain.csv", "plain.gz"])
def test_plain_and_gzip_read_alike_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    text = b"first\r\nsecond\nlast"
    (tmp_path / name).write_bytes(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text))
    expected = [(1, "first"), (2, "second"), (3, "last")]
    assert list(Source(tmp_path / name).lines()) == expected
    assert list(Source(tmp_path / "packed").lines()) == expected


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(Source(tmp_path / "empty").lines()) == []


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"line\n" * 10_000)[:-20], gzip.compress(b"line\n")[:12] + b"\xff" * 20, b"line\n\xff\xfe\n"],
    ids=["cut off", "damaged", "not text"],
)
def test_unreadable_bytes_are_a_data_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(
        DataError,
        match=r"^broken, line \d+: found .*; expected UTF-8 text, plain or in a whole gzip, xz or zstandard file$",
    ):
        list(Source(tmp_path / "broken").lines())


def test_an_error_quotes_a_long_line_only_in_part(tmp_path: Path) -> None:
    message = str(Source(tmp_path / "file").error(7, "x" * 10_000, "less"))
    assert message.startswith("file, line 7: found 'xxx")
    assert message.endswith("...'; expected less")
    assert len(message) < 200


def test_the_digest_is_of_the_bytes_on_disk(tmp_path: Path) -> None:
    packed = gzip.compress(b"line\n")
    (tmp_path / "packed").write_bytes(packed)
    assert Source(tmp_path / "packed").sha256() == hashlib.sha256(packed).hexdigest()


def packers() -> dict[str, Callable[[bytes], bytes]]:
    return {
        "gzip": gzip.compress,
        "xz": lzma.compress,
        "zstandard": lambda data: pytest.importorskip("zstandard").ZstdCompressor(write_checksum=True).compress(data),
    }


@pytest.mark.parametrize("name", packers())
def test_a_packed_file_reads_as_plain_and_one_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    text = b"".join(b"line %d\n" % (number * number) for number in range(20_000))
    packed = packers()[name](text)
    (tmp_path / "packed").write_bytes(packed + packers()[name](b"more\n"))  # a file of two frames
    lines = [line for _, line in Source(tmp_path / "packed").lines()]
    assert (len(lines), lines[-2:]) == (20_001, ["line 399960001", "more"])
    assert Source(tmp_path / "packed").head().lines[0] == "line 0"
    (tmp_path / "cut").write_bytes(packed[:-20])
    with pytest.raises(DataError, match=r"^cut, line \d+: found .* in a whole gzip, xz or zstandard file$"):
        list(Source(tmp_path / "cut").lines())
    (tmp_path / "damaged").write_bytes(packed[:100] + b"\xff" * 50 + packed[150:])
    with pytest.raises(DataError, match=r"^damaged, line \d+: found"):
        list(Source(tmp_path / "damaged").lines())


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packed").write_bytes(ZSTANDARD + b"0" * 20)

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        DataError, match=r"packed is compressed with zstandard.* pip install 'marl_market\[zstandard\]'"
    ):
        list(Source(tmp_path / "packed").lines())


def test_a_byte_order_mark_and_blank_lines_are_dropped_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbffirst\n\n  \nsecond\n")
    assert list(Source(tmp_path / "file").lines()) == [(1, "first"), (4, "second")]


def names(path: str | Path | list[str | Path]) -> list[str]:
    return [source.path.name for source in sources_of(path)]


def test_a_path_is_a_file_a_pattern_or_a_list_of_either_sorted_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "a [b]=c d"
    folder.mkdir()
    for name in ("day_2.csv", "day_1.csv", "day_1.csv.gz", "other.csv", "odd[1].csv"):
        (folder / name).touch()
    assert names(folder / "day_*.csv") == ["day_1.csv", "day_2.csv"]
    assert names(str(folder / "day_[12].csv")) == ["day_1.csv", "day_2.csv"]
    assert names(folder / "odd[1].csv") == ["odd[1].csv"]
    assert names([folder / "other.csv", folder / "day_*.csv", folder / "day_1.csv"]) == [
        "day_1.csv", "day_2.csv", "other.csv",
    ]  # fmt: skip
    assert names(tmp_path / "*" / "oth*") == ["other.csv"]
    for absent in (folder / "absent.csv", folder / "absent_*.csv", tmp_path / "absent" / "day_*"):
        with pytest.raises(FileNotFoundError, match="there is no such file, and no file fits it as a pattern"):
            sources_of(absent)
