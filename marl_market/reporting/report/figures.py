"""The figures of a report, each one inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from marl_market.market.tape import Side, Tape
from marl_market.market.units import decimal
from marl_market.reporting.report.svg import BLUE, GRID, INK, MUTED, ORANGE, draw

PANEL_WIDTH = 440
"""Width in pixels of a figure that has a neighbor on a wide page and none on a phone."""

LARGEST_TRADES = 1500
"""Largest number of trades drawn; of more, the largest in quantity are."""

SMOOTHING_FRACTION = 20
"""A learning curve is averaged over one part in this many of its rows."""


def learning_curve(name: str, group: str, quantity: str, env_steps: ArrayLike, values: ArrayLike) -> str:
    """Draw a metric of one group against environment steps: each row thin, their moving mean bold.

    Args:
        name: name of the figure on its page.
        group: name of the group.
        quantity: the metric, with its unit.
        env_steps: environment steps played, shape (rows,).
        values: means per seat and session, shape (rows,); rows that are not finite are left out.
    """
    table = pd.DataFrame({"env_steps": np.asarray(env_steps), "value": np.asarray(values)})
    table = table[np.isfinite(table["value"])]
    window = smoothing_window(len(table))
    smooth = table["value"].rolling(window, center=True, min_periods=1).mean()

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(group)
        panel.set_xlabel("environment steps")
        panel.set_ylabel(f"{quantity} per seat and session")
        panel.plot(table["env_steps"], table["value"], color=BLUE, linewidth=1, alpha=0.35)
        panel.plot(table["env_steps"], smooth, color=BLUE, linewidth=2.5)
        panel.xaxis.set_major_formatter(EngFormatter(sep=" "))
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.grid(axis="x", visible=False)

    return draw(
        name,
        f"{quantity[:1].upper()}{quantity[1:]} of {group} against environment steps",
        PANEL_WIDTH,
        280,
        (1.0,),
        paint,
    )


def smoothing_window(rows: int) -> int:
    """Return the number of rows that a learning curve of `rows` is averaged over, odd."""
    return rows // SMOOTHING_FRACTION // 2 * 2 + 1


def group_bars(
    name: str,
    title: str,
    unit: str,
    groups: Sequence[str],
    means: ArrayLike,
    intervals: ArrayLike | None = None,
) -> str:
    """Draw one bar a group, with a whisker where intervals are given.

    Args:
        name: name of the figure on its page.
        title: quantity of the bars.
        unit: unit of the bars, below the axis.
        groups: names, top to bottom.
        means: length of each bar, shape (groups,).
        intervals: lower and upper end of each whisker, shape (groups, 2).
    """
    mean = np.asarray(means, dtype=np.float64)
    rows = np.arange(len(groups))

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(title)
        panel.set_xlabel(unit)
        panel.barh(rows, mean, height=0.56, color=BLUE, alpha=0.8)
        if intervals is not None:
            ends = np.asarray(intervals, dtype=np.float64)
            panel.errorbar(
                mean, rows, xerr=np.abs(ends.T - mean), fmt="none", ecolor=INK, elinewidth=1.6, capsize=5, capthick=1.6
            )
        panel.axvline(0, color=MUTED, linewidth=1)
        panel.set_yticks(rows, groups)
        panel.set_ylim(len(groups) - 0.4, -0.6)
        panel.tick_params(axis="y", labelcolor=INK)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "\N{MINUS SIGN}")))
        panel.grid(axis="y", visible=False)

    return draw(name, f"{title} in {unit}", PANEL_WIDTH, 96 + 34 * len(groups), (1.0,), paint)


def divergence_curve(name: str, steps: Sequence[int], divergence: Sequence[float | None]) -> str:
    """Draw the mean divergence (points,) of a mid price from the recorded one, in ticks, against the step."""
    title = "Mid price less the recorded one"

    def paint(axes: list[Axes]) -> None:
        (panel,) = axes
        panel.set_title(title)
        panel.set_xlabel("step of the session")
        panel.set_ylabel("ticks, mean over sessions")
        panel.axhline(0, color=MUTED, linewidth=1)
        panel.plot(np.asarray(steps), np.asarray(divergence, np.float64), color=BLUE, linewidth=2)
        panel.grid(axis="x", visible=False)

    return draw(name, f"{title} against the step of the session", PANEL_WIDTH, 280, (1.0,), paint)


def market_session(name: str, tape: Tape, currency: str, width: int) -> str:
    """Draw best bid and ask and the trades of one session, and the spread below.

    Quotes are sampled at evenly spaced times, one a pixel; a missing side of the book leaves a gap.

    Args:
        name: name of the figure on its page.
        tape: public record of the session; it must hold quotes.
        currency: of the prices.
        width: width in pixels.

    Raises ValueError where the tape holds no quotes.
    """
    if len(tape.quotes) == 0:
        raise ValueError("the tape holds no quotes; a session has at least one")
    start = tape.quotes["time_ns"][0]
    unit, unit_ns = _time_unit(int(tape.quotes["time_ns"][-1] - start))
    quotes = _sample(tape.quotes, width)
    time = (quotes["time_ns"] - start) / unit_ns
    bid = _present(quotes["bid_price_ticks"], quotes["bid_quantity_lots"])
    ask = _present(quotes["ask_price_ticks"], quotes["ask_quantity_lots"])
    trades = largest_trades(tape)
    mean_spread = mean_spread_ticks(tape)
    decimals = max(0, -int(decimal(tape.tick_size).normalize().as_tuple().exponent))

    def paint(axes: list[Axes]) -> None:
        price, spread = axes
        for panel in axes:
            panel.margins(x=0.01)
        price.set_title("Price, best bid and ask, and trades", pad=32)
        price.set_ylabel(f"price ({currency})")
        price.fill_between(
            time, bid * tape.tick_size, ask * tape.tick_size,
            step="post", color=MUTED, alpha=0.3, linewidth=0, label="bid to ask",
        )  # fmt: skip
        for side, color, marker, label in (
            (Side.BUY, BLUE, "^", "buyer initiated"),
            (Side.SELL, ORANGE, "v", "seller initiated"),
            (0, INK, "o", "in a call auction"),
        ):
            mine = trades[trades["aggressor_side"] == side]
            if side == 0 and mine.size == 0:
                continue
            price.scatter(
                (mine["time_ns"] - start) / unit_ns, mine["price_ticks"] * tape.tick_size,
                s=16, color=color, marker=marker, linewidths=0, label=label, zorder=3,
            )  # fmt: skip
        price.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{decimals}f}"))
        price.yaxis.set_major_locator(MaxNLocator(6))
        price.legend(
            loc="lower left", bbox_to_anchor=(0, 0.99), ncols=3, borderaxespad=0, handletextpad=0.3,
            columnspacing=1.2, borderpad=0.2,
        )  # fmt: skip
        price.grid(axis="x", visible=False)
        spread.set_title("Spread")
        spread.set_ylabel("ticks")
        spread.set_xlabel(f"time ({unit})")
        spread.plot(time, ask - bid, color=INK, linewidth=1, drawstyle="steps-post")
        spread.axhline(mean_spread, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        spread.set_ylim(bottom=0)
        spread.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        spread.spines["bottom"].set_color(GRID)
        spread.grid(axis="x", visible=False)

    return draw(name, "Price, best bid and ask, trades and spread of one market", width, 560, (2.6, 1.0), paint)


def mean_spread_ticks(tape: Tape) -> float:
    """Return the time-weighted mean spread while both sides were quoted, NaN where they never were."""
    ask = _present(tape.quotes["ask_price_ticks"], tape.quotes["ask_quantity_lots"])
    bid = _present(tape.quotes["bid_price_ticks"], tape.quotes["bid_quantity_lots"])
    spread = (ask - bid)[:-1]
    lasting = np.diff(tape.quotes["time_ns"])
    counted = np.isfinite(spread) & (lasting > 0)
    return float(np.average(spread[counted], weights=lasting[counted])) if counted.any() else float("nan")


def largest_trades(tape: Tape) -> NDArray[np.void]:
    """Return the `LARGEST_TRADES` largest trades of the tape in time order, all where there are fewer."""
    order = np.argsort(-tape.trades["quantity_lots"], kind="stable")[:LARGEST_TRADES]
    return tape.trades[np.sort(order)]


def _sample(quotes: NDArray[np.void], count: int) -> NDArray[np.void]:
    if len(quotes) <= count:
        return quotes
    times = np.linspace(quotes["time_ns"][0], quotes["time_ns"][-1], count).astype(np.int64)
    sampled = quotes[np.searchsorted(quotes["time_ns"], times, side="right") - 1].copy()
    sampled["time_ns"] = times
    return sampled


def _present(price_ticks: NDArray[np.int32], quantity_lots: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(quantity_lots > 0, price_ticks, np.nan)


def _time_unit(duration_ns: int) -> tuple[str, float]:
    if duration_ns <= 600e9:
        return "seconds", 1e9
    return ("minutes", 60e9) if duration_ns <= 10_800e9 else ("hours", 3600e9)
