from dataclasses import replace
from pathlib import Path

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from marl_market.calibration.export import write_market
from marl_market.market.fees import Fees
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.provenance import Provenance
from marl_market.market.spec import MarketSpec

SPEC = MarketSpec(
    name="toy",
    tick_size=0.01,
    lot_size=1e-8,
    initial_price=100.5,
    flow=OrderFlow(
        limit_rate=71.0857,
        market_rate=1e-7,
        cancel_rate=0.0,
        limit_size_lots=[float(2**index) for index in range(QUANTILES)],
        market_size_lots=[1.0] * QUANTILES,
        limit_offset_ticks=[index - 8.5 for index in range(QUANTILES)],
        spread_ticks=1.63676,
        volatility_ticks=141.378,
        depth_lots=12850100.0,
    ),
    fees=Fees(maker_per_unit=-0.002, taker_rate=0.003),
    cash_unit=1e-10,
    provenance=Provenance("no", "null", "2026-07-07T22:58:17+00:00", "09:30:00", 1324, "1e10"),
)


@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, provenance=None)], ids=["calibrated", "invented"])
def test_the_file_instantiates_to_an_equal_spec(tmp_path: Path, spec: MarketSpec) -> None:
    config = OmegaConf.load(write_market(spec, tmp_path, "a command"))
    assert hydra.utils.instantiate(config, _convert_="all") == spec


def test_the_file_is_plain_yaml_with_the_command_on_top(tmp_path: Path) -> None:
    path = write_market(SPEC, tmp_path / "new", "python scripts/calibrate.py name=toy")
    text = path.read_text()
    assert path == tmp_path / "new" / "toy.yaml"
    assert text.startswith(
        "# Made by: python scripts/calibrate.py name=toy\n_target_: marl_market.market.spec.MarketSpec\n"
    )
    assert "  market_size_lots: [1.0, 1.0, " in text
    assert max(map(len, text.splitlines())) <= 140
    # A strict YAML 1.1 reader would take 1e-10 for a word.
    assert yaml.safe_load(text)["cash_unit"] == 1e-10


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text("old")
    write_market(SPEC, tmp_path, "a command")
    assert "old" not in (tmp_path / "toy.yaml").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["toy.yaml"]


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy.yaml").write_text("old")

    def fail(path: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_market(SPEC, tmp_path, "a command")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("toy.yaml", "old")]
