"""Draw matplotlib figures as SVG text that belongs to the page it is put in.

Colors are roles, not values: every color here becomes a CSS variable of the same name with the light value as its
default, so that one drawing serves a light and a dark page. Blue and orange are those of Okabe and Ito's palette,
distinct under every common color blindness.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.typing import RcKeyType

INK = "#1b1f24"
MUTED = "#656d76"
GRID = "#e4e7eb"
BLUE = "#0072b2"
ORANGE = "#d55e00"

ROLES = {INK: "ink", MUTED: "muted", GRID: "grid", BLUE: "blue", ORANGE: "orange"}

STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": INK,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.labelsize": 12,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.prop_cycle": cycler(color=[BLUE]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "xtick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.color": GRID,
    "ytick.labelcolor": MUTED,
    "ytick.left": False,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "none",
}


def draw(
    name: str, description: str, width: int, height: int, rows: tuple[float, ...], paint: Callable[[list[Axes]], None]
) -> str:
    """Return a figure as one `<svg>` element; equal input gives equal text.

    Args:
        name: prefix of the element's ids, unique on the page: letters, digits and hyphens.
        description: alternative text of the figure, for screen readers.
        width: width in CSS pixels at full size; the element scales with its surroundings.
        height: height in CSS pixels at full size.
        rows: relative heights of the panels, top to bottom; they share their horizontal axis.
        paint: function that draws into the panels.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        # An SVG counts 72 points an inch, so that a size of 1 pt in matplotlib is 1 px on the page.
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        axes = figure.subplots(len(rows), sharex=True, squeeze=False, gridspec_kw={"height_ratios": rows})
        paint(list(axes[:, 0]))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _embed(buffer.getvalue(), name, description, width, height)


def _embed(text: str, name: str, description: str, width: int, height: int) -> str:
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", body, flags=re.DOTALL)
    body = body.replace('id="', f'id="{name}-').replace("url(#", f"url(#{name}-")
    body = body.replace('xlink:href="#', f'href="#{name}-')
    for color, role in ROLES.items():
        body = body.replace(color, f"var(--{role}, {color})")
    label = html.escape(description)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{body.strip()}'
