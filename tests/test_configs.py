"""Environments in one line, from the configs that are shipped and from those of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import marl_market
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.configs import conf_folder
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.vector_env import FocalEnv
from marl_market.market.validation import ConfigError

SHORT = {"session_steps": 6, "warmup_steps": 4}


def config_file(folder: Path, **changes: Any) -> Path:
    """Write the config of a run, as scripts/train.py keeps it."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("config", ["experiment=quickstart", "market.session_steps=6", "market.warmup_steps=4"])
    for key, value in changes.items():
        OmegaConf.update(config, key, value)
    path = folder / "config.yaml"
    path.write_text(OmegaConf.to_yaml(config, resolve=True))
    return path


def test_the_import_is_light_and_the_rest_comes_with_the_first_use() -> None:
    code = "import sys, marl_market; print(sorted({'torch', 'ray', 'numba', 'hydra', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert callable(marl_market.make)
    assert set(marl_market.__all__) == {"make", "from_config"}
    with pytest.raises(AttributeError, match="module 'marl_market' has no attribute 'mak'"):
        marl_market.mak  # noqa: B018


def test_an_experiment_is_a_market_in_which_all_groups_that_learn_are_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = marl_market.make("quickstart", market=SHORT, fixed_agents=True)
    assert isinstance(env, MarketEnv)
    assert env.fixed_agents
    assert env.possible_agents == ["ppo_0", "ppo_1", "evolution_0", "evolution_1"]
    assert env.batch.environment.spec.session_steps == 6
    first, _ = env.reset(seed=1)
    again, _ = marl_market.make("quickstart", market=SHORT).reset(seed=1)
    assert all(np.array_equal(first[agent], again[agent]) for agent in first)
    assert list(tmp_path.iterdir()) == []


def test_one_group_is_a_focal_env_and_the_others_play_what_they_begin_with() -> None:
    env = marl_market.make("quickstart", group="ppo", market=SHORT)
    assert isinstance(env, FocalEnv)
    assert (env.group, env.num_envs) == ("ppo", 2 * 32), "as many markets as the experiment has"
    agents = {group.name: group.agent for group in env.batch.environment.groups}
    assert isinstance(agents["ppo"], External)
    assert isinstance(agents["evolution"], CompiledPolicy)
    twin = marl_market.make("quickstart", group="ppo", market=SHORT)
    assert np.array_equal(
        agents["evolution"].weights,
        {group.name: group.agent for group in twin.batch.environment.groups}["evolution"].weights,
    )
    env.reset(seed=1)
    assert env.step(env.action_space.sample())[1].shape == (64,)
    other = marl_market.make("quickstart", group="evolution", markets=3, market=SHORT, opponents={"ppo": FixedSpread()})
    assert (other.group, other.num_envs) == ("evolution", 6)
    assert isinstance(other.batch.environment.groups[3].agent, FixedSpread)


def test_overrides_are_choices_and_values() -> None:
    env = marl_market.make(
        "quickstart",
        group="ppo",
        markets=2,
        market=SHORT,
        observation=["clock", "book"],
        timing="chosen_delay",
        action="market_discrete",
        population={"ppo": {"count": 1}},
        **{"reward.closing_profit.weight": 2.5},
    )
    described = env.batch.environment
    assert list(described.observation) == ["clock", "book"]
    assert described.timing == ChosenDelay()
    assert env.num_envs == 2
    assert described.reward["closing_profit"].weight == 2.5
    assert env.single_action_space.nvec.tolist() == [3, 5]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name": "quikstart"}, "name is 'quikstart'; it must be an experiment; did you mean quickstart"),
        ({"group": "pp"}, "group is 'pp'; it must be a group of the population; did you mean ppo"),
        ({"group": "makers"}, "population has 0 external groups"),
        ({"opponents": {"evolutoin": FixedSpread()}}, "opponents is 'evolutoin'; .* did you mean evolution"),
        ({"market": {"session_step": 3}}, "config has no market.session_step; did you mean session_steps"),
        ({"market": "par"}, "market is 'par'; it must be one of conf/market; did you mean pair"),
        ({"population": {"ppo": {"cuont": 1}}}, "config has no population.ppo.cuont; did you mean count"),
        (
            {"population": {"ppo": {"agent": {"lstm_sise": 1}}}},
            "no population.ppo.agent.lstm_sise; did you mean lstm",
        ),
        ({"observation": ["boook"]}, "observation is 'boook'; it must be one of conf/observation; did you mean book"),
        ({"markt": "pair"}, "config has no markt; did you mean market"),
        ({"market": {"session_steps": "few"}}, "market.session_steps is 'few'; it must be"),
        ({"market": {"session_steps": FixedSpread()}}, "market.session_steps is FixedSpread.* it must be a number"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError if "0 external" not in complaint else ValueError, match=complaint):
        marl_market.make(**{"name": "quickstart", **arguments})


def test_a_group_whose_policy_does_not_compile_needs_an_opponent() -> None:
    with pytest.raises(ConfigError, match=r"policy of population\.\w+ is .* give another by opponents=\{"):
        marl_market.make("all_learners", group="dqn", population={"ppo": {"agent": {"lstm_size": 8}}})


@pytest.mark.parametrize("kind", ["file", "folder", "text", "mapping", "config"])
def test_the_config_of_a_run_is_an_environment(kind: str, tmp_path: Path) -> None:
    path = config_file(tmp_path)
    given = {
        "file": path,
        "folder": tmp_path,
        "text": str(path),
        "mapping": yaml.safe_load(path.read_text()),
        "config": OmegaConf.load(path),
    }[kind]
    env = marl_market.from_config(given, market={"session_steps": 5})
    assert env.possible_agents == ["ppo_0", "ppo_1", "evolution_0", "evolution_1"]
    assert env.batch.environment.spec.session_steps == 5
    assert yaml.safe_load(path.read_text())["market"]["session_steps"] == 6
    assert marl_market.from_config(given, group="ppo", markets=2).num_envs == 4


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"market": {"session_step": 3}}, "config has no market.session_step; did you mean session_steps"),
        ({"market": "pair"}, "market is 'pair'; it must be a mapping of keys: a composed config has no more choices"),
    ],
)
def test_an_override_that_a_composed_config_has_not_is_named(change: Any, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        marl_market.from_config(config_file(tmp_path), **change)


def test_a_config_that_is_none_or_runs_something_else_raises(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it must be a mapping with 'market'"):
        marl_market.from_config({"population": {}})
    with pytest.raises(FileNotFoundError):
        marl_market.from_config(tmp_path / "nothing.yaml")
    path = config_file(tmp_path)
    config = yaml.safe_load(path.read_text())
    config["reward"]["closing_profit"]["_target_"] = "os.getcwd"
    with pytest.raises(
        ConfigError, match=r"config\.reward\.closing_profit\._target_ is 'os\.getcwd'; it must be a class of marl"
    ):
        marl_market.from_config(config)


@pytest.mark.slow
def test_the_wheel_holds_the_configs(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(root),
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
    ]
    subprocess.run(pip, check=True, env={**os.environ, "PIP_NO_INDEX": "1"})
    (wheel,) = tmp_path.glob("*.whl")
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], check=True, capture_output=True, text=True
    ).stdout
    for path in (root / "conf").rglob("*.yaml"):
        assert f"marl_market/{path.relative_to(root)}" in names
