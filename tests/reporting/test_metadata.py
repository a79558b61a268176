from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from marl_market.market.provenance import Provenance
from marl_market.reporting.metadata import git_commit, market_metadata, software_metadata
from tests.builders import market_spec


def test_a_market_says_where_it_comes_from() -> None:
    origin = Provenance("day.csv", "lobster", "2012-06-21T09:30:00", "2012-06-21T10:30:00", 91997, "ab12")
    metadata = market_metadata(market_spec(provenance=origin, currency="EUR"))
    assert metadata["market_source"] == "day.csv (91997 rows, read as lobster)"
    assert metadata["market_dates"] == "2012-06-21T09:30:00 to 2012-06-21T10:30:00"
    assert (metadata["market_sha256"], metadata["currency"]) == ("ab12", "EUR")
    assert metadata["session"] == "12 steps of 1 s, after 8 of warm-up"
    assert market_metadata(market_spec())["market_source"] == "invented"


def test_the_versions_are_those_that_run() -> None:
    metadata = software_metadata()
    assert metadata["numpy"] == np.__version__
    assert {"python", "numba", "torch", "ray"} <= metadata.keys()


def test_the_commit_is_that_of_a_tracked_file_and_says_when_something_changed(tmp_path: Path) -> None:
    def git(*command: str) -> str:
        author = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.check_output(["git", *author, *command], cwd=tmp_path, text=True).strip()

    git("init", "--quiet")
    (tmp_path / "kept.py").write_text("1")
    git("add", "kept.py")
    git("commit", "--quiet", "-m", "first")
    commit = git("rev-parse", "--short", "HEAD")
    assert git_commit(tmp_path / "kept.py") == commit
    (tmp_path / "stray.py").write_text("1")
    assert git_commit(tmp_path / "stray.py") is None
    (tmp_path / "kept.py").write_text("2")
    assert git_commit(tmp_path / "kept.py") == f"{commit}-dirty"


def test_without_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path / "alone.py") is None
