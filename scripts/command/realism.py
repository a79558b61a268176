"""Compare a market, or data, with real data as a config describes it: print, draw, and write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command import console
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from marl_market.evaluation.realism.assessment import Assessment, Row
    from marl_market.market.tape import Tape

COMPARED = ("tape", "run", "data")
HEADER = f"{'fact':30} {'':10} {'market':>10} {'data':>10} {'distance':>10} {'interval':>22} {'floor':>10}"


def compare(config: DictConfig) -> None:
    """Read or play, compare, print and write.

    Raises ValueError for a config that names nothing to compare, more than one thing, or no real data.
    """
    given = [key for key in COMPARED if config[key] is not None]
    if config.against is None:
        raise ValueError("against is null; it must name real data, such as against=data/day_2_message.csv.gz")
    if len(given) != 1 and not (config.save and not given):
        named = ", ".join(given) or "nothing"
        raise ValueError(f"{named} is given; it must be one of {', '.join(COMPARED)} to compare with the data")
    real = _real(config, "against")
    other = None if config.floor is None else _real(config, "floor")
    if config.save is not None:
        _save(Path(str(config.save)), real)
    if given:
        found = _assessments(config, given[0], real, other)
        if other is not None:
            found = {name: replace(each, floor=f"{each.floor}, {_name(config.floor)}") for name, each in found.items()}
        for name, assessment in found.items():
            print(to_text(name, assessment), flush=True)
        _write(config, found)


def to_text(title: str, assessment: Assessment) -> str:
    """Return the table of an assessment, and in words what its floor is and what it lacks."""
    lines = [title, HEADER, *map(_line, assessment.rows), f"floor: {assessment.floor}"]
    if assessment.missing:
        lines.append(f"not compared, since the market or the data do not show them: {', '.join(assessment.missing)}")
    return "\n".join(lines)


def _line(row: Row) -> str:
    numbers = ("" if each is None else f"{each:.4g}" for each in (row.simulated, row.real))
    market, data = numbers
    interval = f"[{row.low:.4g}, {row.high:.4g}]"
    return f"{row.fact:30} {row.distance:10} {market:>10} {data:>10} {row.value:10.4g} {interval:>22} {row.floor:10.4g}"


def _assessments(config: DictConfig, key: str, real: Tape, other: Tape | None) -> dict[str, Assessment]:
    if key != "run":
        from marl_market.evaluation.realism.assessment import assess

        compared = _read(config, "tape") if key == "tape" else _real(config, "data")
        return {
            f"{_name(config[key])} against {_name(config.against)}": assess(
                compared, real, other, bool(config.signature)
            )
        }
    from marl_market.agents.rllib.learners.process import prepare_process
    from marl_market.evaluation.realism.populations import assess_populations
    from marl_market.market.seeding import Stream, derive_keys
    from marl_market.saved_policies import load_populations

    prepare_process()
    seeds = derive_keys(int(config.seed), Stream.EVALUATION, count=int(config.sessions)).tolist()
    populations = load_populations(str(config.run), list(config.allow_targets))
    return assess_populations(populations, seeds, real, other, signature=bool(config.signature))


def _real(config: DictConfig, key: str) -> Tape:
    return _read(config, key, product=config.product, start=config.start, end=config.end)


def _read(config: DictConfig, key: str, **settings: Any) -> Tape:
    """Return the tape of a key's files; raises ValueError where they have no orders."""
    from command.recordings import reader_for

    from marl_market.market.tape import Tape

    value = config[key]
    path = [str(each) for each in value] if OmegaConf.is_list(value) else str(value)
    reader = reader_for(path, **settings)
    for name in ("start", "end"):
        if settings.get(name) is not None and not hasattr(reader, name):
            raise ValueError(
                f"{name} is {settings[name]}; {path} is a tape without a date: {name} belongs to its saving"
            )
    recording: Any = reader.read(path)
    if not isinstance(recording, Tape):
        raise ValueError(f"{key} is {path}; these are bars, and realism is measured on orders, trades and quotes")
    return recording


def _save(path: Path, tape: Tape) -> None:
    from marl_market.market.tape_file import save_tape

    save_tape(path, tape)
    print(f"wrote {console.short_path(path)}")


def _write(config: DictConfig, found: Mapping[str, Assessment]) -> None:
    if config.json is not None:
        path = Path(str(config.json))
        lines = [_json(row, name, len(found) > 1) for name, each in found.items() for row in each.rows]
        path.write_text("".join(f"{line}\n" for line in lines))
        print(f"wrote {console.short_path(path)}")
    if config.draw is not None:
        from marl_market.reporting.report.realism import write_realism_page

        path = Path(str(config.draw))
        write_realism_page(path, "How real is the market?", found)
        print(f"wrote {console.short_path(path)}")


def _json(row: Row, name: str, several: bool) -> str:
    """Return one object, with the name of its market where there are several."""
    import json

    return json.dumps({"market": name, **json.loads(row.to_json())}) if several else row.to_json()


def _name(value: Any) -> str:
    return ", ".join(Path(str(each)).name for each in (value if OmegaConf.is_list(value) else [value]))
