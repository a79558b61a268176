"""A market as text: book ladder with the rendered agents' orders, last trades, accounts."""

from __future__ import annotations

from marl_market.env.rendering.market_view import Level, MarketView
from marl_market.market.tape import Side

LEVELS = 8
"""Levels of each side in the text."""

TRADES = 5
"""Last trades in the text."""

SIDES = {1: "buy ", -1: "sell", 0: "call"}
"""Name of a trade by the side of its aggressor."""


def render_text(view: MarketView) -> str:
    """Return the market as lines of text: asks above bids, the best of both in the middle."""
    asks, bids = view.levels(Side.SELL)[:LEVELS], view.levels(Side.BUY)[:LEVELS]
    return "\n".join(
        [
            f"{view.name}  {view.seconds[-1]:g} of {view.session_seconds():g} s  {view.currency}",
            "",
            *ladder(view, bids, asks),
            "",
            "last trades",
            *last_trades(view),
            "",
            *accounts(view),
        ]
    )


def ladder(view: MarketView, bids: list[Level], asks: list[Level]) -> list[str]:
    """Return the lines of the book: bid quantity, price, ask quantity, and the quantity of each rendered agent."""
    width = max([10, *(len(view.quantity(level.quantity)) for level in (*bids, *asks))])
    middle = max([10, *(len(view.price(level.price)) for level in (*bids, *asks))])
    lines = [f"{'bid':>{width}}  {'price':^{middle}}  {'ask':<{width}}"]
    for level in reversed(asks):
        line = f"{'':{width}}  {view.price(level.price):^{middle}}  {view.quantity(level.quantity):<{width}}"
        lines.append((line + owners(view, level)).rstrip())
    spread = f"spread {view.price(asks[0].price - bids[0].price)}" if asks and bids else "one side is empty"
    lines.append(f"{f' {spread} ':-^{2 * width + middle + 4}}")
    for level in bids:
        line = f"{view.quantity(level.quantity):>{width}}  {view.price(level.price):^{middle}}  {'':{width}}"
        lines.append((line + owners(view, level)).rstrip())
    return lines


def owners(view: MarketView, level: Level) -> str:
    """Return the rendered agents of a level and their quantities."""
    return "".join(f"  * {agent} {view.quantity(quantity)}" for agent, quantity in level.own.items())


def last_trades(view: MarketView) -> list[str]:
    """Return one line for each of the last trades, the last one first."""
    rows = [
        f"{trade.seconds:>10g} s  {SIDES[trade.aggressor_side]}  "
        f"{view.quantity(trade.quantity)} at {view.price(trade.price)}"
        for trade in reversed(view.prints[-TRADES:])
    ]
    return rows or [f"{'none':>10}"]


def accounts(view: MarketView) -> list[str]:
    """Return one line for each rendered agent."""
    rows = [("account", "position", "profit", "fees", "orders")]
    for balance in view.balances():
        position = view.quantity(balance.position, "+")
        rows.append((balance.agent, position, f"{balance.profit:+,.2f}", f"{balance.fees:,.2f}", str(balance.orders)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        "  ".join(
            [f"{row[0]:<{widths[0]}}", *(f"{text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
