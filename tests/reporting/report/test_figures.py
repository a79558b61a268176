from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import pyplot

from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape
from marl_market.reporting.report import figures
from marl_market.reporting.report.figures import (
    LARGEST_TRADES,
    group_bars,
    largest_trades,
    learning_curve,
    market_session,
    mean_spread_ticks,
    smoothing_window,
)


def texts(svg: str) -> list[str]:
    return [(element.text or "").strip() for element in ElementTree.fromstring(svg).iter("text")]


def marks(svg: str, name: str) -> int:
    """Return how many marks the group called `name` has."""
    group = next(element for element in ElementTree.fromstring(svg).iter("g") if element.get("id") == name)
    return len(list(group.iter("use")))


def drawings(tape: Tape) -> list[str]:
    return [
        learning_curve("curve", "ppo", "reward", np.arange(50), np.sin(np.arange(50))),
        group_bars("profit", "Profit", "USD", ["ppo", "noise"], [1, -2], [(0.5, 1.5), (-3, -1)]),
        market_session("session", tape, "USD", 1040),
    ]


def test_equal_input_gives_equal_bytes(tape: Tape) -> None:
    assert drawings(tape) == drawings(tape)


def test_figures_belong_to_the_page_they_are_put_in(tape: Tape) -> None:
    page = "".join(drawings(tape))
    identities = re.findall(r'\bid="([^"]*)"', page)
    assert len(identities) == len(set(identities)) > 10
    used = set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', page))
    assert {first or second for first, second in used} <= set(identities)
    assert "http" not in page
    # Every color is a role of the page, so that a dark page can give it another value.
    assert re.findall(r"(?<!, )#[0-9a-f]{6}\b", re.sub(r'(id|href)="[^"]*"|url\([^)]*\)', "", page)) == []


def test_no_figure_stays_open(tape: Tape) -> None:
    drawings(tape)
    assert pyplot.get_fignums() == []


def test_a_curve_names_its_group_and_units_and_leaves_gaps_out() -> None:
    steps, reward = np.arange(40) * 1000, np.arange(40.0) ** 2
    gap = np.arange(40) % 4 == 0
    svg = learning_curve("curve", "<ppo & $co$>", "reward", steps, np.where(gap, np.nan, reward))
    assert {"<ppo & $co$>", "environment steps", "reward per seat and session"} <= set(texts(svg))
    assert "10 k" in texts(svg)
    assert svg == learning_curve("curve", "<ppo & $co$>", "reward", steps[~gap], reward[~gap])


@pytest.mark.parametrize(("rows", "window"), [(0, 1), (1, 1), (39, 1), (60, 3), (120, 7), (1000, 51)])
def test_the_smoothing_window_is_odd_and_a_small_part_of_the_run(rows: int, window: int) -> None:
    assert smoothing_window(rows) == window


def test_bars_name_their_groups_and_unit() -> None:
    svg = group_bars("fees", "Fees paid", "EUR per seat", ["makers", "noise & co"], [3, 1])
    assert {"Fees paid", "EUR per seat", "makers", "noise & co"} <= set(texts(svg))
    with_whiskers = group_bars("fees", "Fees paid", "EUR", ["makers", "noise"], [3, 1], [(2, 4), (0, 2)])
    assert "LineCollection" in with_whiskers
    assert "LineCollection" not in svg


def test_a_session_says_what_it_shows_and_in_which_unit(tape: Tape) -> None:
    said = set(texts(market_session("session", tape, "EUR", 1040)))
    assert {"price (EUR)", "ticks", "time (seconds)", "buyer initiated", "seller initiated", "43,500.00"} <= said


def test_trades_of_a_call_auction_have_a_mark_of_their_own(tape: Tape) -> None:
    assert "in a call auction" not in texts(market_session("session", tape, "EUR", 900))
    called = tape.trades.copy()
    called["aggressor_side"][:3] = 0
    assert "in a call auction" in texts(market_session("session", replace(tape, trades=called), "EUR", 900))


def test_every_trade_is_one_mark(tape: Tape) -> None:
    svg = market_session("session", tape, "USD", 1040)
    buys = int((tape.trades["aggressor_side"] == 1).sum())
    assert marks(svg, "session-PathCollection_1") == buys
    assert marks(svg, "session-PathCollection_2") == len(tape.trades) - buys
    assert 0 < buys < len(tape.trades)


@pytest.mark.parametrize(("seconds", "unit"), [(200, "seconds"), (3600, "minutes"), (86_400, "hours")])
def test_the_time_axis_suits_the_length_of_the_session(tape: Tape, seconds: int, unit: str) -> None:
    quotes = tape.quotes.copy()
    quotes["time_ns"] = np.linspace(0, seconds * 1e9, len(quotes))
    svg = market_session("session", replace(tape, quotes=quotes, trades=tape.trades[:0]), "USD", 440)
    assert f"time ({unit})" in texts(svg)


def test_a_long_session_stays_a_small_figure(tape: Tape) -> None:
    quotes = np.repeat(tape.quotes, 100)
    quotes["time_ns"] = np.arange(len(quotes))
    trades = np.repeat(tape.trades, 100)
    trades["time_ns"] = np.linspace(0, len(quotes), len(trades))
    small, large = (
        len(market_session("session", each, "USD", 440)) for each in (tape, replace(tape, quotes=quotes, trades=trades))
    )
    assert large < 8 * small


def test_the_best_quotes_are_sampled_at_their_times() -> None:
    quotes = np.zeros(10_000, QUOTE)
    quotes["time_ns"] = np.arange(10_000) ** 2
    quotes["bid_price_ticks"] = np.arange(10_000)
    sampled = figures._sample(quotes, 100)
    assert len(sampled) == 100
    for row in sampled:
        assert row["bid_price_ticks"] == np.flatnonzero(quotes["time_ns"] <= row["time_ns"])[-1]


def test_of_too_many_trades_the_largest_are_kept_in_time_order(tape: Tape) -> None:
    trades = np.zeros(LARGEST_TRADES + 500, TRADE)
    trades["time_ns"] = np.arange(len(trades))
    trades["quantity_lots"] = np.random.default_rng(1).permutation(len(trades))
    kept = largest_trades(replace(tape, trades=trades))
    assert len(kept) == LARGEST_TRADES
    assert kept["quantity_lots"].min() == 500
    assert (np.diff(kept["time_ns"]) > 0).all()


def test_the_mean_spread_weighs_time_and_leaves_out_a_missing_side() -> None:
    quotes = np.zeros(4, QUOTE)
    quotes["time_ns"] = [0, 1, 10, 20]
    quotes["bid_price_ticks"] = 100
    quotes["ask_price_ticks"] = [110, 101, 0, 101]
    quotes["bid_quantity_lots"] = 1
    quotes["ask_quantity_lots"] = [1, 1, 0, 1]
    tape = Tape(1.0, 1.0, quotes, np.zeros(0, TRADE), np.zeros(0, FLOW))
    assert mean_spread_ticks(tape) == pytest.approx((1 * 10 + 9 * 1) / 10)


def test_a_tape_without_quotes_raises(tape: Tape) -> None:
    with pytest.raises(ValueError, match="no quotes"):
        market_session("session", replace(tape, quotes=tape.quotes[:0]), "USD", 440)
