"""Train a population; arguments are config overrides: python scripts/train.py experiment=quickstart seed=2."""

from __future__ import annotations

import sys

import hydra
from command import console, sweep, usage
from command.request import request_of
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> float | None:
    """Train the run that the config describes, and return its objective."""
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return sweep.run_member(config)
    with console.plain_errors():
        from command.launch import launch  # takes seconds, which help and a misspelt word need not wait for

        return launch(request_of(config)).objective


if __name__ == "__main__":
    usage.answer(usage.TRAIN)
    with sweep.summarized():
        console.run(main, "config")
    if status := sweep.exit_status():
        sys.exit(status)
