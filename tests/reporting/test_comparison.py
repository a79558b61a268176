"""Comparison of runs: what a variant is, its rows against hand-computed ones, files, and errors of a user."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from marl_market.reporting.comparison.comparison import curves_of, improvements_of, rows_of
from marl_market.reporting.comparison.output import to_json_lines, to_latex, to_text, write_files
from marl_market.reporting.comparison.variants import find_runs, variants_of
from marl_market.reporting.run_folder import CHOICES_FILE, CONFIG_FILE, METRICS_FILE, RunFolderError, write_scores

SESSIONS = 4


def write_run(
    folder: Path, seed: int, reward: float, config: Mapping[str, Any], choices: Mapping[str, str] | None = None
) -> None:
    folder.mkdir(parents=True)
    (folder / CONFIG_FILE).write_text(yaml.safe_dump({**config, "seed": seed}))
    (folder / CHOICES_FILE).write_text(yaml.safe_dump({"choices": dict(choices or {"market": "aapl"})}))
    rows = [{"step": n, "env_steps": 10 * n, "seconds": n / 2, "group/ppo/reward": reward * n} for n in (1, 2, 3)]
    (folder / METRICS_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows))
    numbers = np.arange(SESSIONS)
    tables = [
        pd.DataFrame(
            {
                "group": "ppo",
                "policy": policy,
                "seed": numbers,
                "reward": base + numbers,
                "pnl": 0.0,
                "closing_pnl": 1.0,
            }
        )
        for policy, base in (("trained", reward), ("untrained", 0.0))
    ]
    write_scores(folder, pd.concat(tables, ignore_index=True))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for index, (rate, seed) in enumerate([(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)]):
        reward = 10.0 * rate + seed
        write_run(tmp_path / "sweep" / str(index), seed, reward, {"agent": {"rate": rate, "layers": [8, 8]}})
    return tmp_path / "sweep"


def test_runs_that_differ_in_the_seed_alone_are_one_variant(sweep: Path) -> None:
    variants = variants_of(find_runs([sweep])[0])
    assert [(each.name, [run.seed for run in each.runs]) for each in variants] == [
        ("agent.rate=0.1", [1, 2]),
        ("agent.rate=0.2", [1, 2]),
    ]


def test_a_choice_names_a_variant_in_place_of_the_keys_it_changes(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_run(tmp_path / f"a{seed}", seed, 1.0, {"a": 1, "b": 2}, {"agent": "ppo"})
        write_run(tmp_path / f"b{seed}", seed, 1.0, {"a": 3, "c": 4}, {"agent": "sac"})
    assert [each.name for each in variants_of(find_runs([tmp_path])[0])] == ["agent=ppo", "agent=sac"]


def test_rows_are_the_means_over_seeds_and_sessions(sweep: Path) -> None:
    rows = {(row.variant, row.metric): row.estimate for row in rows_of(variants_of(find_runs([sweep])[0]))}
    assert rows["agent.rate=0.1", "reward"].mean == pytest.approx(1.0 + 1.5 + 1.5)
    assert rows["agent.rate=0.2", "gain"].mean == pytest.approx(2.0 + 1.5)
    assert rows["agent.rate=0.2", "closing_pnl"].mean == 1.0
    assert rows["agent.rate=0.1", "mean_of_curve"].mean == pytest.approx(2 * 2.5)
    assert {row.seeds for row in rows.values()} == {2}
    assert rows["agent.rate=0.1", "reward"].sessions == SESSIONS


def test_improvements_are_of_each_ordered_pair(sweep: Path) -> None:
    found = {
        (each.variant, each.other): each.probability for each in improvements_of(variants_of(find_runs([sweep])[0]))
    }
    # Means 3.5, 4.5 against 4.5, 5.5.
    assert found == {("agent.rate=0.1", "agent.rate=0.2"): 0.125, ("agent.rate=0.2", "agent.rate=0.1"): 0.875}


def test_curves_are_over_the_steps_that_all_runs_have_reached(sweep: Path) -> None:
    for over, ends in (("env_steps", (10, 30)), ("seconds", (0.5, 1.5))):
        curves = curves_of(variants_of(find_runs([sweep])[0]), over)
        assert [(curve.position[0], curve.position[-1]) for curve in curves] == [ends, ends]
        assert curves[0].iqm[-1] == pytest.approx(3 * 2.5)


def test_files_hold_the_rows(sweep: Path, tmp_path: Path) -> None:
    variants = variants_of(find_runs([sweep])[0])
    rows, improvements = rows_of(variants), improvements_of(variants)
    page = write_files(tmp_path / "out", variants, rows, improvements)
    table = pd.read_csv(tmp_path / "out" / "comparison.csv")
    lines = [json.loads(line) for line in to_json_lines(rows).splitlines()]
    assert len(table) == len(lines) == len(rows)
    assert list(lines[0])[:9] == ["group", "variant", "metric", "mean", "iqm", "low", "high", "seeds", "sessions"]
    assert table["iqm"].tolist() == pytest.approx([line["iqm"] for line in lines])
    assert to_latex(rows).count(r"\\") == len(rows) + 1
    assert r"closing\_pnl" in to_latex(rows)
    assert page.read_text().count("<svg") == 3
    assert "2 training seeds" in to_text(rows, improvements, "over 2 training seeds")


def test_a_single_run_can_be_shown(sweep: Path) -> None:
    rows = rows_of(variants_of(find_runs([sweep / "0"])[0]))
    assert all(json.loads(line)["low"] is None for line in to_json_lines(rows).splitlines())


def test_an_unfinished_run_is_left_out_and_named(sweep: Path) -> None:
    (sweep / "3" / "scores.parquet").unlink()
    runs, left_out = find_runs([sweep])
    assert len(runs) == 3
    assert left_out == [f"{sweep / '3'} is left out: it has no scores.parquet, which a run writes when it ends"]


def test_what_cannot_be_compared_is_named(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="empty holds no run; name folders of runs"):
        find_runs([tmp_path / "empty"])
    write_run(tmp_path / "again", 1, 1.0, {"agent": {"rate": 0.1, "layers": [8, 8]}})
    with pytest.raises(ValueError, match=r"variant 'agent.rate=0.1' has training seed 1 more than once: .*again"):
        variants_of(find_runs([sweep, tmp_path / "again"])[0])
    (sweep / "0" / CONFIG_FILE).write_text("[]")
    with pytest.raises(RunFolderError, match=r"sweep/0 is no whole run"):
        find_runs([sweep])


def test_a_run_named_twice_counts_once(sweep: Path) -> None:
    assert len(find_runs([sweep, sweep / "0"])[0]) == 4
