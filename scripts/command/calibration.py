"""Calibrate a market as a config describes it: read, estimate, play, print both beside each other, and write."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from command import console
from command.calibration_search import request, search
from command.request import key_of
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from marl_market.calibration.readers.reader import Reader
    from marl_market.market.spec import MarketSpec

ROOT = Path(__file__).resolve().parents[2]
FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
READER_KEYS = ("start", "end", "longest_silence", "strict")
"""Keys of the config that are set in the reader."""
NOT_KEPT = ("folder", "population_folder", "results", "resume", "overwrite")
"""Keys that say nothing about what a market is."""


def calibrate(config: DictConfig) -> None:
    """Read, estimate, play and write, and print each result.

    Raises ValueError for a name that is none or is taken, and for a market that cannot hold its own flow, unless
    `allow_failed_check`; nothing is written then.
    """
    require_values(config)
    target = require_free(config)
    from marl_market.calibration.export import write_market, write_population
    from marl_market.calibration.played import compare, fault, play
    from marl_market.calibration.reactive_spec import reactive_spec
    from marl_market.calibration.targets import market_spec

    path = [str(each) for each in config.path] if OmegaConf.is_list(config.path) else str(config.path)
    reader = reader_of(config)
    recording = reader.read(path)
    print(recording.summary.to_text(), flush=True)
    asked = request(config, recording, reader.read)
    recording = asked.data if asked else recording
    spec = market_spec(recording, str(config.name), **config.session)
    try:
        spec = reactive_spec(spec, recording)
    except ValueError as error:
        print(f"the market has averages only: {error}")
    describe(spec)
    played = play(spec, recording)
    print(compare(recording, played), flush=True)
    if found := fault(spec, recording, played):
        if not config.allow_failed_check:
            raise ValueError(
                f"the market {config.name} cannot hold its own flow, and is not written: {found} "
                "(allow_failed_check=true writes it as it is)"
            )
        print(f"warning: the market {config.name} cannot hold its own flow: {found}")
    command = command_of(path)
    if asked and spec.flow.reactive:
        market = search(asked, spec, command)
        spec = market.spec
        population = write_population(market.groups(), ROOT / str(config.population_folder), spec.name, command)
        print(f"wrote {console.short_path(population)}")
    write_market(spec, target.parent, command)
    if target.parent == ROOT / "conf" / "market":
        print(f"next: python scripts/train.py market={config.name} population=reactive_ppo")
    print(f"wrote {console.short_path(target)}")


def require_values(config: DictConfig) -> None:
    """Raise ValueError for a key that has no value of its kind."""
    from marl_market.market.validation import is_number, require

    for key in ("overwrite", "allow_failed_check", "strict"):
        require(isinstance(config[key], bool), key, config[key], "true or false")
    silence = config.longest_silence
    require(silence is None or (is_number(silence) and silence > 0), "longest_silence", silence, "seconds above zero")


def require_free(config: DictConfig) -> Path:
    """Return the path of the market; raises ValueError for a name that is none or is taken."""
    path = ROOT / str(config.folder) / f"{config.name}.yaml"
    if not re.fullmatch(FILE_NAME, str(config.name)):
        raise ValueError(f"name is {config.name}; it must be a file name without a path: letters, digits, _, . and -")
    if path.exists() and not config.overwrite:
        raise ValueError(
            f"name is {config.name}, and {console.short_path(path)} is there already; choose another name, or "
            "overwrite=true"
        )
    return path


def reader_of(config: DictConfig) -> Reader:
    """Return the reader, with the keys of the config that are set; raises ValueError where it has no such field."""
    from marl_market.market.config_targets import require_allowed_targets

    require_allowed_targets(
        {"calibration": OmegaConf.to_container(config.calibration, resolve=True)}, config.allow_targets
    )
    reader: Reader = hydra.utils.instantiate(config.calibration)
    given = {key: config[key] for key in READER_KEYS if config[key] not in (None, False)}
    given |= {key: str(given[key]) for key in given.keys() & {"start", "end"}}
    for key, value in given.items():
        if not hasattr(reader, key):
            raise ValueError(f"{key} is {value}; {type(reader).__name__} has no {key}: it must be null or false")
    return replace(reader, **given) if given else reader


def describe(spec: MarketSpec) -> None:
    """Print the origin and units of a market."""
    origin = spec.provenance
    if origin is not None:
        print(f"{origin.source}: {origin.rows} {origin.format} messages, {origin.start} to {origin.end}")
    print(f"tick {spec.tick_size} {spec.currency}, lot {spec.lot_size}, price {spec.initial_price} {spec.currency}")
    if has_one_hazard(spec):
        print("cancels: one rate for all orders, since the data do not tell orders apart")


def has_one_hazard(spec: MarketSpec) -> bool:
    """Return whether the cancel hazard of the conditional flow is the same in every state."""
    flow = spec.flow.reactive
    return flow is not None and bool((flow.table("cancel_hazard") == flow.cancel_hazard[0][0][0]).all())


def command_of(path: str | list[str]) -> str:
    """Return the command as a shell reads it, without the folders of its files."""
    names = Path(path).name if isinstance(path, str) else f"[{','.join(Path(each).name for each in path)}]"
    kept = []
    for override in HydraConfig.get().overrides.task:
        key = key_of(override)
        if key == "path":
            kept.append(f"path={names}")
        elif key == "held_out":
            kept.append(f"held_out={Path(override.partition('=')[2]).name}")
        elif key not in NOT_KEPT:
            kept.append(override)
    return " ".join(("python scripts/calibrate.py", *map(shlex.quote, kept)))
