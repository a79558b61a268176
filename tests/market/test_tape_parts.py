import numpy as np

from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, FlowKind, Outcome, Side, Tape
from marl_market.market.tape_parts import between, joined, parts


def tape() -> Tape:
    return Tape(
        0.01, 1.0,
        np.array([(0, 100, 102, 3, 4), (10, 101, 102, 3, 4), (30, 101, 103, 3, 4)], QUOTE),
        np.array([(10, 102, Side.BUY, 2), (20, 102, Side.BUY, 1)], TRADE),
        np.array([(10, FlowKind.MARKET, Side.BUY, 102, 0, 2), (20, FlowKind.MARKET, Side.BUY, 102, 0, 1)], FLOW),
        np.array(
            [
                (5, 40, 0, Outcome.CANCELED, Side.BUY, 99, 0, 7, 0),
                (12, 18, 0, Outcome.CANCELED, Side.BUY, 99, 0, 7, 0),
                (14, 20, 20, Outcome.FILLED, Side.SELL, 102, 0, 1, 1),
            ],
            ORDER,
        ),
        np.array([[0, 15], [16, 40]]),
    )  # fmt: skip


def test_a_part_has_the_quote_in_force_at_its_start_and_open_orders_at_its_end() -> None:
    part = between(tape(), 11, 20)
    assert part.quotes.tolist() == [(11, 101, 102, 3, 4)]
    assert part.trades.size == part.flow.size == 0
    assert part.orders.tolist() == [
        (12, 18, 0, Outcome.CANCELED, Side.BUY, 99, 0, 7, 0),
        (14, 20, 0, Outcome.OPEN, Side.SELL, 102, 0, 1, 0),
    ]
    assert part.sessions.tolist() == [[11, 15], [16, 20]]


def test_joined_tapes_are_as_much_later_as_asked_and_no_fill_stays_no_fill() -> None:
    tables = joined([tape(), tape()], [0, 100])
    assert tables["quotes"]["time_ns"].tolist() == [0, 10, 30, 100, 110, 130]
    assert tables["orders"]["end_ns"].tolist() == [40, 18, 20, 140, 118, 120]
    assert tables["orders"]["first_fill_ns"].tolist() == [0, 0, 20, 0, 0, 120]


def test_parts_are_sessions_of_their_own_and_all_parts_are_the_whole() -> None:
    found = parts(tape(), [(0, 10), (20, 41)])
    assert found.sessions.tolist() == [[0, 10], [20, 40]]
    assert found.quotes["time_ns"].tolist() == [0, 20, 30]
    assert found.trades["time_ns"].tolist() == [20]
    assert parts(tape(), [(0, 41)]).digest() == tape().digest()
    assert parts(tape(), []).quotes.size == 0
