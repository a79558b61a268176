"""The outcome of a calibration as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from marl_market.calibration.search.outcome import Outcome
from marl_market.calibration.search.recovery import Recovery
from marl_market.market.whole_file import replace_file

SUMMARY_FILE = "summary.json"


def write_summary(outcome: Outcome, provenance: Mapping[str, Any], folder: Path) -> Path:
    """Write `summary.json` into a folder, whole or not at all, and return its path."""
    path = folder / SUMMARY_FILE
    content = json.dumps({**summary(outcome), "provenance": dict(provenance)}, indent=1, allow_nan=False)
    replace_file(path, content.encode())
    return path


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return all results of an outcome but its trials and samples."""
    best = outcome.estimate.candidates[0]
    return {
        "parameters": _parameters(outcome),
        "ridges": [asdict(each) for each in outcome.estimate.identifiability.ridges],
        "recovery": _recovery(outcome.recovery),
        "points": len(outcome.searched.trials),
        "stopped": outcome.searched.stopped,
        "objective": best.evaluation.objective,
        "p_values": dict(outcome.p_values),
        "candidates": [
            {
                "origin": each.origin,
                "parameters": dict(each.parameters),
                "searched": each.searched,
                "fresh": each.evaluation.objective,
            }
            for each in outcome.estimate.candidates
        ],
        "eligibility": {
            "rule": outcome.eligibility.rule,
            "points": len(outcome.eligibility.eligible),
            "ranges": {name: list(ends) for name, ends in outcome.eligibility.ranges.items()},
        },
        "coverage": {"joint": outcome.joint_coverage, "moments": dict(outcome.coverage)},
        "numbers": [asdict(each) for each in outcome.numbers],
        "distances": [asdict(each) for each in outcome.distances],
        "settings": asdict(outcome.settings),
    }


def _parameters(outcome: Outcome) -> list[dict[str, Any]]:
    space = outcome.material.space
    return [
        {
            "name": each.name,
            "start": space.start[each.name],
            "value": outcome.estimate.parameters[each.name],
            "low": each.low,
            "high": each.high,
            "identified": each.identified,
            "bounds": [space.parameters[each.name].low, space.parameters[each.name].high],
            "transform": space.parameters[each.name].transform,
        }
        for each in outcome.estimate.identifiability.profiles
    ]


def _recovery(recovery: Recovery) -> dict[str, Any]:
    return {
        "sentence": recovery.sentence(),
        "stopped": recovery.stopped,
        "parameters": [{**asdict(each), "inside": each.inside} for each in recovery.parameters],
    }
