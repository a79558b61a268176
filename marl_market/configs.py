"""Environments from configs: those that the package ships, by name, and those of runs, by file.

An experiment is a whole config. Keyword arguments change it, as the command line of `scripts/train.py` does: a choice
of a group of `conf/` by its name (`market="pair"`, `observation=["book", "clock"]`), a value by its key
(`market={"session_steps": 100}`).

Groups that learn have no policy yet, so that they become agents of the environment: all of them in a `MarketEnv`; in a
`FocalEnv` one, and the others play what their learners begin with, or `opponents`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from marl_market.agents.initial_learners import initial_learners, initial_opponents
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import Agent, External, Group, TrainedAgent
from marl_market.env.vector_env import FocalEnv
from marl_market.market.config_targets import require_allowed_targets
from marl_market.market.validation import ConfigError, did_you_mean, require

PARTS = ("market", "observation", "action", "timing", "reward", "debug")


def make(
    name: str,
    *,
    group: str | None = None,
    markets: int | None = None,
    threads: int = 1,
    render_mode: str | None = None,
    fixed_agents: bool = False,
    opponents: Mapping[str, Agent] | None = None,
    **overrides: Any,
) -> Any:
    """Return the environment of a shipped experiment: a `MarketEnv`, or the `FocalEnv` of one group.

    Args:
        name: experiment of `conf/experiment`, such as "quickstart".
        group: name of the learning group of a `FocalEnv`; None for a `MarketEnv` of all groups that learn.
        markets: of a `FocalEnv`; None for `training.markets` of the experiment.
        threads: of a `FocalEnv`.
        render_mode: of a `MarketEnv`.
        fixed_agents: of a `MarketEnv`.
        opponents: agents of other groups by name, in place of their own.
        overrides: choices and values of the config, by key.

    Raises ConfigError for an unknown experiment, group, key or choice, and for a value that does not fit.
    """
    known = sorted(path.stem for path in (conf_folder() / "experiment").glob("*.yaml"))
    require(name in known, "name", name, f"an experiment{_near(name, known)}")
    flat = dict(_flat(overrides))
    values = {key: value for key, value in flat.items() if "." in key and "@" not in key}
    choices = [f"{key}={_literal(key, value)}" for key, value in flat.items() if key not in values]
    try:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = compose("config", [f"experiment={name}", *choices])
    except HydraException as error:
        raise _plain_error(error) from None
    _set_values(config, values)
    return _built(config, group, markets, threads, render_mode, fixed_agents, opponents or {})


def from_config(
    config: Mapping[str, Any] | DictConfig | str | Path,
    *,
    group: str | None = None,
    markets: int | None = None,
    threads: int = 1,
    render_mode: str | None = None,
    fixed_agents: bool = False,
    opponents: Mapping[str, Agent] | None = None,
    **overrides: Any,
) -> Any:
    """Return the environment of a composed config, as a run keeps it: arguments and result as of `make`.

    Args:
        config: the config, a YAML file of it, or the folder of a run.
        group: see `make`, as for all that follow but the overrides.
        markets: of a `FocalEnv`.
        threads: of a `FocalEnv`.
        render_mode: of a `MarketEnv`.
        fixed_agents: of a `MarketEnv`.
        opponents: agents of other groups by name.
        overrides: values of the config by key; each key must exist.

    Raises ConfigError for a config without a market or a population, an override of another key, and a `_target_` that
    is not of this package, and FileNotFoundError for a missing file.
    """
    loaded = _load(config)
    _set_values(loaded, dict(_flat(overrides)))
    return _built(loaded, group, markets, threads, render_mode, fixed_agents, opponents or {})


def conf_folder() -> Path:
    """Return the folder of the configs: inside an installed package, beside the package in a source tree."""
    package = Path(__file__).parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def _plain_error(error: HydraException) -> ConfigError:
    """Return Hydra's error in one line, with the nearest keys of the shipped config or choices of a group."""
    text = str(error)
    key = re.search(r"Could not override '([^']+)'", text)
    choice = re.search(r"Could not (?:find|load) '([^'/]+)/([^']+)'", text)
    try:
        if key:
            with initialize_config_dir(str(conf_folder()), version_base="1.3"):
                _require_key(compose("config"), key[1])
        if choice:
            known = sorted(path.stem for path in (conf_folder() / choice[1]).glob("*.yaml"))
            require(False, choice[1], choice[2], f"one of conf/{choice[1]}{_near(choice[2], known)}")
    except ConfigError as named:
        return named
    return ConfigError(" ".join(text.split()))


def _set_values(config: DictConfig, values: Mapping[str, Any]) -> None:
    """Set dotted keys of a composed config; raises ConfigError, with near ones, for a key that it cannot have."""
    for key, value in values.items():
        whole = _require_key(config, key)
        require(not whole, key, value, "a mapping of keys: a composed config has no more choices")
        _literal(key, value)
        OmegaConf.update(config, key, value, force_add=True)


def _require_key(config: DictConfig, key: str) -> bool:
    """Return whether a dotted key is that of a mapping; raises ConfigError for one that cannot be there."""
    node: Any = config
    *parents, last = key.split(".")
    for depth, name in enumerate((*parents, last)):
        known = [str(each) for each in node] if isinstance(node, DictConfig) else []
        if name not in known:
            fields = _fields_of(node, parents)
            if depth == len(parents) and name in fields:
                return False
            raise ConfigError(f"config has no {key}{_near(name, [*known, *fields])}")
        node = node[name]
    return isinstance(node, DictConfig)


def _fields_of(node: Any, path: list[str]) -> list[str]:
    """Return the fields of what a node of a config describes, those without a value too."""
    if len(path) == 2 and path[0] == "population":
        return [field.name for field in fields(Group)]
    target = node.get("_target_") if isinstance(node, DictConfig) else None
    described = get_class(target) if target else None
    return [field.name for field in fields(described)] if is_dataclass(described) else []


def environment_of(
    config: Mapping[str, Any] | DictConfig | str | Path, allow_targets: Sequence[str] = ()
) -> EnvironmentSpec:
    """Return the description of the environment of a composed config; arguments and errors as of `from_config`."""
    return _described(_load(config, allow_targets))


def _load(config: Mapping[str, Any] | DictConfig | str | Path, allow_targets: Sequence[str] = ()) -> DictConfig:
    """Return a copy of a config; raises ConfigError where it lacks a part of an environment."""
    if isinstance(config, str | Path):
        path = Path(config)
        loaded: Any = OmegaConf.load(path / "config.yaml" if path.is_dir() else path)
    else:
        plain = OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else dict(config)
        loaded = OmegaConf.create(plain)
    for key in ("market", "population", "observation", "action", "reward"):
        require(isinstance(loaded, DictConfig) and key in loaded, "config", config, f"a mapping with {key!r}")
    composed: DictConfig = loaded
    require_allowed_targets({"config": OmegaConf.to_container(loaded, resolve=True)}, allow_targets)
    return composed


def _built(
    config: DictConfig,
    group: str | None,
    markets: int | None,
    threads: int,
    render_mode: str | None,
    fixed_agents: bool,
    opponents: Mapping[str, Agent],
) -> MarketEnv | FocalEnv:
    """Return the environment of a config."""
    described = _described(config)
    names = [each.name for each in described.groups]
    for key in opponents:
        require(key in names, "opponents", key, f"groups of the population{_near(key, names)}")
    groups = [replace(each, agent=opponents.get(each.name, each.agent)) for each in described.groups]
    described = replace(described, groups=groups)
    if group is None:
        return MarketEnv(_with_external(described, names), render_mode, fixed_agents)
    require(group in names, "group", group, f"a group of the population{_near(group, names)}")
    if markets is None:
        markets = int(OmegaConf.select(config, "training.markets", default=1))
    return FocalEnv(_with_external(_with_policies(described, group, config), [group]), markets, threads)


def _described(config: DictConfig) -> EnvironmentSpec:
    """Return the description of the environment of a config."""
    try:
        parts = instantiate({key: config[key] for key in (*PARTS, "population") if key in config}, _convert_="all")
    except InstantiationException as error:
        key, cause = str(error).rpartition("full_key: ")[2], str(error.__cause__ or error)
        raise ConfigError(cause if cause.startswith(key) else f"{key}: {cause}") from error
    groups = [Group(name, **fields) for name, fields in parts.pop("population").items()]
    return EnvironmentSpec(parts.pop("market"), groups, **parts)


def _with_external(environment: EnvironmentSpec, names: list[str]) -> EnvironmentSpec:
    """Return the environment in which those of the groups `names` that need a policy are external."""
    groups = [
        replace(group, agent=External()) if group.name in names and not _plays(group.agent) else group
        for group in environment.groups
    ]
    return replace(environment, groups=groups)


def _with_policies(environment: EnvironmentSpec, focal: str, config: DictConfig) -> EnvironmentSpec:
    """Return the environment in which all groups but `focal` play their initial policies, if they need one."""
    others = [group for group in environment.groups if group.name != focal and not _plays(group.agent)]
    if not others:
        return environment
    seed = int(OmegaConf.select(config, "seed", default=1))
    learners, opponents = initial_learners(environment, seed), initial_opponents(environment, seed)
    opponents.update(0, learners)
    policies = {name: learner.policy() for name, learner in learners.items()} | opponents.policies()
    for group in others:
        policy = policies.get(group.name)
        wanted = f'a compiled one beside {focal!r}; give another by opponents={{"{group.name}": agent}}'
        kind = type(policy).__name__
        require(isinstance(policy, TrainedAgent), f"policy of population.{group.name}", kind, wanted)
    groups = [replace(each, agent=policies[each.name]) if each in others else each for each in environment.groups]
    return replace(environment, groups=groups)


def _plays(agent: Agent) -> bool:
    """Return whether an agent plays by itself, without weights that a learner would give it."""
    return agent.trader is not None and (not agent.traits.observes or isinstance(agent, TrainedAgent))


def _flat(overrides: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of each override; a mapping overrides the keys below its own."""
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _literal(key: str, value: Any) -> str:
    """Return a value as Hydra's command line has it; raises ConfigError for one that is not plain."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(_literal(key, each) for each in value)}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return value if re.fullmatch(r"[A-Za-z_][\w/.-]*", value) else f'"{escaped}"'
    require(isinstance(value, int | float), key, value, "a number, a text, a list of them, or a mapping of keys")
    return repr(value)


def _near(name: str, known: list[str]) -> str:
    """Return the end of a sentence that names the nearest of the known names, or all."""
    asked = did_you_mean(str(name), known)
    return f"; {asked}" if asked else f": {', '.join(known)}"
