import numpy as np
import pytest

from marl_market.calibration.search.block_bootstrap import GAP_NS, BlockBootstrap
from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape

SECOND = 10**9


def tape(sessions: list[tuple[int, int]]) -> Tape:
    """Return a tape with a trade at every tenth second, whose size says when, and a quote at every seventh."""
    end = sessions[-1][1]
    trades, quotes = np.zeros(end // 10, TRADE), np.zeros(end // 7 + 1, QUOTE)
    trades["time_ns"] = np.arange(trades.size) * 10 * SECOND + SECOND
    trades["quantity_lots"] = np.arange(trades.size)
    quotes["time_ns"] = np.arange(quotes.size) * 7 * SECOND
    quotes["bid_quantity_lots"] = np.arange(quotes.size)
    return Tape(0.01, 1.0, quotes, trades, np.zeros(0, FLOW), sessions=np.array(sessions) * SECOND)


def test_a_resample_holds_whole_blocks_each_a_session() -> None:
    found = BlockBootstrap(20.0)(tape([(0, 100)]), np.random.default_rng(1))
    assert found.sessions.shape == (5, 2)
    assert (np.diff(found.sessions) == 20 * SECOND).all()
    assert (found.sessions[1:, 0] - found.sessions[:-1, 1] == GAP_NS).all()
    pairs = found.trades["quantity_lots"].reshape(5, 2)
    assert (pairs[:, 0] % 2 == 0).all()
    assert (np.diff(pairs) == 1).all()
    since = (found.trades["time_ns"].reshape(5, 2) - found.sessions[:, :1]) / SECOND
    np.testing.assert_array_equal(since, [[1.0, 11.0]] * 5)


def test_a_block_begins_with_the_quote_in_force() -> None:
    found = BlockBootstrap(20.0)(tape([(0, 100)]), np.random.default_rng(1))
    first = np.searchsorted(found.quotes["time_ns"], found.sessions[:, 0])
    np.testing.assert_array_equal(found.quotes["time_ns"][first], found.sessions[:, 0])
    block = found.trades["quantity_lots"][::2] // 2  # the block's number in the data
    np.testing.assert_array_equal(found.quotes["bid_quantity_lots"][first], block * 20 // 7)


def test_blocks_lie_within_sessions_and_their_rest_is_dropped() -> None:
    blocks = BlockBootstrap(20.0).blocks(np.array([(0, 50), (60, 85)]) * SECOND)
    np.testing.assert_array_equal(blocks, np.array([(0, 20), (20, 40), (60, 80)]) * SECOND)


def test_resamples_differ_and_follow_their_generator() -> None:
    data = tape([(0, 400)])
    first, second = (BlockBootstrap(20.0)(data, np.random.default_rng(seed)) for seed in (1, 2))
    assert first.digest() == BlockBootstrap(20.0)(data, np.random.default_rng(1)).digest()
    assert first.digest() != second.digest()


def test_data_shorter_than_a_block_are_named() -> None:
    with pytest.raises(
        ValueError, match="a block is 300 s; the longest session of the data is 100 s, and must hold one"
    ):
        BlockBootstrap()(tape([(0, 100)]), np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"BlockBootstrap.seconds is 0; it must be above zero"):
        BlockBootstrap(0)
