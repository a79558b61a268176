"""The table of truths, with a truth that fails among those that hold."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from marl_market.evaluation.replication.replication import Truth

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_one_truth_that_fails_is_shown_and_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    truths = importlib.import_module("truths")
    found = {True: [Truth("good", 1.0, 0.1, 1.05, 0.0)], False: [Truth("bad", 1.0, 0.1, 1.2, 0.0)]}

    def measure(quick: bool) -> Iterator[Truth]:
        yield from found[quick]

    def one_module(*_: Any) -> list[Any]:
        return [SimpleNamespace(name="only")]

    monkeypatch.setattr(truths.pkgutil, "iter_modules", one_module)
    monkeypatch.setattr(truths, "import_module", lambda _: SimpleNamespace(measure=measure))
    assert truths.main(["--quick"]) == 0
    assert truths.main(["--json", str(tmp_path / "table.jsonl")]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in printed if line.startswith(("good", "bad"))] == ["holds", "FAILS"]
    (row,) = (tmp_path / "table.jsonl").read_text().splitlines()
    assert json.loads(row)["interval"] == [0.9, 1.1]
