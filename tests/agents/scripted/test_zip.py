"""Cliff's rules for raising and lowering the margin, in numbers."""

from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.assignment import ANCHOR, BEGUN, LIMIT, SIDE
from marl_market.agents.scripted.zip import (
    CHANGE,
    DRAWN,
    LAST_SIDE,
    MARGIN,
    MOMENTUM,
    PRICE,
    RATE,
    REACH,
    REACHES,
    WORKING,
    ZIP,
)
from tests.agents.scripted.trader_seat import TraderSeat
from tests.builders import public_record, show_levels

EXACT = ZIP(relative=0.0, absolute=0.0, span=None)


def working(side: int, agent: ZIP = EXACT, momentum: float = 0.0, change: float = 0.0) -> TraderSeat:
    """Return a trader of limit 1000 and margin .2 that moves half of the way: it asks 1200 or bids 800."""
    trader = TraderSeat(agent)
    memory = trader.seat["agent"]["memory"]
    memory[[SIDE, LIMIT, BEGUN, ANCHOR]] = (side, 1000.0, 1.0, 1000.0)
    memory[[DRAWN, RATE, MOMENTUM, MARGIN, CHANGE, LAST_SIDE]] = (1.0, 0.5, momentum, 0.2, change, side)
    memory[PRICE] = 1000.0 - 200.0 * side
    memory[REACH : REACH + 2] = trader.params["value"][REACHES : REACHES + 2]
    trader.params["value"][4] = 0.0  # no assignment expires
    return trader


def after_trade(price: int, aggressor: int) -> Any:
    return public_record(step_trades=1, last_trade_ticks=price, last_aggressor_side=aggressor)


def after_quote(side: int, price: int, earlier: int) -> Any:
    public = public_record()
    index = (1 - side) // 2
    show_levels(public, bids=[(price, 5)] if side > 0 else [], asks=[(price, 5)] if side < 0 else [])
    public["previous_level"][index, 0] = (5, earlier, 1)
    return public


@pytest.mark.parametrize(
    ("side", "public", "price"),
    [
        (1, after_trade(700, 1), 750),  # a trade at a better price: it could have had more
        (1, after_trade(700, -1), 750),
        (1, after_trade(900, -1), 850),  # an ask was accepted above its bid: it must offer more
        (1, after_trade(900, 1), 800),
        (1, after_quote(1, 900, 890), 850),  # a competing bid is higher
        (1, after_quote(1, 900, 900), 800),
        (1, after_quote(1, 790, 780), 800),
        (1, after_quote(-1, 700, 720), 800),
        (-1, after_trade(1300, 1), 1250),
        (-1, after_trade(1300, -1), 1250),
        (-1, after_trade(1100, 1), 1150),
        (-1, after_trade(1100, -1), 1200),
        (-1, after_quote(-1, 1100, 1110), 1150),
        (-1, after_quote(-1, 1210, 1220), 1200),
        (1, public_record(), 800),
    ],
)
def test_the_margin_moves_as_cliff_says(side: int, public: Any, price: int) -> None:
    assert working(side).orders(public)[0][1:3] == (side, price)


@pytest.mark.parametrize(
    ("side", "public", "margin"),
    [
        (1, after_trade(700, 1), 0.25),
        (1, after_trade(900, -1), 0.2),
        (1, after_quote(1, 900, 890), 0.2),
        (-1, after_trade(1300, -1), 0.25),
        (-1, after_trade(1100, 1), 0.2),
    ],
)
def test_without_an_assignment_it_raises_its_margin_and_never_lowers_it(side: int, public: Any, margin: float) -> None:
    trader = working(side)
    trader.seat["agent"]["memory"][SIDE] = 0.0
    trader.params["value"][3] = 0.0  # no assignment comes
    assert trader.commands(public) == []
    assert trader.seat["agent"]["memory"][MARGIN] == pytest.approx(margin)


def test_the_change_has_momentum() -> None:
    trader = working(1, momentum=0.5, change=-20.0)  # .5 * -20 + .5 * .5 * -100
    assert trader.orders(after_trade(700, 1))[0][2] == 765
    assert trader.seat["agent"]["memory"][MARGIN] == pytest.approx(0.235)


@pytest.mark.parametrize("side", [1, -1])
def test_it_never_quotes_at_a_loss(side: int) -> None:
    trader = working(side)
    for _ in range(30):
        sent = trader.orders(after_trade(1000 + side * 900, -side))
    assert sent[0][1:3] == (side, 1000)


def test_the_target_is_a_little_beyond_the_shout() -> None:
    targets = []
    for key in range(2000):
        trader = working(1, ZIP(relative=0.1, absolute=5.0, span=None))  # A to 20 ticks
        trader.seat["random_key"] = key
        trader.orders(after_trade(700, 1))
        targets.append(800 + 2 * float(trader.seat["agent"]["memory"][CHANGE]))
    assert 700 - 70 - 20 <= min(targets) < 640
    assert 695 < max(targets) <= 700
    assert np.mean(targets) == pytest.approx(700 - 35 - 10, abs=2)


def test_prices_are_counted_from_the_origin() -> None:
    trader = working(1, ZIP(relative=0.0, absolute=0.0, span=25.0))  # from 900: a margin of .2 is 20 ticks
    assert trader.orders(public_record())[0][2] == 980
    assert trader.orders(after_trade(970, 1))[0][2] == 975


BRISTOL = ZIP(relative=0.0, absolute=0.0, span=None, bristol=(1.0, 30.0))


def two_sided(side: int, own: int, earlier: int, other: int) -> Any:
    """Return a market in which the best quote of `side` has come from `earlier` to `own`."""
    public = after_quote(side, own, earlier)
    bid, ask = (own, other) if side > 0 else (other, own)
    show_levels(public, bids=[(bid, 5)], asks=[(ask, 5)])
    return public


@pytest.mark.parametrize(
    ("side", "public", "price"),
    [
        (1, after_trade(700, 1), 750),
        (1, after_trade(900, -1), 850),
        (1, after_trade(900, 1), 800),
        (1, two_sided(1, 900, 890, 950), 875),  # a competing bid is higher: it aims at the best ask
        (1, after_quote(1, 900, 890), 450),  # ... or, without one, at the lowest price of the range
        (1, two_sided(1, 790, 780, 950), 800),
        (1, after_quote(1, 900, 900), 800),
        (-1, two_sided(-1, 1100, 1110, 1050), 1125),
        (-1, after_quote(-1, 1100, 1110), 2100),
        (-1, after_trade(1300, 1), 1250),
        (1, after_trade(1300, -1), 800),  # the step would pass its limit
    ],
)
def test_in_bristol_it_learns_so(side: int, public: Any, price: int) -> None:
    trader = working(side, BRISTOL)
    trader.seat["agent"]["memory"][WORKING] = 1.0
    trader.params["value"][5] = 0.0  # it learns without requoting
    trader.commands(public)
    assert trader.seat["agent"]["memory"][PRICE] == price


def test_in_bristol_prices_are_whole() -> None:
    trader = working(1, BRISTOL)
    trader.seat["agent"]["memory"][RATE] = 0.3
    trader.params["value"][5] = 0.0
    trader.commands(after_trade(701, 1))  # .3 of the way: 770.3
    assert trader.seat["agent"]["memory"][PRICE] == 770
    assert trader.seat["agent"]["memory"][MARGIN] == pytest.approx(0.2297)


def test_in_bristol_quotes_are_rounded_down_on_either_side() -> None:
    for side, price in ((1, 799), (-1, 1200)):
        trader = working(side, BRISTOL)
        trader.seat["agent"]["memory"][MARGIN] = 0.2005 if side > 0 else 0.2009
        assert trader.orders(public_record())[0][2] == price


def test_in_bristol_without_an_assignment_it_lowers_its_margin_until_its_next_requote() -> None:
    trader = working(1, BRISTOL)
    memory, table = trader.seat["agent"]["memory"], trader.params["value"]
    memory[[SIDE, WORKING]] = (0.0, 1.0)
    table[3] = 0.0  # no assignment comes
    trader.commands(after_trade(900, -1))
    assert memory[MARGIN] == pytest.approx(0.15)
    trader.commands(after_trade(950, -1))
    assert memory[MARGIN] == pytest.approx(0.15)
    trader.commands(two_sided(1, 900, 890, 950))
    assert memory[MARGIN] == pytest.approx(0.1)


def test_in_bristol_the_reaches_are_drawn_too() -> None:
    drawn = []
    for key in range(500):
        trader = TraderSeat(ZIP(bristol=(1.0, 30.0)), random_key=key)
        trader.commands(public_record())
        drawn.append(trader.seat["agent"]["memory"][REACH : REACH + 2] / (0.05, 0.2))
    low, high = np.min(drawn, axis=0), np.max(drawn, axis=0)
    assert ((low >= 0.2) & (low < 0.22)).all()
    assert ((high > 0.98) & (high <= 1.0)).all()


def test_rate_momentum_and_margin_are_drawn_as_in_the_paper() -> None:
    drawn = []
    for key in range(500):
        trader = TraderSeat(ZIP(), random_key=key)
        trader.commands(public_record())
        drawn.append(trader.seat["agent"]["memory"][[RATE, MOMENTUM, MARGIN]].copy())
    low, high = np.min(drawn, axis=0), np.max(drawn, axis=0)
    assert (low >= [0.1, 0.0, 0.05]).all()
    assert (high <= [0.5, 0.1, 0.35]).all()
    assert (high - low > 0.95 * np.array([0.4, 0.1, 0.3])).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"min_margin": 0.5}, "zip.min_margin, zip.max_margin is"),
        ({"relative": -0.1}, "zip.relative is -0.1; it must be zero or more"),
        ({"bristol": (2.0, 1.0)}, r"zip.bristol is \(2.0, 1.0\); it must be a lowest and a highest price"),
        ({"span": 0.0}, "zip.span is 0.0; it must be above zero"),
    ],
)
def test_a_parameter_that_is_none_is_named(changes: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ZIP(**changes)
