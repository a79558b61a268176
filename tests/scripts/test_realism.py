"""The realism command: tapes and data against data, printed, drawn and written."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from marl_market.market.tape_file import load_tape, save_tape
from tests.evaluation.realism.test_assessment import market

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONFIG = OmegaConf.load(SCRIPTS.parent / "conf" / "realism.yaml")


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Return a function that compares as keys of the config say, and returns the printed lines."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def run(**keys: object) -> list[str]:
        importlib.import_module("command.realism").compare(OmegaConf.merge(CONFIG, keys))
        return capsys.readouterr().out.splitlines()

    return run


def messages(seed: int, count: int = 400) -> str:
    """Return LOBSTER messages of orders that come and are canceled or executed a second later."""
    random = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        side = random.choice([1, -1])
        price = 1_000_000 - side * 100 * random.integers(1, 9)
        size, time = random.integers(1, 9) * 100, 34_200 + 3 * number
        lines += [f"{time},1,{number + 1},{size},{price},{side}"]
        lines += [f"{time + 1},{random.choice([3, 4])},{number + 1},{size},{price},{side}"]
        lines += [f"{time},1,{count + 2 * number},100,999000,1", f"{time},1,{count + 2 * number + 1},100,1001000,-1"]
    return "\n".join(sorted(lines, key=lambda line: float(line.split(",")[0]))) + "\n"


def test_a_tape_is_put_beside_real_data_and_written(tmp_path: Path, compare: Callable[..., list[str]]) -> None:
    for name, seed in (("simulated", 1), ("real", 2), ("next", 3)):
        save_tape(tmp_path / f"{name}.npz", market(seed))
    paths = {
        key: str(tmp_path / f"{name}.npz")
        for key, name in (("tape", "simulated"), ("against", "real"), ("floor", "next"))
    }
    lines = compare(**paths, json=str(tmp_path / "rows.jsonl"), draw=str(tmp_path / "page.html"))
    assert lines[0] == "simulated.npz against real.npz"
    assert lines[1].split() == ["fact", "market", "data", "distance", "interval", "floor"]
    assert "floor: other real data, next.npz" in lines
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {"fact", "distance", "value", "low", "high", "floor"} <= set.intersection(*(set(row) for row in rows))
    pooled = {(row["fact"], row["distance"]) for row in rows if row["distance"].startswith("mean_")}
    assert pooled >= {(name, kind) for name in ("eight", "all") for kind in ("mean_l1", "mean_ks")}
    page = (tmp_path / "page.html").read_text()
    assert "How real is the market?" in page
    assert page.count("<svg") >= 8


def test_real_data_are_compared_with_blocks_of_themselves_between_two_times(
    tmp_path: Path, compare: Callable[..., list[str]]
) -> None:
    for day in (21, 22):
        (tmp_path / f"TOY_2012-06-{day}_0_1_message_1.csv").write_text(messages(day))
    one, other = (str(tmp_path / f"TOY_2012-06-{day}_0_1_message_1.csv") for day in (21, 22))
    lines = compare(data=one, against=other, start="09:30", end="09:40", save=str(tmp_path / "day.npz"))
    assert any(line.startswith("floor: alternate blocks of 1") for line in lines)
    saved = load_tape(tmp_path / "day.npz")
    assert saved.quotes["time_ns"].max() < 34_800 * 10**9
    assert len(saved.orders)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"tape": "a"}, "against is null; it must name real data"),
        ({"against": "a"}, "nothing is given; it must be one of tape, run, data"),
        ({"against": "a", "tape": "b", "run": "c"}, "tape, run is given; it must be one of tape, run, data"),
    ],
)
def test_what_is_compared_must_be_named(
    compare: Callable[..., list[str]], keys: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        compare(**keys)


def test_times_of_a_tape_and_bars_are_rejected(tmp_path: Path, compare: Callable[..., list[str]]) -> None:
    save_tape(tmp_path / "a.npz", market(1))
    with pytest.raises(ValueError, match=r"start is 09:30; .*a\.npz is a tape without a date"):
        compare(data=str(tmp_path / "a.npz"), against=str(tmp_path / "a.npz"), start="09:30")
    (tmp_path / "bars.csv").write_text("date,close\n2024-01-02,10\n2024-01-03,11\n2024-01-04,11\n")
    with pytest.raises(ValueError, match="these are bars"):
        compare(tape=str(tmp_path / "a.npz"), against=str(tmp_path / "bars.csv"))


def test_the_help_names_every_key() -> None:
    answer = subprocess.run(
        [sys.executable, SCRIPTS / "realism.py", "--help"], capture_output=True, text=True, check=True
    )
    for key in set(CONFIG) - {"defaults", "hydra", "allow_targets"}:
        assert key in answer.stdout, key
