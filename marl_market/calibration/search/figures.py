"""The figures of a calibration's report, each one inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from marl_market.calibration.search.description import Description
from marl_market.calibration.search.identifiability import Profile
from marl_market.calibration.search.trial import Trial
from marl_market.market.free_parameter import FreeParameter
from marl_market.reporting.report.svg import BLUE, INK, MUTED, ORANGE, draw

PANEL_WIDTH, PANEL_HEIGHT = 440, 260
BINS = 60
TAIL = 0.005
"""Share of the data at each end of a distribution that is not drawn."""
STEEPEST = 20.0
"""Part of a profile that is drawn, in distances of its threshold from its minimum."""


def distribution(name: str, sample: str, described: dict[str, Description]) -> str:
    """Draw the distribution of one sample in the data and in the market before and after the search, one on another."""
    data = described["data"].samples[sample]
    low, high = np.quantile(data, [TAIL, 1 - TAIL])
    edges = _edges(data, float(low), float(high))

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(sample)
        panel.set_ylabel("share")
        panel.stairs(_shares(data, edges), edges, fill=True, color=MUTED, alpha=0.35, label="data")
        for key, color in (("uncalibrated", ORANGE), ("calibrated", BLUE)):
            panel.stairs(_shares(described[key].samples[sample], edges), edges, color=color, label=key, linewidth=1.5)
        panel.legend(fontsize=11)
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.grid(axis="x", visible=False)

    return draw(name, f"Distribution of {sample}: data and market", PANEL_WIDTH, PANEL_HEIGHT, (1.0,), paint)


def convergence(name: str, trials: Sequence[Trial]) -> str:
    """Draw J of each point, and the least so far."""
    valued = [(each.index, each.objective) for each in trials if each.objective is not None]
    index, values = np.array([number for number, _ in valued]), np.array([value for _, value in valued], np.float64)

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title("Search")
        panel.set_xlabel("point")
        panel.set_ylabel("J")
        panel.set_yscale("log")
        _label_plainly(panel.yaxis)
        panel.scatter(index, values, s=8, color=MUTED, alpha=0.6, linewidths=0, label="point")
        panel.step(index, np.minimum.accumulate(values), where="post", color=BLUE, label="least so far")
        panel.legend(fontsize=11)

    return draw(name, "J of each point of the search", PANEL_WIDTH, PANEL_HEIGHT, (1.0,), paint)


def profile(name: str, shown: Profile, parameter: FreeParameter) -> str:
    """Draw the profile of a parameter, its interval and its estimate, between the bounds."""
    least = float(shown.objective.min())
    highest = least + STEEPEST * (shown.threshold - least)

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(f"{shown.name}{'' if shown.identified else ' (not identified)'}")
        panel.set_ylabel("least J")
        if parameter.transform == "log":
            panel.set_xscale("log")
            _label_plainly(panel.xaxis)
        panel.plot(shown.values, np.minimum(shown.objective, highest), color=BLUE)
        panel.axhline(shown.threshold, color=MUTED, linewidth=1, linestyle="--")
        panel.axvspan(shown.low, shown.high, color=BLUE, alpha=0.12, linewidth=0)
        panel.axvline(shown.estimate, color=INK, linewidth=1)
        panel.set_xlim(parameter.low, parameter.high)
        panel.grid(axis="x", visible=False)

    return draw(name, f"Profile of the objective over {shown.name}", PANEL_WIDTH, 200, (1.0,), paint)


def _label_plainly(axis: Axis) -> None:
    """Label the decades of a logarithmic axis: its own labels are formulas, which the pages do not parse."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _edges(data: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return bin edges; whole numbers have whole bins."""
    if not np.all(data == np.round(data)):
        return np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    step = max(1, int(np.ceil((high - low + 1) / BINS)))
    return np.arange(low - 0.5, high + 0.5 + step, step)


def _shares(sample: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of a sample in each bin; what lies outside is in none."""
    return np.histogram(sample, edges)[0] / max(len(sample), 1)
