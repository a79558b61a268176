"""Write the report of a run as one self-contained HTML page, from the files of its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marl_market.evaluation import metrics, outcomes
from marl_market.market.tape import Tape
from marl_market.market.whole_file import replace_file
from marl_market.reporting.report import figures, tables, text
from marl_market.reporting.report.page_templates import render
from marl_market.reporting.report.realism import realism_sections
from marl_market.reporting.run_folder import (
    CONFIG_FILE,
    EVALUATION_FILE,
    METADATA_FILE,
    METRICS_FILE,
    REPORT_FILE,
    TAPE_FILE,
    RunFolder,
    RunFolderError,
    load_run,
)

WIDE, NARROW = 1040, 440
"""Widths in pixels of the market session's two drawings: a wide page shows one, a phone the other."""


def write_report(run_folder: Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    The page needs no other file and no connection. A missing file is one line in place of its section.
    Raises RunFolderError where the folder has no metrics or a file in it is broken.
    """
    run = load_run(Path(run_folder))
    if run.metrics.empty:
        raise RunFolderError(f"{run.path / METRICS_FILE} holds no rows; a report needs at least one step")
    html = render(
        "report.html",
        title=_title(run),
        summary_cards=_summary_cards(run),
        evaluation=run.evaluation,
        sentences=_sentences(run),
        learning=_learning(run),
        outcomes=_outcomes(run),
        session=_session(run),
        realism=realism_sections(run.realism or {}),
        replay=_replay(run),
        metadata=_metadata(run),
        config=run.config,
        missing=_missing(run),
    )
    path = run.path / REPORT_FILE
    replace_file(path, html.encode())
    return path


def _title(run: RunFolder) -> str:
    return str((run.metadata or {}).get("title", f"Run {run.path.resolve().name}"))


def _currency(run: RunFolder) -> str:
    return str((run.metadata or {}).get("currency", "currency"))


def _sentences(run: RunFolder) -> dict[str, Any]:
    if run.evaluation is None:
        return {"verdicts": [], "warnings": [], "conservation": None}
    return {
        "verdicts": [(each.verdict, text.comparison_sentence(each)) for each in run.evaluation.comparisons],
        "warnings": run.evaluation.warnings,
        "conservation": text.conservation_sentence(run.evaluation.conservation),
    }


def _progress(run: RunFolder) -> dict[str, str]:
    """Return progress and speed of the run, as far as its metrics hold them."""
    last = run.metrics.iloc[-1]
    progress: dict[str, str] = {}
    for column, name in (("iteration", "iterations"), ("env_steps", "environment steps")):
        if column in last:
            progress[name] = text.number(last[column])
    if "seconds" in last:
        progress["training time"] = text.duration(last["seconds"])
    for column, name in (
        ("env_steps_per_second", "environment steps a second"),
        ("agent_steps_per_second", "agent steps a second"),
    ):
        if column in last:
            progress[f"{name} (median)"] = text.number(round(float(run.metrics[column].median())))
    return progress


def _summary_cards(run: RunFolder) -> list[tuple[str, str]]:
    summary_cards = [(name.removesuffix(" (median)"), value) for name, value in _progress(run).items()]
    if run.evaluation is not None:
        conserved = run.evaluation.conservation.holds
        summary_cards.append(("positions and cash", "conserved" if conserved else "NOT conserved"))
    return summary_cards


def _metadata(run: RunFolder) -> dict[str, str]:
    given = {name: value for name, value in (run.metadata or {}).items() if name != "title"}
    # A seed or a rate reads as it was typed, without thousands separators.
    return {**{name.replace("_", " "): str(value) for name, value in given.items()}, **_progress(run)}


def _learning_groups(run: RunFolder) -> list[str]:
    """Return the groups with a learner's metrics or a comparison, in order of first mention."""
    columns = [str(name).split("/") for name in run.metrics]
    learners = [parts[1] for parts in columns if parts[0] == "learner"]
    compared = [each.group for each in run.evaluation.comparisons] if run.evaluation else []
    return list(dict.fromkeys(learners + compared))


def _learning(run: RunFolder) -> dict[str, Any] | None:
    curves = [
        (group, tables.metric_text(metric, _currency(run)), run.metrics[f"group/{group}/{metric.name}"])
        for metric in metrics.GROUP_METRICS
        for group in _learning_groups(run)
        if metric.curve and f"group/{group}/{metric.name}" in run.metrics
    ]
    if not curves or "env_steps" not in run.metrics:
        return None
    window = figures.smoothing_window(len(run.metrics))
    last = run.metrics.tail(window)
    return {
        "drawings": [
            figures.learning_curve(f"learning-{index}", group, quantity, run.metrics["env_steps"], values)
            for index, (group, quantity, values) in enumerate(curves)
        ],
        "window": window,
        "tables": [tables.group_table(last, _currency(run)), tables.market_table(last, _currency(run))],
    }


def _outcomes(run: RunFolder) -> dict[str, Any] | None:
    groups = run.evaluation.outcomes if run.evaluation else ()
    if not groups:
        return None
    drawings = []
    for column in outcomes.OUTCOME_COLUMNS:
        if column.figure is not None:
            means = [group.statistics[column.mean_field] for group in groups]
            ends = [[group.statistics[name] for name in column.interval_fields] for group in groups]
            unit = f"{tables.unit_text(column.unit, _currency(run))} per seat and session"
            names, whiskers = [group.group for group in groups], ends if column.interval else None
            drawings.append(figures.group_bars(column.name, column.figure, unit, names, means, whiskers))
    return {
        "drawings": drawings,
        "table": tables.outcome_table(groups, _currency(run)),
        "sessions": text.number(groups[0].sessions),
    }


def _replay(run: RunFolder) -> dict[str, Any] | None:
    impact = run.evaluation.replay if run.evaluation else None
    if impact is None:
        return None
    return {
        "drawing": figures.divergence_curve("divergence", impact.steps, impact.divergence_ticks),
        "table": tables.replay_table(impact),
        "sessions": text.number(impact.sessions),
    }


def _session(run: RunFolder) -> dict[str, Any] | None:
    tape = run.tape
    if tape is None or len(tape.quotes) == 0:
        return None
    return {
        "wide": figures.market_session("session-wide", tape, _currency(run), WIDE),
        "narrow": figures.market_session("session-narrow", tape, _currency(run), NARROW),
        "caption": _session_caption(tape),
    }


def _session_caption(tape: Tape) -> str:
    caption = (
        f"The first session of the comparison, all groups as trained: {text.number(len(tape.trades))} trades; "
        f"best bid and ask, after each step, changed {text.number(max(len(tape.quotes) - 1, 0))} times; "
        f"time-weighted mean spread {text.number(figures.mean_spread_ticks(tape), 2)} ticks (dashed)."
    )
    if len(tape.quotes) > NARROW:
        caption += " Quotes are sampled at evenly spaced times, one a pixel."
    if len(tape.trades) > figures.LARGEST_TRADES:
        caption += f" Only the {text.number(figures.LARGEST_TRADES)} largest trades are drawn."
    return caption


def _missing(run: RunFolder) -> dict[str, str]:
    """Return one line for each section, to stand in its place where its data are missing."""
    no_curve = f"{METRICS_FILE} holds no env_steps or no reward of a learning group, so there is no learning curve."
    no_tape = f"{TAPE_FILE} is missing, so there is no session to draw."
    return {
        "evaluation": f"{EVALUATION_FILE} is missing: this run was not evaluated.",
        "comparisons": f"{EVALUATION_FILE} holds no comparison: no group learned.",
        "outcomes": f"{EVALUATION_FILE} holds no outcome of a group.",
        "learning": no_curve,
        "session": no_tape if run.tape is None else f"{TAPE_FILE} holds no quotes, so there is no session to draw.",
        "metadata": f"{METADATA_FILE} is missing: seed, market and versions are unknown."
        if run.metadata is None
        else "",
        "config": f"{CONFIG_FILE} is missing.",
    }
