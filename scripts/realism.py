"""Measure how far a market is from real data, fact by fact, beside how far real data are from real data.

python scripts/realism.py tape=<tape> against=<real data>
"""

from __future__ import annotations

import sys

import hydra
from command import arguments, console, usage
from command.realism import compare
from omegaconf import DictConfig

TEXTS = ("tape", "run", "data", "against", "floor", "start", "end", "product", "json", "draw", "save")
"""Keys whose values are taken as typed."""


@hydra.main(version_base="1.3", config_path="../conf", config_name="realism")
def main(config: DictConfig) -> None:
    """Read or play, compare, print and write."""
    with console.plain_errors():
        compare(config)


if __name__ == "__main__":
    usage.answer(usage.REALISM)
    sys.argv[1:] = arguments.as_typed(sys.argv[1:], TEXTS)
    console.run(main, "realism")
