"""Train a population; arguments are config overrides: python scripts/train.py experiment=quickstart seed=2."""

from pathlib import Path

import hydra
from console import plain_errors, short_path
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.reporting.run_folder import CONFIG_FILE
from marl_market.reporting.sinks.run_sinks import open_sinks
from marl_market.training.trainer import Trainer


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> None:
    """Build the run from its config, train, and print the path of its report."""
    output, plain = Path(HydraConfig.get().runtime.output_dir), OmegaConf.to_container(config, resolve=True)
    folder = Path(config.resume or output)
    if folder != output and not any(output.iterdir()):
        output.rmdir()  # Hydra made it, and a resumed run writes to the folder of the first.
    with plain_errors():
        parts = hydra.utils.instantiate(config, _convert_="all")
        name, seed, resume, training, reporting = map(parts.pop, ("name", "seed", "resume", "training", "reporting"))
        groups = [Group(group, **seats) for group, seats in parts.pop("population").items()]
        prepare_process(training.torch_threads)
        trainer = Trainer(EnvironmentSpec(parts.pop("market"), groups, **parts), training, seed, folder)
        if resume:
            trainer.resume()
        sinks = open_sinks(folder, name, plain, **reporting)
    if not resume:  # A run keeps the config that it began with.
        (folder / CONFIG_FILE).write_text(OmegaConf.to_yaml(config, resolve=True))
    print(f"report: {short_path(trainer.run(name, sinks))}")


if __name__ == "__main__":
    main()
