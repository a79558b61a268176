import gc
import weakref

import numpy as np
import pytest

from marl_market.evaluation.realism.best_quotes import best_quotes, grid, mid_moves, seconds_of, session_of
from marl_market.evaluation.realism.depth import ask_lots, bid_lots, mean_best_lots, quote_imbalance
from marl_market.evaluation.realism.remembered import remembered
from marl_market.evaluation.realism.spread import mean_spread, spread
from marl_market.market.tape import Tape
from tests.evaluation.realism.toy import path, tape

QUOTES = [(0.0, 100, 102, 3, 1), (0.25, 100, 104, 3, 9), (0.3, 0, 104, 0, 9), (0.4, 101, 104, 2, 2)]


def test_quotes_of_one_side_keep_the_quotes_from_before() -> None:
    best = best_quotes(tape(QUOTES))
    assert best.mid.tolist() == [202, 204, 205]
    assert best.spread.tolist() == [2, 4, 3]


def test_spread_and_depth_are_sampled_each_tenth_of_a_second() -> None:
    toy = tape(QUOTES, sessions=[(0.0, 0.55)])
    assert spread(toy).tolist() == [2, 2, 4, 3, 3]
    assert bid_lots(toy).tolist() == [3, 3, 3, 2, 2]
    assert ask_lots(toy).tolist() == [1, 1, 9, 2, 2]
    assert quote_imbalance(toy).tolist() == [0.5, 0.5, -0.5, 0.0, 0.0]
    assert mean_spread(toy) == pytest.approx(14 / 5)
    assert mean_best_lots(toy) == pytest.approx(28 / 10)


def test_a_grid_begins_anew_in_each_session_and_its_end_is_outside() -> None:
    toy = tape([(0.0, 9, 11, 1, 1), (10.5, 19, 21, 1, 1)], sessions=[(0.0, 3.0), (10.0, 12.6)])
    time_ns, rows, session = grid(toy, 1.0)
    assert (time_ns / 1e9).tolist() == [1.0, 2.0, 11.5, 12.5]
    assert rows.tolist() == [0, 0, 1, 1]
    assert session.tolist() == [0, 0, 1, 1]
    assert mid_moves(toy, 1).tolist() == [0, 0]
    assert mid_moves(toy, 2).tolist() == []
    assert seconds_of(toy) == pytest.approx(5.6)


def test_a_time_belongs_to_the_session_that_holds_it() -> None:
    toy = tape(QUOTES, sessions=[(1.0, 2.0), (4.0, 5.0)])
    seconds = np.array([0.5, 1.0, 2.0, 3.0, 4.5, 6.0])
    assert session_of(toy, (seconds * 1e9).astype(np.int64)).tolist() == [-1, 0, 0, -1, 1, -1]


def test_an_empty_tape_has_no_quotes() -> None:
    empty = tape()
    assert best_quotes(empty).mid.tolist() == spread(empty).tolist() == mid_moves(empty, 1).tolist() == []
    assert np.isnan(mean_spread(empty))
    assert np.isnan(mean_best_lots(empty))


def test_what_is_remembered_is_measured_once_and_forgotten_with_its_tape() -> None:
    measured = []

    @remembered
    def size(tape: Tape, factor: int) -> int:
        measured.append(factor)
        return len(tape.quotes) * factor

    toy = path([1, 2, 3])
    assert [size(toy, 2), size(toy, 2), size(toy, 3)] == [6, 6, 9]
    assert measured == [2, 3]
    alive = weakref.ref(toy)
    del toy
    gc.collect()
    assert alive() is None
    assert size(path([1]), 2) == 2
