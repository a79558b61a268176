"""Calibrate a market to a file of real data and write it as conf/market/<name>.yaml.

python scripts/calibrate.py calibration=coinbase calibration.product=BTC-USD path=<file> name=btc_usd
"""

from __future__ import annotations

import hydra
from command import console, usage
from command.calibration import calibrate
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="../conf", config_name="calibrate")
def main(config: DictConfig) -> None:
    """Read, estimate, write, and print the estimates."""
    with console.plain_errors():
        calibrate(config)


if __name__ == "__main__":
    usage.answer(usage.CALIBRATE)
    console.run(main, "calibrate")
