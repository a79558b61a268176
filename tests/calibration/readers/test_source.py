import gzip
import hashlib
from pathlib import Path

import pytest

from marl_market.calibration.readers.source import DataError, Source


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
