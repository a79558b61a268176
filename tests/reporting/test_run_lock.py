from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marl_market.market.whole_file import replace_file, whole_file
from marl_market.reporting.run_folder import RunFolderError
from marl_market.reporting.run_lock import locked, nothing_left, require_no_run

ROOT = Path(__file__).parents[2]
OWNER = (
    "import pathlib, sys, time; from marl_market.reporting.run_lock import locked\n"
    "with locked(pathlib.Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
)


def test_a_second_process_is_told_the_first_and_gets_the_lock_after_its_death(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert owner.stdout is not None
    assert owner.stdout.readline() == "locked\n"
    with (
        pytest.raises(RunFolderError, match=rf"being written by process {owner.pid} on {os.uname().nodename}"),
        locked(folder),
    ):
        pass
    owner.kill()
    owner.communicate()
    assert (folder / "lock").exists()
    with locked(folder):
        assert (folder / "lock").read_text().startswith(f"process {os.getpid()} on ")
        (folder / "metrics.jsonl").touch()
    assert [path.name for path in folder.iterdir()] == ["metrics.jsonl"]


@pytest.mark.parametrize("name", ["metrics.jsonl", "config.yaml", "checkpoint.npz", "report.html"])
def test_a_folder_with_a_run_is_named(tmp_path: Path, name: str) -> None:
    require_no_run(tmp_path)
    (tmp_path / "notes.txt").touch()
    require_no_run(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(RunFolderError, match=rf"{tmp_path} holds a run already \({name}\)"):
        require_no_run(tmp_path)


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    def begin() -> None:
        with nothing_left(tmp_path):
            (tmp_path / "wandb" / "deep").mkdir(parents=True)
            (tmp_path / "config.yaml").touch()
            raise KeyError

    with pytest.raises(KeyError):
        begin()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state"
    replace_file(path, b"old")

    def write() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise OSError(28, "disk full")

    with pytest.raises(OSError, match="full"):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_and_its_folder_are_synced_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    replace_file(tmp_path / "state", b"new")
    assert len(synced) == 2
    assert synced[0].startswith(f"{tmp_path}/state.")
    assert synced[1] == str(tmp_path)
