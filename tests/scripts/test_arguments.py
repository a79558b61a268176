import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

ROOT = Path(__file__).parents[2]


def prepared(folder: Path, *arguments: str) -> list[str]:
    """Return what `as_typed` makes of the arguments, by a process that runs in `folder`."""
    code = "import sys; from command.arguments import as_typed; print('\\0'.join(as_typed(sys.argv[1:], ('path',))))"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout[:-1].split("\0")  # fmt: skip


TEXTS = [
    "/d/date=2021-04-17/f.ndjson",
    "a b.csv",
    " a",
    "[x].csv",
    "(x){y}.csv",
    "it's.csv",
    'say "a".csv',
    "a\\b.csv",
    "a\\'b.csv",
    "ends with \\",
    "a,b.csv",
    "~/f.csv",
    "day_*.csv.gz",
    "day_[12]?.csv",
    "1e5",
    "10",
    "true",
    "C:\\data\\f.csv",
    "größe=1.csv",
    "a#b;c&d|e!.csv",
]


def test_a_text_is_read_as_typed(tmp_path: Path) -> None:
    parser = OverridesParser.create()
    for text, argument in zip(TEXTS, prepared(tmp_path, *(f"path={text}" for text in TEXTS)), strict=True):
        assert parser.parse_override(argument).value() == text


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("[a=1/f.csv, b.csv]", ["a=1/f.csv", "b.csv"]),
        ("[a b.csv,'c,d.csv']", ["a b.csv", "c,d.csv"]),
        ("'a b.csv'", "a b.csv"),
        ('"a=b.csv"', "a=b.csv"),
        ("null", None),
    ],
)
def test_lists_and_quotes_keep_their_meaning(tmp_path: Path, typed: str, value: object) -> None:
    (argument,) = prepared(tmp_path, f"path={typed}")
    assert OverridesParser.create().parse_override(argument).value() == value


def test_a_file_of_that_very_name_wins(tmp_path: Path) -> None:
    for name in ("[a,b]", "'c'"):
        (tmp_path / name).touch()
        (argument,) = prepared(tmp_path, f"path={name}")
        assert OverridesParser.create().parse_override(argument).value() == name


def test_other_arguments_stay(tmp_path: Path) -> None:
    others = ["other=[a=1]", "--cfg", "job", "+path=a=b", "path", "paths=a=b"]
    assert prepared(tmp_path, *others) == others
