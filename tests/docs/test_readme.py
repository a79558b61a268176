"""The README's own code, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def run(script: str, folder: Path, *paths: Path) -> str:
    program = folder / "program.py"
    program.write_text(script)
    command = [sys.executable, "-W", "error::UserWarning", str(program)]
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    environment = {"PYTHONPATH": ":".join(map(str, (*paths, ROOT))), "PATH": "", **kept}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_program_plays_a_session(tmp_path: Path) -> None:
    program = next(block for block in blocks("python") if "MarketEnv" in block)
    script = program + "\nprint(env.batch.markets['public']['step'][0], sum(rewards.values()) == sum(rewards.values()))"
    assert run(script, tmp_path).split() == ["200", "True"]


def test_the_program_for_other_learners_goes_on_from_it(tmp_path: Path) -> None:
    first, second = (next(block for block in blocks("python") if name in block) for name in ("MarketEnv", "FocalEnv"))
    script = f"{first}\n{second}\nprint(observation.shape[0], reward.shape, truncated.any())"
    assert run(script, tmp_path) == "64 (64,) False\n"


@pytest.mark.ray
def test_the_program_for_rllib_goes_on_from_them(tmp_path: Path) -> None:
    programs = [next(b for b in blocks("python") if name in b) for name in ("MarketEnv", "FocalEnv", "MarketEnvRunner")]
    script = "\n".join([*programs, "print(results['num_episodes'], set(results['module_episode_returns_mean']))"])
    assert run(script, tmp_path).splitlines()[-1] == "32 {'mine'}"


PLAY_THE_NEW_TRADER = """
import numpy as np, yaml
from pathlib import Path
from hydra.utils import instantiate
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.population.group import Group
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.book import Book
from marl_market.env.rewards.profit import Profit
from marl_market.evaluation.match import play_match

market = instantiate(yaml.safe_load(Path("conf/market/aapl_2012_06_21.yaml").read_text()))
newcomer = instantiate(yaml.safe_load(Path({yaml!r}).read_text()))
groups = [Group("noise", ZeroIntelligence(), 8), Group("jumpers", newcomer, 2)]
match = play_match(EnvironmentSpec(market, groups, {{"book": Book()}}, Quotes(), {{"profit": Profit()}}), range(4))
print(match.trades[:, 8:].min() > 0, match.position_error.any(), match.cash_error.any())
"""


def test_a_new_trader_takes_the_two_files_shown(tmp_path: Path) -> None:
    source = next(block for block in blocks("python") if "PennyJumper" in block)
    config = next(block for block in blocks("yaml") if "PennyJumper" in block)
    (tmp_path / "penny_jumper.py").write_text(source)
    path = tmp_path / "penny_jumper.yaml"
    path.write_text(config.replace("marl_market.agents.scripted.penny_jumper", "penny_jumper"))
    assert run(PLAY_THE_NEW_TRADER.format(yaml=str(path)), tmp_path, tmp_path).split() == ["True", "False", "False"]


@pytest.mark.parametrize("command", [line for block in blocks("bash") for line in block.splitlines() if line.strip()])
def test_every_command_names_a_file_that_exists(command: str) -> None:
    words = command.split("#")[0].split()
    scripts = [word for word in words if word.startswith("scripts/")]
    assert all((ROOT / script).is_file() for script in scripts)
    for word in words:
        name, _, choice = word.partition("=")
        if name in ("experiment", "market", "calibration"):
            assert (ROOT / "conf" / name / f"{choice}.yaml").is_file(), word


@pytest.mark.parametrize("command", [line for line in blocks("bash")[1].splitlines() if "scripts/train.py" in line])
def test_every_run_that_it_shows_can_be_built(command: str) -> None:
    overrides = [word.split(",")[0] for word in command.split("#")[0].split()[2:] if "=" in word]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("config", overrides=overrides)
    parts = instantiate(config, _convert_="all")
    groups = [Group(name, **seats) for name, seats in parts["population"].items()]
    schemes = (parts[name] for name in ("observation", "action", "reward", "timing"))
    environment = EnvironmentSpec(parts["market"], groups, *schemes)
    assert BatchMarket(environment, markets=2).markets["seat_count"].tolist() == [environment.seats] * 2
