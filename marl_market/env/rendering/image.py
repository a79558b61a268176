"""A market as an image: path of prices, depth of the book, orders and accounts of the rendered agents."""

from __future__ import annotations

from itertools import islice

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from marl_market.env.rendering.market_view import MarketView, quote_path
from marl_market.market.tape import Side

WIDTH, HEIGHT, DOTS_PER_INCH = 960, 600, 100
INK, MUTED, GRID = "#1b1f24", "#656d76", "#e4e7eb"
COLORS = {Side.BUY: "#0072b2", Side.SELL: "#d55e00"}
"""Of bids and buy trades, of asks and sell trades: Okabe and Ito's blue and orange."""

OWN = "#009e73"
"""Of the rendered agents' orders: Okabe and Ito's green."""

STEPS = 120
"""Last steps of the price path in the image."""

LEVELS = 6
"""Levels of each side that the price axis always covers."""

AGENTS = 8
"""Largest number of accounts in the image."""


def render_image(view: MarketView) -> NDArray[np.uint8]:
    """Return the market as an image (HEIGHT, WIDTH, 3) of red, green and blue."""
    figure = Figure(figsize=(WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    rows = (min(AGENTS, len(view.balances())) + 1) // 2
    strip = 0.03 + 0.04 * rows
    grid = figure.add_gridspec(
        1, 2, width_ratios=(2.2, 1), left=0.09, right=0.97, top=0.86, bottom=strip + 0.09, wspace=0.06
    )
    prices = figure.add_subplot(grid[0])
    depth = figure.add_subplot(grid[1], sharey=prices)
    paint_path(prices, view)
    paint_depth(depth, view)
    title = f"{view.name}   {view.seconds[-1]:g} of {view.session_seconds():g} s"
    figure.text(0.09, 0.94, title, color=INK, fontsize=13, weight="bold")
    paint_accounts(figure, view, strip)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def paint_path(axes: Axes, view: MarketView) -> None:
    """Draw best bid and ask over time, trades as dots of a size by their quantity, and the price axis."""
    times, best = quote_path(view)
    times, best = times[-STEPS:], best[-STEPS:]
    for column, side in enumerate((Side.BUY, Side.SELL)):
        axes.plot(times, best[:, column], color=COLORS[side], linewidth=1.5, drawstyle="steps-post")
    axes.fill_between(times, best[:, 0], best[:, 1], color=GRID, alpha=0.6, step="post", linewidth=0)
    trades = [trade for trade in view.prints if trade.seconds >= times[0]]
    largest = max((trade.quantity for trade in trades), default=1.0)
    for side in (Side.BUY, Side.SELL):
        of_side = [trade for trade in trades if trade.aggressor_side == side]
        axes.scatter(
            [trade.seconds for trade in of_side],
            [trade.price for trade in of_side],
            [6 + 60 * trade.quantity / largest for trade in of_side],
            color=COLORS[side], alpha=0.5, linewidths=0,
            label="buys" if side == Side.BUY else "sells",
        )  # fmt: skip
    near = [level.price for side in Side for level in view.levels(side)[:LEVELS]]
    prices = np.concatenate([best.ravel(), near])
    low, high = (np.nanmin(prices), np.nanmax(prices)) if np.isfinite(prices).any() else (0.0, 1.0)
    margin = 0.06 * max(high - low, 10.0**-view.price_digits)
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(times[0], max(times[-1], times[0] + 1e-9) + 0.02 * (times[-1] - times[0]))
    axes.yaxis.set_major_formatter(lambda value, _: view.price(value))
    axes.set_xlabel("seconds", color=MUTED)
    axes.set_title(f"best bid, best ask and trades, {view.currency}", loc="left", fontsize=10, color=MUTED)
    axes.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=MUTED, markerscale=0.8)
    remove_frame(axes)


def paint_depth(axes: Axes, view: MarketView) -> None:
    """Draw a bar for each level of the book, the rendered agents' quantity in its own color."""
    levels = [(side, level) for side in Side for level in view.levels(side)]
    gaps = np.diff(np.unique([level.price for _, level in levels]))
    thick = 0.8 * max(10.0**-view.price_digits, float(gaps.min()) if gaps.size else 0.0)
    low, high = axes.get_ylim()
    thick = max(thick, 0.008 * (high - low))
    for side, level in levels:
        axes.barh(level.price, level.quantity, thick, color=COLORS[side], alpha=0.45, linewidth=0)
        if level.own:
            axes.barh(level.price, sum(level.own.values()), thick, color=OWN, linewidth=0)
            if low <= level.price <= high:
                text = " " + ", ".join(level.own)
                axes.text(level.quantity, level.price, text, color=OWN, fontsize=8, va="center", clip_on=True)
    widest = max((level.quantity for _, level in levels if low <= level.price <= high), default=1.0)
    axes.set_xlim(0, 1.35 * widest)
    axes.tick_params(labelleft=False)
    axes.set_xlabel("quantity", color=MUTED)
    axes.set_title("book, own orders in green", loc="left", fontsize=10, color=MUTED)
    remove_frame(axes)


def paint_accounts(figure: Figure, view: MarketView, strip: float) -> None:
    """Write the accounts below the panels, in two columns."""
    balances = view.balances()
    rows, names = (min(AGENTS, len(balances)) + 1) // 2, [balance.agent for balance in balances]
    for number, balance in enumerate(islice(balances, AGENTS)):
        column, row = divmod(number, rows)
        left, height = 0.09 + 0.46 * column, strip - 0.03 - 0.04 * row
        text = f"position {view.quantity(balance.position, '+')}   profit {balance.profit:+,.2f} {view.currency}"
        figure.text(left, height, balance.agent, color=OWN, fontsize=9, weight="bold")
        figure.text(left + 0.012 * (max(map(len, names)) + 1), height, text, color=INK, fontsize=9)
    if len(balances) > AGENTS:
        figure.text(0.97, 0.01, f"and {len(balances) - AGENTS} more", color=MUTED, fontsize=8, ha="right")


def remove_frame(axes: Axes) -> None:
    """Remove spines and ticks, and draw a light grid."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(length=0, labelcolor=MUTED, labelsize=9)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
