"""Writes the report of a calibration as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marl_market.calibration.search import figures
from marl_market.calibration.search.outcome import Outcome
from marl_market.calibration.search.summary import summary
from marl_market.market.whole_file import replace_file
from marl_market.reporting.report import text
from marl_market.reporting.report.page_templates import render

REPORT_FILE = "report.html"


def write_report(outcome: Outcome, title: str, provenance: Mapping[str, Any], folder: Path) -> Path:
    """Write `report.html` into a folder and return its path; the page needs no other file and no connection."""
    space, profiles = outcome.material.space, outcome.estimate.identifiability.profiles
    html = render(
        "calibration.html",
        "marl_market.calibration.search",
        number=_number,
        title=title,
        result=summary(outcome),
        provenance=provenance,
        cards=_cards(outcome),
        distributions=[
            figures.distribution(f"distribution-{index}", name, dict(outcome.described))
            for index, name in enumerate(outcome.target.data.samples)
        ],
        convergence=figures.convergence("convergence", outcome.searched.trials),
        profiles=[
            figures.profile(f"profile-{index}", each, space.parameters[each.name])
            for index, each in enumerate(profiles)
        ],
    )
    path = folder / REPORT_FILE
    replace_file(path, html.encode())
    return path


def _cards(outcome: Outcome) -> dict[str, str]:
    mean = outcome.distances[-1]
    parameters = outcome.estimate.identifiability.profiles
    cards = {"points": _number(len(outcome.searched.trials)), "mean KS from the data": _number(mean.ks.calibrated)}
    if mean.ks.held_out is not None:
        cards["mean KS from the data held out"] = _number(mean.ks.held_out)
        cards["floor: data from data"] = _number(mean.ks.floor)
    identified = sum(each.identified for each in parameters)
    cards["parameters identified"] = f"{identified} of {len(parameters)}"
    cards["eligible points"] = _number(len(outcome.eligibility.eligible))
    return cards


def _number(value: float | None) -> str:
    """Return a number with three digits, a dash for none."""
    if value is None:
        return "\N{EN DASH}"
    digits = text.number(round(value)) if abs(value) >= 1000 else f"{value:.3g}"
    return digits.replace("-", text.MINUS)
