"""Train one run from its request. Imports all that training needs, which takes seconds: import it last."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import hydra
import yaml
from command.console import RunError, message, short_path
from command.request import Request
from command.suggestions import explain, explain_call, options_of
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.market.config_targets import require_allowed_targets
from marl_market.market.whole_file import replace_file
from marl_market.reporting.empty_folders import remove_empty
from marl_market.reporting.run_folder import CHOICES_FILE, CONFIG_FILE, METRICS_FILE, read_metrics
from marl_market.reporting.run_lock import locked, nothing_left, remove_parts, require_no_run
from marl_market.reporting.sinks.objective import ObjectiveSink
from marl_market.reporting.sinks.run_sinks import open_sinks
from marl_market.reporting.sinks.sink import FanOut
from marl_market.reporting.summary import scalar_names
from marl_market.training.resumption import resumed_config
from marl_market.training.trainer import Trainer

FULL = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: "finished" or "interrupted".
        objective: value of the metric that the config names; None where it names none.
        report: path of the report.
        iterations: of the training, as far as it came.
    """

    status: str
    objective: float | None
    report: str
    iterations: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def launch(request: Request) -> Outcome:
    """Build the run of a request, train, and print the path of its report.

    Raises what is wrong with the config before anything is written, and then leaves no folder; raises RunError if the
    run ends by an error that is no fault of the program.
    """
    if request.config["resume"]:
        kept_config = resumed_config(request.config, request.overrides, request.choices)
        request = replace(request, config=kept_config)
    output, resume = Path(request.folder), request.config["resume"]
    folder = Path(resume or output)
    if folder != output:
        remove_empty(output)  # Hydra made it, and a resumed run writes to the folder of the first.
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder) if folder.is_dir() else nullcontext())
            if not resume:
                require_no_run(folder)
                with nothing_left(folder):
                    trainer, sinks, objective = begin(request, folder)
            else:
                trainer, sinks, objective = begin(request, folder)
        except BaseException:
            remove_empty(output)
            raise
        stack.enter_context(sinks)
        if sinks.describe():
            print(sinks.describe(), flush=True)
        with errors_say_what_is_kept(folder):
            report = trainer.run(request.config["name"], sinks)
    print(f"report: {short_path(report)}", flush=True)
    status = "finished" if trainer.is_finished else "interrupted"
    return Outcome(status, objective.value, str(report), trainer.done)


def begin(request: Request, folder: Path) -> tuple[Trainer, FanOut, ObjectiveSink]:
    """Return the trainer and the sinks of a run, and write its config and choices into `folder` if it is new."""
    parts = instantiated(request.config)
    _, seed, resume, metric, training, reporting, _, init_from = map(
        parts.pop, ("name", "seed", "resume", "objective", "training", "reporting", "allow_targets", "init_from")
    )
    groups = [group_of(name, seats) for name, seats in parts.pop("population").items()]
    for key in ("observation", "reward"):
        if not parts.get(key):
            raise ValueError(f"{key} is empty; choose one or more: {key}=[{', '.join(options_of(key))}]")
    environment = EnvironmentSpec(parts.pop("market"), groups, **parts)
    prepare_process(training.torch_threads)
    if training.workers:
        print(f"starting {training.workers} workers", flush=True)
    trainer = Trainer(environment, training, seed, folder, None if resume else init_from)
    if resume:
        trainer.resume()
    remove_parts(folder)
    objective = ObjectiveSink(metric, scalar_names(trainer.learning_groups, [group.name for group in groups]))
    # A run keeps its config, so that `resume` needs nothing else.
    config = OmegaConf.create({**request.config, "resume": None})
    replace_file(folder / CONFIG_FILE, OmegaConf.to_yaml(config).encode())
    if not resume:
        choices = {"overrides": list(request.overrides), "choices": dict(request.choices)}
        replace_file(folder / CHOICES_FILE, yaml.safe_dump(choices, sort_keys=False).encode())
    sinks = open_sinks(folder, request.name, request.group, request.flat_config, reporting)
    return trainer, FanOut([*sinks.sinks, objective]), objective


def instantiated(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a config; raises ValueError with the config key, and what may have been meant."""
    require_allowed_targets(config, config["allow_targets"])
    try:
        parts: dict[str, Any] = hydra.utils.instantiate(OmegaConf.create(dict(config)), _convert_="all")
    except InstantiationException as error:
        raise ValueError(message(error) + explain(error, config)) from error
    return parts


def group_of(name: str, seats: Mapping[str, Any]) -> Group:
    """Return a group of the population; raises ValueError with its config key, and what may have been meant."""
    key = f"population.{name}"
    try:
        return Group(name, **seats)
    except (TypeError, ValueError, AttributeError) as error:
        text = str(error) if key in str(error) else f"{key}: {error}"
        raise ValueError(text + explain_call(Group, key, seats, error)) from error


@contextmanager
def errors_say_what_is_kept(folder: Path) -> Iterator[None]:
    """Turn an error of the disk, the workers or a value into a RunError that says what is kept and how to go on."""
    try:
        yield
    except (OSError, ValueError) as error:
        advice = ""
        if isinstance(error, OSError) and error.errno in FULL:
            advice = "free some disk space, then "
        elif isinstance(error, OSError) and error.errno in CLOSED:
            advice = "make the folder writable, then "
        raise RunError(f"{message(error)}; {kept(folder, advice)}") from error


def kept(folder: Path, advice: str = "") -> str:
    """Return what a run that ended early has in its folder, and how to go on."""
    try:
        rows = len(read_metrics(folder / METRICS_FILE))
    except (OSError, ValueError):
        rows = 0
    saved = f"{rows} iterations are in {short_path(folder / METRICS_FILE)}"
    if any(path.suffix != ".part" for path in folder.glob("checkpoint*")):
        return f"{saved}, and the last checkpoint is whole: {advice}resume={short_path(folder)} goes on from it"
    return f"{saved}, and there is no checkpoint yet: {advice}start it again"
