from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marl_market.market.tape import FLOW, ORDER, QUOTE, TRADE, Tape
from marl_market.market.tape_file import load_tape, save_tape


@pytest.fixture
def tape() -> Tape:
    quotes, trades, flow, orders = np.zeros(5, QUOTE), np.zeros(3, TRADE), np.zeros(7, FLOW), np.zeros(4, ORDER)
    for table in (quotes, trades, flow, orders):
        for place, name in enumerate(table.dtype.names or ()):
            table[name] = np.arange(len(table)) * 10**place - place
    quotes["time_ns"] += 2**62
    return Tape(0.01, 0.0001, quotes, trades, flow, orders, np.array([[1, 5], [7, 9]]))


def test_a_tape_survives_its_file_bit_for_bit(tmp_path: Path, tape: Tape) -> None:
    save_tape(tmp_path / "tape.npz", tape)
    again = load_tape(tmp_path / "tape.npz")
    assert again.digest() == tape.digest()
    assert (again.tick_size, again.lot_size) == (0.01, 0.0001)
    assert [path.name for path in tmp_path.iterdir()] == ["tape.npz"]


def test_equal_tapes_make_equal_files(tmp_path: Path, tape: Tape) -> None:
    save_tape(tmp_path / "first.npz", tape)
    save_tape(tmp_path / "second.npz", tape)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_an_empty_tape_stays_empty(tmp_path: Path) -> None:
    save_tape(tmp_path / "tape.npz", Tape(1.0, 1.0, np.zeros(0, QUOTE), np.zeros(0, TRADE), np.zeros(0, FLOW)))
    assert len(load_tape(tmp_path / "tape.npz").quotes) == 0


def test_a_save_that_fails_leaves_the_old_tape(tmp_path: Path, tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tape.npz"
    save_tape(path, tape)

    def full_disk(file: object, **arrays: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_tape(path, Tape(0.5, 0.5, tape.quotes[:1], tape.trades, tape.flow))
    assert load_tape(path).digest() == tape.digest()


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "tape.npz", tick_size=1.0, lot_size=1.0, quotes=np.zeros(1, QUOTE))
    with pytest.raises(ValueError, match=r"tape\.npz has no array .*trades"):
        load_tape(tmp_path / "tape.npz")


def test_a_table_of_another_schema_is_named(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "tape.npz", tick_size=1.0, lot_size=1.0,
        quotes=np.zeros(1, QUOTE), trades=np.zeros(1), flow=np.zeros(0, FLOW), orders=np.zeros(0, ORDER),
        sessions=np.zeros((0, 2), np.int64),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"tape\.npz: trades has 1 dimension\(s\) of float64"):
        load_tape(tmp_path / "tape.npz")


def test_sessions_are_pairs_of_times(tmp_path: Path, tape: Tape) -> None:
    arrays = {name: getattr(tape, name) for name in ("tick_size", "lot_size", "quotes", "trades", "flow", "orders")}
    np.savez(tmp_path / "tape.npz", **arrays, sessions=np.zeros(3, np.int64))
    with pytest.raises(ValueError, match=r"tape\.npz: sessions has .*int64 of shape \(3,\); it must have \(n, 2\)"):
        load_tape(tmp_path / "tape.npz")


def test_a_lone_array_is_no_tape(tmp_path: Path) -> None:
    with (tmp_path / "tape.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"tape\.npz is no tape file"):
        load_tape(tmp_path / "tape.npz")


@pytest.mark.parametrize("content", [b"", b"no tape at all", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_tape_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tape.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"tape\.npz is no tape file"):
        load_tape(tmp_path / "tape.npz")
