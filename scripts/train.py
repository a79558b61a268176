"""Train a population; arguments are config overrides: python scripts/train.py experiment=quickstart seed=2."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from marl_market.agents.rllib.process import prepare_process
from marl_market.env.agent import Group
from marl_market.env.batch_market import Environment
from marl_market.reporting.local_sink import LocalSink
from marl_market.reporting.run_folder import CONFIG_FILE
from marl_market.reporting.sink import FanOut
from marl_market.reporting.wandb_sink import WandbSink
from marl_market.training.trainer import Trainer


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> None:
    """Build the run from its config, train, and print where the report is."""
    folder = Path(config.resume or HydraConfig.get().runtime.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(OmegaConf.to_yaml(config, resolve=True))
    plain = OmegaConf.to_container(config, resolve=True)
    parts = hydra.utils.instantiate(config, _convert_="all")
    prepare_process(parts["training"].torch_threads)
    groups = [Group(name, **group) for name, group in parts["population"].items()]
    environment = Environment(parts["market"], groups, parts["observation"], parts["action"], parts["reward"])
    reporting = parts["reporting"]
    wandb = WandbSink(
        folder, reporting["wandb"], reporting["project"], config.name, tags=reporting["tags"], config=plain
    )
    trainer = Trainer(environment, parts["training"], config.seed, folder, FanOut([LocalSink(folder), wandb]))
    if config.resume:
        trainer.resume(folder)
    facts = {"title": config.name, "seed": config.seed, "market": parts["market"].name}
    print(f"report: {trainer.run(facts)}")


if __name__ == "__main__":
    main()
