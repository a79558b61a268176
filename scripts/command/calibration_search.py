"""The search of a calibration as a config describes it: what only emerges, after the direct estimates."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from command import console
from omegaconf import DictConfig

if TYPE_CHECKING:
    from marl_market.calibration.reactive_market import ReactiveMarket
    from marl_market.calibration.readers.recorder import Recording
    from marl_market.calibration.search.outcome import Outcome
    from marl_market.calibration.search.settings import SearchSettings
    from marl_market.market.spec import MarketSpec

ROOT = Path(__file__).resolve().parents[2]
NOTHING = "none"
COARSEST_TICK = 0.1
"""Seconds of a tick of the market's clock, above which a note says what it costs."""


@dataclass(frozen=True)
class Request:
    """A search that a config asks for.

    Attributes:
        settings: with all lengths.
        data: that it matches.
        held_out: that it does not see; None without any.
        folder: of its files.
    """

    settings: SearchSettings
    data: Recording
    held_out: Recording | None
    folder: Path


def request(config: DictConfig, recording: Recording, read: Callable[[str], Recording]) -> Request | None:
    """Return the search that a config asks for; None, and why on the console, for data that are too short for one.

    Data that are held out are another file, the last third of the same, or none.
    """
    if not config.get("search"):
        return None
    from marl_market.calibration.search.tape_material import TooShortError, divided, settings_for

    data, held_out = recording, None
    if config.held_out is None:
        data, held_out = divided(recording)
    try:
        settings = settings_for(data, hydra.utils.instantiate(config.search))
    except TooShortError as error:
        print(f"no search: {error}")
        return None
    if config.held_out not in (None, NOTHING):
        held_out = read(str(config.held_out))
    return Request(settings, data, held_out, results_of(config))


def results_of(config: DictConfig) -> Path:
    """Return the folder of the search's files; raises ValueError for one that holds trials already."""
    from marl_market.calibration.search.outcome import RECOVERY_FILE

    if config.resume is not None:
        folder = Path(str(config.resume))
        if not (folder / RECOVERY_FILE).exists():
            raise ValueError(f"resume is {folder}; it must be a folder with the {RECOVERY_FILE} of a search")
        return folder
    folder = ROOT / str(config.results)
    if (folder / RECOVERY_FILE).exists():
        raise ValueError(
            f"results is {console.short_path(folder)}, which holds trials already; resume={console.short_path(folder)} "
            "goes on with them, another name or results=FOLDER begins anew"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def search(asked: Request, spec: MarketSpec, command: str) -> ReactiveMarket:
    """Return the market at the best point of the search, after its report is written."""
    from marl_market.calibration.reactive_market import ReactiveMarket
    from marl_market.calibration.search.evaluation import evaluator
    from marl_market.calibration.search.outcome import calibrate
    from marl_market.calibration.search.report import write_report
    from marl_market.calibration.search.summary import write_summary
    from marl_market.calibration.search.tape_material import tape_material

    if spec.step_seconds / spec.substeps > COARSEST_TICK:
        print(
            f"note: the clock of the market ticks every {spec.step_seconds / spec.substeps:g} s, and what happens "
            "within a tick cannot be matched; a finer one is session.substeps=100"
        )
    data, settings = asked.data, asked.settings
    origin = f"{data.provenance.sha256} {data.sessions.tolist()}"
    material = tape_material(ReactiveMarket(spec), data, asked.held_out, settings, origin)
    try:
        with evaluator(settings.workers, settings.address) as played:
            outcome = calibrate(material, settings, played, asked.folder, _progress)
    except KeyboardInterrupt as interrupt:
        at = console.short_path(asked.folder)
        raise console.RunError(f"interrupted before the search had points enough; resume={at} goes on") from interrupt
    provenance = _provenance(data, asked.held_out, command)
    write_summary(outcome, provenance, asked.folder)
    report = write_report(outcome, spec.name, provenance, asked.folder)
    print(_text(outcome), flush=True)
    print(f"wrote {console.short_path(report)}")
    return ReactiveMarket(spec).with_values(outcome.estimate.parameters)


def _progress(name: str, points: int) -> Any:
    from marl_market.calibration.search.progress import ProgressLine

    return ProgressLine(name, points, sys.stderr)


def _provenance(data: Recording, held_out: Recording | None, command: str) -> dict[str, Any]:
    """Return command, data and versions."""
    from marl_market.reporting.metadata import software_metadata

    found: dict[str, Any] = {"command": command}
    for name, recording in (("data", data), ("held out", held_out)):
        if recording is not None:
            origin = recording.provenance
            found[name] = f"{origin.source} ({origin.rows} rows, read as {origin.format})"
            found[f"{name}, sha256"] = origin.sha256
            found[f"{name}, sessions"] = str(recording.sessions.tolist())
    return {**found, **software_metadata()}


def _text(outcome: Outcome) -> str:
    """Return the results in lines."""
    lines = [outcome.recovery.sentence()]
    for each in outcome.estimate.identifiability.profiles:
        value = outcome.estimate.parameters[each.name]
        known = f"[{each.low:.4g}, {each.high:.4g}]" if each.identified else "not identified"
        lines.append(f"  {each.name:28} {value:>10.4g}  {known}")
    lines.append(
        f"{'distance from':28} {'data':>8} {'before':>8} {'held out':>8} {'floor':>8}   (mean over the samples)"
    )
    mean = outcome.distances[-1]
    for name, held in (("L1", mean.l1), ("KS", mean.ks)):
        cells = (held.calibrated, held.uncalibrated, held.held_out, held.floor)
        lines.append(f"  {name:26} " + " ".join(f"{'' if cell is None else f'{cell:.3f}':>8}" for cell in cells))
    lines.append(f"points that the data do not reject: {len(outcome.eligibility.eligible)}")
    return "\n".join(lines)
