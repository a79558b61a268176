"""From a log of single orders to the messages that make the recorded book."""

from __future__ import annotations

import numpy as np
import pytest

from marl_market.calibration.readers.message_log import MessageLog
from marl_market.calibration.readers.source import DataError
from marl_market.calibration.readers.steps import Step
from marl_market.calibration.replay_builder import build_replay
from marl_market.calibration.replay_opening import with_opening_levels
from marl_market.calibration.replay_reach import least_between
from marl_market.market.replay_tape import MessageKind, ReplayTape
from tests.replays import small_log, tape_of

SUBMIT, REDUCE, TAKE, FILL = MessageKind


def said(tape: ReplayTape) -> list[tuple[int, ...]]:
    """Return (kind, order, side, price, quantity, left) of each message."""
    names = ["kind", "order", "side", "price_ticks", "quantity_lots", "left_lots"]
    return [tuple(int(row[name]) for name in names) for row in tape.messages]


def quotes(tape: ReplayTape) -> list[tuple[int, int]]:
    return [(int(row["bid_price_ticks"]), int(row["ask_price_ticks"])) for row in tape.messages]


def resting() -> MessageLog:
    """Two bids at 99, one at 98 and an ask at 101."""
    log = MessageLog()
    log.rest(0, 1, 1, 99, 10)
    log.rest(0, 2, 1, 99, 20)
    log.rest(0, 3, 1, 98, 30)
    log.rest(0, 4, -1, 101, 40)
    return log


OPENING = [
    (SUBMIT, 0, 1, 99, 10, 10),
    (SUBMIT, 1, 1, 99, 20, 20),
    (SUBMIT, 2, 1, 98, 30, 30),
    (SUBMIT, 3, -1, 101, 40, 40),
]


def test_submissions_and_cancels_say_what_is_left() -> None:
    log = resting()
    log.cancel(1, 2, 5)
    log.cancel(2, 2)
    log.cancel(3, 3, 99)
    tape = tape_of(log)
    assert said(tape) == [*OPENING, (REDUCE, 1, 1, 99, 5, 15), (REDUCE, 1, 1, 99, 15, 0), (REDUCE, 2, 1, 98, 30, 0)]
    assert quotes(tape) == [(99, 0), (99, 0), (99, 0), (99, 101), (99, 101), (99, 101), (99, 101)]
    assert tape.left_out == {}


def test_fills_at_one_time_are_one_aggressor_priced_at_the_last() -> None:
    log = resting()
    for order, lots in ((1, 10), (2, 20), (3, 5)):
        log.fill(1, order, lots)
    log.fill(2, 3, 1)
    tape = tape_of(log)
    assert said(tape)[4:] == [
        (TAKE, -1, -1, 98, 35, 0), (FILL, 0, 1, 99, 10, 0), (FILL, 1, 1, 99, 20, 0), (FILL, 2, 1, 98, 5, 25),
        (TAKE, -1, -1, 98, 1, 0), (FILL, 2, 1, 98, 1, 24),
    ]  # fmt: skip
    assert quotes(tape)[-1] == (98, 101)


def test_an_order_that_the_venue_passes_over_is_sent_anew_behind_the_fill() -> None:
    log = resting()
    log.fill(1, 2, 20)
    log.cancel(2, 1)
    tape = tape_of(log)
    assert said(tape)[4:] == [
        (REDUCE, 0, 1, 99, 10, 0), (TAKE, -1, -1, 99, 20, 0), (FILL, 1, 1, 99, 20, 0), (SUBMIT, 4, 1, 99, 10, 10),
        (REDUCE, 4, 1, 99, 10, 0),
    ]  # fmt: skip
    assert tape.left_out == {"queue places of orders that the venue passed over": 1}


def test_an_order_may_be_passed_over_and_filled_by_the_same_aggressor() -> None:
    log = resting()
    log.fill(1, 2, 20)
    log.fill(1, 1, 10)
    assert said(tape_of(log))[4:] == [
        (REDUCE, 0, 1, 99, 10, 0), (TAKE, -1, -1, 99, 20, 0), (FILL, 1, 1, 99, 20, 0),
        (SUBMIT, 4, 1, 99, 10, 10), (TAKE, -1, -1, 99, 10, 0), (FILL, 4, 1, 99, 10, 0),
    ]  # fmt: skip


def test_a_better_price_that_a_trade_passes_over_is_sent_anew_or_gone() -> None:
    log = resting()
    log.fill(1, 3, 30)
    log.cancel(2, 1, 1)
    log.cancel(3, 4)
    tape = tape_of(log)
    assert tape.left_out == {"queue places of orders that the venue passed over": 1, "orders proved gone": 1}
    assert said(tape)[4:] == [
        (REDUCE, 0, 1, 99, 10, 0), (REDUCE, 1, 1, 99, 20, 0), (TAKE, -1, -1, 98, 30, 0), (FILL, 2, 1, 98, 30, 0),
        (SUBMIT, 4, 1, 99, 10, 10), (REDUCE, 4, 1, 99, 1, 9), (REDUCE, 3, -1, 101, 40, 0),
    ]  # fmt: skip


def test_a_hidden_order_between_the_quotes_is_sent_and_filled() -> None:
    log = resting()
    log.fill_hidden(1, 1, 100, 7)  # a buyer meets a hidden ask
    log.fill_hidden(2, 1, 101, 7)
    log.fill_hidden(3, 0, 100, 7)
    tape = tape_of(log)
    assert said(tape)[4:] == [
        (SUBMIT, 4, -1, 100, 7, 7), (TAKE, -1, 1, 100, 7, 0), (FILL, 4, -1, 100, 7, 0),
    ]  # fmt: skip
    assert quotes(tape)[-1] == (99, 101)
    assert tape.left_out == {"hidden fills not between the quotes": 1, "hidden fills of an unknown side": 1}


def test_orders_of_which_nothing_is_said_later_are_proved_gone() -> None:
    log = resting()
    log.rest(1, 5, -1, 99, 3)
    log.cancel(2, 3, 1)
    log.cancel(3, 5)
    tape = tape_of(log)
    assert said(tape)[4:7] == [(REDUCE, 0, 1, 99, 10, 0), (REDUCE, 1, 1, 99, 20, 0), (SUBMIT, 4, -1, 99, 3, 3)]
    assert tape.left_out == {"orders proved gone": 2}


def test_an_order_that_meets_one_with_messages_to_come_is_left_out() -> None:
    log = resting()
    log.rest(1, 5, -1, 99, 3)
    log.cancel(2, 5)
    log.cancel(3, 1, 1)
    log.cancel(4, 3, 1)
    tape = tape_of(log)
    assert said(tape)[4:] == [(REDUCE, 0, 1, 99, 1, 9), (REDUCE, 2, 1, 98, 1, 29)]
    assert tape.left_out == {"orders sent at or through orders that rest on": 1}


def test_what_does_not_rest_is_counted() -> None:
    log = resting()
    log.cancel(1, 77)
    log.fill(1, 78, 5)
    log.rest(2, 1, 1, 97, 4)
    tape = tape_of(log)
    assert tape.left_out == {
        "cancels of orders that do not rest": 1,
        "fills of orders that do not rest": 1,
        "orders whose end is missing": 1,
    }
    assert said(tape)[4:] == [(REDUCE, 0, 1, 99, 10, 0), (SUBMIT, 4, 1, 97, 4, 4)]


def test_a_clearing_ends_every_order() -> None:
    log = resting()
    log.clear(1)
    assert [(row[0], row[-1]) for row in said(tape_of(log))[4:]] == [(REDUCE, 0)] * 4


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(DataError, match="no message of a single order"):
        tape_of(MessageLog())


def test_prices_and_quantities_are_rounded_to_ticks_and_lots() -> None:
    log = MessageLog()
    log.rest(0, 1, 1, 995, 14)
    log.rest(0, 2, -1, 1010, 1)
    tape = build_replay(log, Step(10, 0.1), Step(5, 0.5), np.array([[0, 1]]))
    assert said(tape) == [(SUBMIT, 0, 1, 100, 3, 3), (SUBMIT, 1, -1, 101, 1, 1)]


def test_orders_that_never_come_near_are_left_out() -> None:
    log = resting()
    log.rest(1, 5, 1, 90, 8)  # far when it comes, and the best bid later
    log.rest(1, 6, 1, 80, 8)
    log.cancel(2, 6, 3)
    for order in (1, 2, 3):
        log.cancel(3, order)
    tape = build_replay(log, Step(1, 0.01), Step(1, 1.0), np.array([[0, 5]]), reach_ticks=9)
    assert {row[3] for row in said(tape)} == {99, 98, 90, 101}
    assert tape.left_out == {"orders beyond reach_ticks": 1}
    assert tape.places == 5


def test_places_are_used_again() -> None:
    tape = tape_of(small_log())
    assert tape.places == 4
    assert tape.messages["place"].tolist() == [0, 1, 2, 3, -1, 0, 3, 1, 1, -1, 1, 2]


def test_the_least_of_any_stretch() -> None:
    random = np.random.default_rng(1)
    values = random.integers(-50, 50, 200)
    first = random.integers(0, 200, 500)
    last = np.minimum(first + random.integers(0, 200, 500), 199)
    expected = [values[begin : end + 1].min() for begin, end in zip(first, last, strict=True)]
    np.testing.assert_array_equal(least_between(values, first, last), expected)


def test_the_levels_of_a_book_complete_the_opening_behind_the_known_orders() -> None:
    log = MessageLog()
    log.rest(-1, 1, 1, 99, 10)
    log.begin(0)
    log.begins_ns = 0
    log.rest(0, 2, 1, 99, 5)
    log.cancel(1, 1)
    more = with_opening_levels(log, {(1, 99): 18, (-1, 101): 4, (1, 98): 0})
    tape = tape_of(more)
    assert said(tape) == [
        (SUBMIT, 0, 1, 99, 10, 10), (SUBMIT, 1, 1, 99, 3, 3), (SUBMIT, 2, -1, 101, 4, 4), (SUBMIT, 3, 1, 99, 5, 5),
        (REDUCE, 0, 1, 99, 10, 0),
    ]  # fmt: skip
    assert tape.messages["time_ns"].tolist() == [-1, -1, -1, 0, 1]
