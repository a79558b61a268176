"""A tournament as a config describes it: load, play, print and write. Imports what is slow: import it last."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from command.console import short_path
from omegaconf import DictConfig, OmegaConf

from marl_market.agents.interfaces import LearningAgent
from marl_market.configs import environment_of
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Agent
from marl_market.evaluation.match import with_policies
from marl_market.evaluation.tournament.tournament import Tournament, play_tournament
from marl_market.league.ratings import ratings_of
from marl_market.market.seeding import Stream, derive_keys
from marl_market.market.validation import require
from marl_market.reporting.tournament.output import TournamentResult, to_text, write_files
from marl_market.saved_policies import load_policy
from marl_market.training.resumption import saved_config

AGENTS = Path(__file__).resolve().parents[2] / "conf" / "agent"


def play(config: DictConfig) -> None:
    """Play the tournament of a config, print its tables and write its files.

    Raises ValueError for a run, agent, group or number that is none.
    """
    runs, agents = [str(each) for each in config.runs], [str(each) for each in config.agents]
    require(bool(runs or config.environment), "runs", runs, "one run folder or more, or environment=RUN")
    home = Path(str(config.environment or split(runs[0])[0]))
    environment = environment_of(saved_config(home), config.allow_targets)
    group = str(config.group or learning_groups(environment, home)[0])
    entrants = {**entrants_of_runs(runs, config.allow_targets), **{name: scripted(name) for name in agents}}
    others = {
        name: load_policy(home, name, config.allow_targets)
        for name in learning_groups(environment, home)
        if name != group
    }
    seeds = derive_keys(int(config.seed), Stream.EVALUATION, count=int(config.sessions)).tolist()
    folder = Path(str(config.folder))
    tournament = Tournament(
        with_policies(environment, others), group, int(config.players), entrants, seeds, str(config.measure)
    )
    table = play_tournament(tournament, folder, int(config.threads), show)
    unit = environment.spec.currency if config.measure != "reward" else "reward"
    metadata = {"contested group": f"{group} of {home.name}", "profiles": str(len(table.counts))}
    result = TournamentResult(table, ratings_of(table), f"{config.measure} ({unit})", environment.spec.name, metadata)
    print(to_text(result))
    print(f"page: {short_path(write_files(folder, result))}")


def learning_groups(environment: EnvironmentSpec, folder: Path) -> list[str]:
    """Return the groups of a run that learn; raises ValueError where none does."""
    names = [group.name for group in environment.groups if isinstance(group.agent, LearningAgent)]
    require(bool(names), "environment", folder, "a run with a learning group")
    return names


def split(run: str) -> tuple[str, str | None]:
    """Return the folder of a run and its group, None where it is not named."""
    folder, colon, group = run.rpartition(":")
    return (folder, group) if colon and not Path(run).is_dir() else (run, None)


def entrants_of_runs(runs: list[str], allow_targets: Any) -> Mapping[str, Agent]:
    """Return the policies of runs by short names: folder and group, with parents where two would be equal."""
    loaded: list[tuple[Path, str, Agent]] = []
    for run in runs:
        folder, named = split(run)
        environment = environment_of(saved_config(Path(folder)), allow_targets)
        for group in [named] if named else learning_groups(environment, Path(folder)):
            loaded.append((Path(folder).resolve(), group, load_policy(folder, group, allow_targets)))
    shared = Path(os.path.commonpath([folder.parent for folder, *_ in loaded])) if loaded else Path()
    names = [f"{folder.relative_to(shared)}:{group}" for folder, group, _ in loaded]
    for name in names:
        require(names.count(name) == 1, "runs", name, "named once")
    return {name: policy for name, (*_, policy) in zip(names, loaded, strict=True)}


def scripted(name: str) -> Agent:
    """Return the agent of an option of conf/agent; raises ValueError where there is none, or where it learns."""
    path = AGENTS / f"{name}.yaml"
    options = sorted(each.stem for each in AGENTS.glob("*.yaml"))
    require(path.is_file(), "agents", name, f"one of {', '.join(options)}")
    agent: Agent = hydra.utils.instantiate(OmegaConf.load(path), _convert_="all")
    require(not isinstance(agent, LearningAgent), "agents", name, "a scripted agent; learned ones enter by runs=[...]")
    return agent


def show(done: int, profiles: int) -> None:
    """Print how many profiles are played."""
    end = "\n" if done == profiles else "\r"
    print(f"{done} of {profiles} profiles", end=end, file=sys.stderr, flush=True)
