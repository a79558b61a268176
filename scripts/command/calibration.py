"""Calibrate a market as a config describes it, and print the estimates."""

from __future__ import annotations

import re
from pathlib import Path

import hydra
from command import console
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

ROOT = Path(__file__).resolve().parents[2]
FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"


def calibrate(config: DictConfig) -> None:
    """Read, estimate, write, and print the estimates; raises ValueError for a name that is none or is taken."""
    path = ROOT / config.folder / f"{config.name}.yaml"
    if not re.fullmatch(FILE_NAME, str(config.name)):
        raise ValueError(f"name is {config.name}; it must be a file name without a path: letters, digits, _, . and -")
    if path.exists() and not config.overwrite:
        raise ValueError(
            f"name is {config.name}, and {console.short_path(path)} is there already; choose another name, or "
            "overwrite=true"
        )
    from marl_market.calibration.export import write_market
    from marl_market.calibration.targets import market_spec
    from marl_market.market.config_targets import require_allowed_targets

    plain = OmegaConf.to_container(config.calibration, resolve=True)
    require_allowed_targets({"calibration": plain}, config.allow_targets)
    recording = hydra.utils.instantiate(config.calibration).read(config.path)
    spec = market_spec(recording, str(config.name), **config.session)
    # The command is kept with the market, without the paths of its files.
    kept = (each for each in HydraConfig.get().overrides.task if not each.startswith(("folder=", "overwrite=")))
    command = " ".join(("python scripts/calibrate.py", *kept)).replace(config.path, Path(config.path).name)
    path = write_market(spec, ROOT / config.folder, command)
    flow, origin = spec.flow, recording.provenance
    print(f"{origin.source}: {origin.rows} {origin.format} messages, {origin.start} to {origin.end}")
    print(f"tick {spec.tick_size} {spec.currency}, lot {spec.lot_size}, price {spec.initial_price} {spec.currency}")
    print(f"a second: {flow.limit_rate} limit orders, {flow.cancel_rate} cancels, {flow.market_rate} market orders")
    print(f"spread {flow.spread_ticks} ticks, depth {flow.depth_lots} lots, volatility {flow.volatility_ticks} ticks")
    if path.parent == ROOT / "conf" / "market":
        print(f"next: python scripts/train.py market={config.name}")
    print(f"wrote {console.short_path(path)}")
