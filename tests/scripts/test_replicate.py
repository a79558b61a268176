"""The table of replications, with one that fails among those that hold."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from marl_market.evaluation.replication.replication import Replication

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_one_replication_that_fails_is_shown_and_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    replicate = importlib.import_module("replicate")
    found = {True: [Replication("good", 1.0, 0.1, 1.05, 0.0)], False: [Replication("bad", 1.0, 0.1, 1.2, 0.0)]}

    def measure(quick: bool) -> Iterator[Replication]:
        yield from found[quick]

    monkeypatch.setattr(replicate, "publications", lambda: {"only": SimpleNamespace(measure=measure)})
    assert replicate.main(["--quick"]) == 0
    assert replicate.main(["--json", str(tmp_path / "table.jsonl")]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in printed if line.startswith(("good", "bad"))] == ["holds", "FAILS"]
    (row,) = (tmp_path / "table.jsonl").read_text().splitlines()
    assert json.loads(row)["interval"] == [0.9, 1.1]
