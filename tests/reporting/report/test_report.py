from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from marl_market.evaluation.results import Conservation, Evaluation
from marl_market.market.tape import QUOTE, Tape
from marl_market.market.tape_file import save_tape
from marl_market.reporting.report import figures
from marl_market.reporting.report.report import write_report
from marl_market.reporting.run_folder import RunFolderError, write_evaluation, write_metadata
from marl_market.reporting.sinks.local import LocalSink

ROOT = Path(__file__).parents[3]


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out, which takes most of a report's second, where a test is about words."""

    def draw(name: str, description: str, *_: object) -> str:
        return f'<svg id="{name}" aria-label="{html.escape(description)}"></svg>'

    monkeypatch.setattr(figures, "draw", draw)


class Page(HTMLParser):
    """What a browser makes of a page: its tags, and its text without style."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def test_the_report_holds_everything_there_is(run_folder: Path, evaluation: Evaluation) -> None:
    path = write_report(run_folder)
    assert path == run_folder / "report.html"
    page = Page(path)
    assert page.open == []
    for text in (
        "Mixed population on BTC-USD",
        "ppo: better than its untrained policy",
        "dqn: not distinguishable from its untrained policy",
        "evolution: worse than its untrained policy",
        "Conserved exactly: over 24 sessions, all positions sum to 0 lots, all cash and fees to 0 cash units.",
        "reward per seat and session",
        "price (USD)",
        "USD per seat and session",
        "seed 20260131",
        "learning rate 0.0003",
        "calibrated to btc_usd_l2.csv.gz",
        "git commit 0123abc",
        "iterations 120",
        "environment steps 1,536,000",
        "Resolved config",
    ):
        assert text in page.text, text
    assert "is missing" not in page.text
    # Of five groups three learn: noise has a bar and a row but no curve.
    assert [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"] == [
        "Reward of ppo against environment steps",
        "Reward of dqn against environment steps",
        "Reward of evolution against environment steps",
        "Profit and loss, after fees in USD per seat and session",
        "Profit and loss if closed, after fees in USD per seat and session",
        "Fees paid in USD per seat and session",
        *["Price, best bid and ask, trades and spread of one market"] * 2,
    ]
    for outcome in evaluation.outcomes:
        assert f"{outcome.group} {outcome.seats}" in page.text


def test_the_page_asks_nothing_of_the_network(run_folder: Path) -> None:
    path = write_report(run_folder)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|url\((?!#)|<(script|link|iframe|img|object)\b", text)
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in Page(path).tags)
    assert "prefers-color-scheme: dark" in text


@pytest.mark.usefixtures("plain_figures")
def test_equal_runs_give_equal_pages(run_folder: Path) -> None:
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first
    assert not list(run_folder.glob("*.part"))


@pytest.mark.usefixtures("plain_figures")
def test_text_of_others_cannot_become_markup(run_folder: Path, evaluation: Evaluation) -> None:
    write_metadata(run_folder, {"title": "<b>bold</b>", "<i>name</i>": "<u>value</u>", "currency": "<s>"})
    comparison = replace(evaluation.comparisons[0], group="<em>ppo</em>")
    write_evaluation(run_folder, replace(evaluation, comparisons=(comparison,)))
    path = write_report(run_folder)
    page = Page(path)
    assert not {"b", "i", "u", "em", "s", "script"} & {tag for tag, _ in page.tags}
    for text in (
        "<b>bold</b>",
        "<i>name</i>",
        "<u>value</u>",
        "<em>ppo</em>",
        "<script>alert('config')</script> & more",
    ):
        assert text in page.text, text


@pytest.mark.usefixtures("plain_figures")
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("evaluation.json", "evaluation.json is missing: this run was not evaluated."),
        ("tape.npz", "tape.npz is missing, so there is no session to draw."),
        ("config.yaml", "config.yaml is missing."),
        ("metadata.json", "metadata.json is missing: seed, market and versions are unknown."),
    ],
)
def test_a_missing_file_costs_its_part_only(run_folder: Path, file: str, line: str) -> None:
    (run_folder / file).unlink()
    page = Page(write_report(run_folder))
    assert line in page.text
    assert set(re.findall(r"([a-z.]+) is missing", page.text)) == {file}
    assert "iterations 120" in page.text


@pytest.mark.usefixtures("plain_figures")
def test_metrics_alone_make_a_report(tmp_path: Path) -> None:
    LocalSink(tmp_path).log({"iteration": 1.0}, 1)
    page = Page(write_report(tmp_path))
    assert f"Run {tmp_path.name}" in page.text
    assert "metrics.jsonl holds no env_steps or no reward of a learning group" in page.text


def test_a_run_of_one_iteration_is_drawn(tmp_path: Path) -> None:
    LocalSink(tmp_path).log({"env_steps": 10.0, "group/ppo/reward": 1.5, "learner/ppo/loss": 0.1}, 1)
    page = Page(write_report(tmp_path))
    assert "too short to average" in page.text


@pytest.mark.usefixtures("plain_figures")
def test_a_tape_without_quotes_is_reported(run_folder: Path, tape: Tape) -> None:
    save_tape(run_folder / "tape.npz", replace(tape, quotes=np.zeros(0, QUOTE)))
    assert "tape.npz holds no quotes" in Page(write_report(run_folder)).text


@pytest.mark.usefixtures("plain_figures")
def test_an_evaluation_of_scripted_groups_has_no_verdict(run_folder: Path, evaluation: Evaluation) -> None:
    write_evaluation(run_folder, replace(evaluation, comparisons=()))
    page = Page(write_report(run_folder))
    assert "evaluation.json holds no comparison: no group learned." in page.text
    assert "PnL after fees" in page.text


@pytest.mark.usefixtures("plain_figures")
def test_lost_money_is_reported_where_it_cannot_be_missed(run_folder: Path, evaluation: Evaluation) -> None:
    write_evaluation(run_folder, replace(evaluation, conservation=Conservation(24, 3, 99)))
    page = Page(write_report(run_folder))
    assert "positions and cash NOT conserved" in page.text
    assert "all positions sum to 3 lots, all cash and fees to 99 cash units. Do not trust this run." in page.text


def test_a_folder_without_metrics_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=re.escape(f"{tmp_path / 'metrics.jsonl'} is missing")):
        write_report(tmp_path)
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(RunFolderError, match=re.escape(f"{tmp_path / 'metrics.jsonl'} holds no rows")):
        write_report(tmp_path)


@pytest.mark.usefixtures("plain_figures")
@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("evaluation.json", "{", r"evaluation\.json: Expecting property name"),
        ("evaluation.json", "{}", r"evaluation\.json: evaluation has \[\]"),
        ("metadata.json", "[]", r"metadata\.json: it holds list"),
        ("metadata.json", '{"versions": {"numpy": "2"}}', r"metadata\.json: versions is .* a string or a number"),
        ("tape.npz", "no tape", r"tape\.npz is no tape file"),
    ],
)
def test_a_broken_file_is_named_and_the_old_report_stays(
    run_folder: Path, file: str, content: str, complaint: str
) -> None:
    old = write_report(run_folder).read_bytes()
    (run_folder / file).write_text(content)
    with pytest.raises(RunFolderError, match=complaint):
        write_report(run_folder)
    assert (run_folder / "report.html").read_bytes() == old


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/report.py", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_script_prints_the_path_of_the_report(run_folder: Path) -> None:
    result = script(str(run_folder))
    assert (result.returncode, result.stdout) == (0, f"{run_folder / 'report.html'}\n"), result.stderr
    assert (run_folder / "report.html").stat().st_size > 50_000


def test_the_script_says_why_there_is_no_report(tmp_path: Path) -> None:
    result = script(str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith(f"No report: {tmp_path / 'metrics.jsonl'} is missing; ")
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("plain_figures")
def test_metadata_keep_their_order(run_folder: Path) -> None:
    write_metadata(run_folder, {"zebra": 1, "ant": 2.5, "market": "m"})
    page = Page(write_report(run_folder))
    assert "The run zebra 1 ant 2.5 market m iterations 120" in page.text
    assert list(json.loads((run_folder / "metadata.json").read_text())) == ["zebra", "ant", "market"]
