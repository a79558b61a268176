"""Calibrate a market to files of real data, play it, and write it as conf/market/<name>.yaml.

python scripts/calibrate.py calibration=lobster path=<message file> name=my_market
"""

from __future__ import annotations

import sys

import hydra
from command import arguments, console, usage
from command.calibration import calibrate
from omegaconf import DictConfig

TEXTS = ("path", "name", "folder", "population_folder", "results", "resume", "held_out", "start", "end")
"""Keys whose values are taken as typed."""


@hydra.main(version_base="1.3", config_path="../conf", config_name="calibrate")
def main(config: DictConfig) -> None:
    """Read, estimate, play, compare and write."""
    with console.plain_errors():
        calibrate(config)


if __name__ == "__main__":
    usage.answer(usage.CALIBRATE)
    sys.argv[1:] = arguments.as_typed(sys.argv[1:], TEXTS)
    console.run(main, "calibrate")
