"""Calibrate a market to a file of real data and write it as conf/market/<name>.yaml.

python scripts/calibrate.py calibration=coinbase calibration.product=BTC-USD path=<file> name=btc_usd
"""

from pathlib import Path

import hydra
from console import plain_errors, short_path
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from marl_market.calibration.export import write_market
from marl_market.calibration.targets import market_spec

ROOT = Path(__file__).resolve().parents[1]


@hydra.main(version_base="1.3", config_path="../conf", config_name="calibrate")
def main(config: DictConfig) -> None:
    """Read, estimate, write, and print the estimates."""
    with plain_errors():
        recording = hydra.utils.instantiate(config.calibration).read(config.path)
        spec = market_spec(recording, config.name, **config.session)
    # The command is kept with the market, without the paths of its files.
    kept = (override for override in HydraConfig.get().overrides.task if not override.startswith("folder="))
    command = " ".join(("python scripts/calibrate.py", *kept)).replace(config.path, Path(config.path).name)
    path = write_market(spec, ROOT / config.folder, command)
    flow, origin = spec.flow, recording.provenance
    print(f"{origin.source}: {origin.rows} {origin.format} messages, {origin.start} to {origin.end}")
    print(f"tick {spec.tick_size} {spec.currency}, lot {spec.lot_size}, price {spec.initial_price} {spec.currency}")
    print(f"a second: {flow.limit_rate} limit orders, {flow.cancel_rate} cancels, {flow.market_rate} market orders")
    print(f"spread {flow.spread_ticks} ticks, depth {flow.depth_lots} lots, volatility {flow.volatility_ticks} ticks")
    print(f"wrote {short_path(path)}")


if __name__ == "__main__":
    main()
