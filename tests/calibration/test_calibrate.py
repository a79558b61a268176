import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

from marl_market.market.spec import MarketSpec

ROOT = Path(__file__).parents[2]
MESSAGES = """\
0.0,1,1,100,1000000,1
0.5,1,2,50,1000300,-1
2.0,1,3,40,1000100,1
3.0,4,2,20,1000300,-1
5.0,3,3,40,1000100,1
"""
AAPL = "lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"
BITCOIN = "coinbase/coinbase_BTC-USD_ETH-USD_2026-07-07_60s.ndjson.gz"


def calibrate(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Run the script from `folder`, which receives the market."""
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "calibrate.py", f"folder={folder}", *overrides],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def instantiate(path: Path) -> MarketSpec:
    return hydra.utils.instantiate(OmegaConf.load(path), _convert_="all")


def test_the_script_writes_one_market_and_leaves_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "messages.csv").write_text(MESSAGES)
    result = calibrate(
        tmp_path,
        "calibration=lobster",
        "calibration.fees.taker_per_unit=0.001",
        f"path={data / 'messages.csv'}",
        "name=toy",
        "session.step_seconds=0.5",
    )
    assert result.returncode == 0, result.stderr
    assert "messages.csv: 5 lobster messages" in result.stdout
    assert result.stdout.endswith("wrote toy.yaml\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "messages.csv", "toy.yaml"]
    text = (tmp_path / "toy.yaml").read_text()
    assert text.splitlines()[0] == (
        "# Made by: python scripts/calibrate.py calibration=lobster calibration.fees.taker_per_unit=0.001"
        " path=messages.csv name=toy session.step_seconds=0.5"
    )
    assert str(tmp_path) not in text
    spec = instantiate(tmp_path / "toy.yaml")
    assert (spec.name, spec.step_ns, spec.fees.taker_per_unit) == ("toy", 500_000_000, 0.001)


def test_a_malformed_file_leaves_no_market(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text(MESSAGES + "noon\n")
    result = calibrate(tmp_path, "calibration=lobster", f"path={tmp_path / 'messages.csv'}", "name=toy")
    assert result.returncode == 1
    assert "error: messages.csv, line 6: found 'noon'; expected six numbers" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["messages.csv"]


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "calibration").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_config_of_a_reader_shows_its_defaults(path: Path) -> None:
    reader = hydra.utils.instantiate(OmegaConf.load(path), _convert_="all")
    assert reader == type(reader)()
    assert callable(reader.read)


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "market").glob("*_20*.yaml")), ids=lambda path: path.stem)
def test_every_calibrated_market_instantiates_under_its_own_name(path: Path) -> None:
    assert instantiate(path).name == path.stem


@pytest.mark.parametrize(
    ("name", "source", "overrides"),
    [
        ("aapl_2012_06_21", AAPL, ["calibration=lobster"]),
        (
            "btc_usd_2026_07_07",
            BITCOIN,
            ["calibration=coinbase", "calibration.product=BTC-USD", "session.step_seconds=0.25"],
        ),
    ],
)
def test_a_committed_market_is_what_its_data_says(
    tmp_path: Path, data: Callable[[str], Path], name: str, source: str, overrides: list[str]
) -> None:
    result = calibrate(tmp_path, *overrides, f"path={data(source)}", f"name={name}")
    assert result.returncode == 0, result.stderr
    committed = ROOT / "conf" / "market" / f"{name}.yaml"
    assert (tmp_path / f"{name}.yaml").read_text() == committed.read_text()


def test_the_committed_markets_have_the_published_figures() -> None:
    aapl = instantiate(ROOT / "conf" / "market" / "aapl_2012_06_21.yaml")
    assert aapl.flow.spread_ticks == pytest.approx(19.5, abs=0.05)
    assert aapl.flow.limit_size_lots[8] == 100.0
    assert aapl.cash_per_tick_lot == 10_000
    bitcoin = instantiate(ROOT / "conf" / "market" / "btc_usd_2026_07_07.yaml")
    assert (bitcoin.tick_size, bitcoin.lot_size, bitcoin.cash_unit) == (0.01, 1e-8, 1e-10)
    assert bitcoin.cash_per_tick_lot == 1
