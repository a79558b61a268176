"""An hour of a real exchange through the engine: AAPL on NASDAQ, 2012-06-21, 91,997 messages of single orders."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.published.lobster_replay import (
    EXECUTION,
    LEVELS,
    NO_ROW,
    SUBMISSION,
    TICK,
    Tally,
    hidden_submissions,
    plan,
    read_messages,
    replay,
)

FOLDER = Path(os.environ.get("MARL_MARKET_DATA", Path(__file__).parents[3] / "shared" / "data")) / "lobster"
HOUR = "AAPL_2012-06-21_34200000_37800000"
DAY = "AAPL_2012-06-21_34200000_57600000"
FILES = (
    f"{HOUR}_message_50.csv.gz",
    f"{HOUR}_orderbook_10.rebuilt.csv.gz",
    f"{DAY}_message_10.head998.csv.gz",
    f"{DAY}_orderbook_10.head998.csv.gz",
)
MISSING = [name for name in FILES if not (FOLDER / name).exists()]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"real data {', '.join(MISSING)} is missing in {FOLDER}; set MARL_MARKET_DATA"
)


class Hour(NamedTuple):
    messages: pd.DataFrame
    official_row: NDArray[np.int64]  # of each row of the venue's file, its row in ours
    official: NDArray[np.int64]  # (999, 10 levels, ask and bid, price in ticks and quantity)
    rebuilt: NDArray[np.int64]  # the same shape, 91,997 rows
    actions: NDArray[np.void]
    first_row: NDArray[np.int64]


def read_book(name: str) -> NDArray[np.int64]:
    rows = pd.read_csv(FOLDER / name, header=None).to_numpy().reshape(-1, LEVELS, 2, 2)
    return np.asarray(rows // np.array([TICK, 1]))


def places_in(messages: pd.DataFrame, part: pd.DataFrame) -> NDArray[np.int64]:
    """Return where each message of `part` stands among `messages`, both in order."""
    row = 0
    rows = []
    every = list(messages.itertuples(index=False, name=None))
    for message in part.itertuples(index=False, name=None):
        while every[row] != message:
            row += 1
        rows.append(row)
        row += 1
    return np.array(rows)


@pytest.fixture(scope="module")
def hour() -> Hour:
    messages = read_messages(FOLDER / FILES[0])
    official_messages = read_messages(FOLDER / FILES[2])
    official = read_book(FILES[3])
    first_row = (official[0] * np.array([TICK, 1])).reshape(-1)
    places = places_in(messages, official_messages)
    return Hour(messages, places, official, read_book(FILES[1]), plan(messages, first_row), first_row)


@pytest.fixture(scope="module")
def strict(hour: Hour) -> tuple[NDArray[np.int64], Tally, Any]:
    return replay(hour.actions, len(hour.messages), as_named=False)


@pytest.fixture(scope="module")
def named(hour: Hour) -> tuple[NDArray[np.int64], Tally, Any]:
    return replay(hour.actions, len(hour.messages), as_named=True)


def test_every_genuine_row_ends_with_the_official_book(hour: Hour, strict: Any, named: Any) -> None:
    assert hour.official.shape == (999, LEVELS, 2, 2)
    for book, _, _ in (strict, named):
        assert np.array_equal(book[hour.official_row], hour.official)


def test_the_engine_serves_the_order_that_the_venue_served(hour: Hour, strict: Any, named: Any) -> None:
    executions = int((hour.messages["type"] == EXECUTION).sum())
    assert executions == 4067
    # Where every fill before it went to the order that the venue names, price and time name the next one too ...
    assert named[1] == Tally(executions, 4043, 4043, crossed=0, rejected=0)
    # ... and an engine that keeps its own priority after the venue has passed over an order comes back to the book.
    assert strict[1] == Tally(executions, 4002, 4021, crossed=1, rejected=4)


def test_priority_is_broken_by_orders_older_than_the_session_and_by_few_others(hour: Hour) -> None:
    """Whoever entered the file late under a number from before the open is served before whoever was there."""
    messages = hour.messages
    queue: dict[tuple[int, int], dict[int, int]] = {}
    out_of_turn = []
    older = {}
    for action in hour.actions:
        kind, row, order, _, side, price, quantity = action.tolist()
        waiting = queue.setdefault((side, price), {})
        if kind == SUBMISSION:
            waiting[order] = quantity
            older[order] = row != NO_ROW and messages["id"][row] < messages["id"][0]
            continue
        if kind == EXECUTION and next(iter(waiting)) != order:
            out_of_turn.append(order)
        waiting[order] -= quantity
        if not waiting[order]:
            del waiting[order]
    assert len(out_of_turn) == 4067 - 4043
    assert sum(older[order] for order in out_of_turn) == 15


def test_the_rebuilt_hour_agrees_but_for_orders_it_knew_too_early(hour: Hour, strict: Any, named: Any) -> None:
    agrees = (named[0] == hour.rebuilt).all((2, 3))
    assert agrees.shape == (91_997, LEVELS)
    assert agrees[:, 0].all()
    assert agrees.all(1).mean() == pytest.approx(0.98972, abs=1e-5)
    # The rebuilt file holds 44 orders from the open on that came, unsubmitted and far from the best quotes, later.
    unsubmitted = hidden_submissions(hour.messages, hour.first_row)
    late = {price // TICK for place, orders in unsubmitted.items() if place for _, _, price, _ in orders}
    assert sum(len(orders) for place, orders in unsubmitted.items() if place) == 44
    for row in np.flatnonzero(~agrees.all(1)):
        for side in (0, 1):
            ours, theirs = (
                [level for level in book[row, :, side].tolist() if level[0] not in late]
                for book in (named[0], hour.rebuilt)
            )
            common = min(len(ours), len(theirs))
            assert common >= LEVELS - 4
            assert ours[:common] == theirs[:common]
    # An engine that fills by its own priority differs for as long as an order that the venue passed over rests.
    strictly = (strict[0] == hour.rebuilt).all((2, 3))
    assert strictly[:, 0].mean() == pytest.approx(0.97786, abs=1e-5)
    assert strictly.all(1).mean() == pytest.approx(0.93064, abs=1e-5)


def test_a_plan_gives_every_order_a_seat_with_room(hour: Hour) -> None:
    placed = hour.actions[hour.actions["type"] == SUBMISSION]
    assert placed.size == 44_256 + len(hour.actions) - 89_796
    assert np.unique(placed["seat"]).size > 50


def test_money_and_positions_are_conserved_over_the_hour(strict: Any) -> None:
    market = strict[2]
    account = market["seat"]["account"]
    assert int(account["position"].sum()) == 0
    assert int(account["cash"].sum()) + int(market["fees_collected"]) == 0
    assert int(account["trades"].sum()) == 2 * int(market["trade_sequence"]) > 8000
