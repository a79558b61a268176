"""Every damaged checkpoint is named in one line: damaged bytes, and a right digest before a wrong content."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marl_market.env.environment import EnvironmentSpec
from marl_market.training.checkpoint import CHECKPOINT_FILE, CheckpointError, load_checkpoint, save_checkpoint
from marl_market.training.plain_state import encode
from marl_market.training.settings import Training
from marl_market.training.trainer import Trainer

DAMAGES = 560
DROPPED = object()


@pytest.fixture(scope="module")
def folder(train: Callable[..., Trainer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    train(folder, iterations=2)
    return folder


def damaged(content: bytes) -> Iterator[bytes]:
    """Yield `DAMAGES` files: bits, cuts, further bytes, random ones."""
    random = np.random.default_rng(1)
    for _ in range(200):
        flipped = bytearray(content)
        flipped[random.integers(len(content))] ^= 1 << int(random.integers(8))
        yield bytes(flipped)
    for length in random.integers(0, len(content), 200):
        yield content[:length]
    for length in random.integers(1, 1000, 60):
        yield content + random.bytes(length)
    for length in (0, *random.integers(1, 5000, 99)):
        yield random.bytes(length)


def test_every_damaged_file_is_named_in_one_line(folder: Path, tmp_path: Path) -> None:
    path, count = tmp_path / CHECKPOINT_FILE, 0
    for content in damaged((folder / CHECKPOINT_FILE).read_bytes()):
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as raised:
            load_checkpoint(tmp_path)
        assert str(raised.value).startswith(str(path))
        assert "\n" not in str(raised.value)
        count += 1
    assert count == DAMAGES


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, content in members.items():
            written.writestr(f"{name}.npy", content)
    return file.getvalue()


def array(value: Any, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=allow_pickle)
    return file.getvalue()


def tree(value: Any, schema: Any = 1) -> bytes:
    return array(np.frombuffer(json.dumps({"schema": schema, "state": value}).encode(), np.uint8))


SHAPE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }\n"
HEADER = b"\x93NUMPY\x01\x00" + len(SHAPE).to_bytes(2, "little") + SHAPE


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x80\x04N.", b"PK", archive(), archive(tree=b""), archive(tree=array(3)), archive(tree=tree({})),
        archive(tree=tree([])), archive(tree=tree({"dict": 1})), archive(tree=tree({"dict": [[1]]})),
        archive(tree=tree({"dict": [[[], 1]]})), archive(tree=tree({"tuple": None})), archive(tree=tree({"evil": 1})),
        archive(tree=tree({"array": 0})), archive(tree=tree({"array": "../x"})), archive(tree=tree({"float": "zz"})),
        archive(tree=tree({"float": "00"})), archive(tree=tree({"int": []})), archive(tree=tree({"dict": []}, 2)),
        archive(tree=tree({"dict": []}, None)), archive(tree=tree({"array": 0}), **{"0": HEADER}),
        archive(tree=tree({"array": 0}), **{"0": array(np.array([{}], object), allow_pickle=True)}),
        archive(tree=tree({"tensor": 0}), **{"0": array(np.array(["a"]))}), archive(tree=array([1.5])),
        archive(tree=array(np.frombuffer(b"[" * 100_000, np.uint8))), encode([1]), encode(None), encode("state"),
    ],
    ids=range(28),
)  # fmt: skip
def test_a_right_digest_before_a_wrong_content_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(hashlib.sha256(content).digest() + content)
    with pytest.raises(CheckpointError, match="is no checkpoint: ") as raised:
        load_checkpoint(tmp_path)
    assert "\n" not in str(raised.value)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the path and the value of each array and mapping of a state."""
    if isinstance(value, np.ndarray | dict) and path:
        yield path, value
    if isinstance(value, dict | list | tuple):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of a state with another value at a path, or without it."""
    if not path:
        return new
    keys = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    keys[path[0]] = changed(keys[path[0]], path[1:], new)
    kept = {key: each for key, each in keys.items() if each is not DROPPED}
    return kept if isinstance(value, dict) else type(value)(kept.values())


def complaint(trainer: Trainer) -> str:
    """Return why a run is not resumed; empty if it is."""
    try:
        trainer.resume()
    except CheckpointError as error:
        return str(error)
    return ""


def test_missing_keys_and_other_shapes_are_named(
    folder: Path, tmp_path: Path, learning: Callable[..., EnvironmentSpec]
) -> None:
    state = load_checkpoint(folder)
    trainer = Trainer(learning(), Training(iterations=2, markets=4, threads=1), 1, tmp_path)
    initial = {name: learner.get_state() for name, learner in trainer._learners.items()}
    random, count = np.random.default_rng(2), 0
    # Without those whose absence is a state as well: the moments of a parameter, and a column of a replay buffer.
    found = [
        (path, value)
        for path, value in leaves(state)
        if not ("optimizer" in path and isinstance(path[-1], int)) and "columns" not in path
    ]
    for index in random.permutation(len(found))[:120]:
        path, value = found[index]
        others = [DROPPED, "text"]
        if isinstance(value, np.ndarray):
            others += [value[..., None], value.astype(complex), np.concatenate([value.ravel(), value.ravel()])]
        for other in others:
            save_checkpoint(tmp_path, changed(state, path, other))
            for name, learner in trainer._learners.items():
                learner.set_state(initial[name])
            said = complaint(trainer)
            assert re.search("does not fit this run|another run", said), (path, other)
            assert "\n" not in said
            count += 1
    assert count > 250
