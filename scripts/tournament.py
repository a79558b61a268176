"""Let policies of runs and scripted agents meet: python scripts/tournament.py runs=[RUN,...] agents=[ladder,...]."""

from __future__ import annotations

import sys

import hydra
from command import arguments, console, usage
from omegaconf import DictConfig

TEXTS = ("runs", "environment", "folder")
"""Keys whose values are taken as typed."""


@hydra.main(version_base="1.3", config_path="../conf", config_name="tournament")
def main(config: DictConfig) -> None:
    """Play the profiles that the folder has no results of, and print and write the tables."""
    with console.plain_errors():
        from command.tournament import play  # takes seconds

        play(config)


if __name__ == "__main__":
    usage.answer(usage.TOURNAMENT)
    sys.argv[1:] = arguments.as_typed(sys.argv[1:], TEXTS)
    console.run(main, "tournament")
