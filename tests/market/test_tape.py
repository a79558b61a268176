import numpy as np
import pytest

from marl_market.market.tape import FLOW, QUOTE, TRADE, FlowKind, Side, Tape


def make_tape() -> Tape:
    return Tape(
        tick_size=0.01,
        lot_size=1.0,
        quotes=np.array([(0, 100, 101, 5, 7), (10, 100, 102, 5, 9)], dtype=QUOTE),
        trades=np.array([(10, 101, Side.BUY, 7)], dtype=TRADE),
        flow=np.array([(10, FlowKind.MARKET, Side.BUY, 101, -1, 7)], dtype=FLOW),
    )


def test_the_sign_of_a_side_is_the_position_it_builds() -> None:
    assert (int(Side.BUY), int(Side.SELL)) == (1, -1)


def test_equal_tapes_have_equal_digests() -> None:
    assert make_tape().digest() == make_tape().digest()


@pytest.mark.parametrize("table", ["quotes", "trades", "flow"])
def test_any_changed_number_changes_the_digest(table: str) -> None:
    rows = getattr(make_tape(), table)
    for column in rows.dtype.names:
        changed = make_tape()
        getattr(changed, table)[column][0] += 1
        assert changed.digest() != make_tape().digest(), column


def test_a_missing_row_changes_the_digest() -> None:
    full = make_tape()
    without = Tape(0.01, 1.0, full.quotes[:1], full.trades, full.flow)
    assert without.digest() != full.digest()


def test_a_strided_view_has_the_digest_of_its_rows() -> None:
    tape = make_tape()
    doubled = np.repeat(tape.quotes, 2)[::2]
    assert Tape(0.01, 1.0, doubled, tape.trades, tape.flow).digest() == tape.digest()
