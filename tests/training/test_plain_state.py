"""States of arrays and plain values as bytes; whatever else a file holds is an error, and runs nothing."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from marl_market.training.checkpoint import CHECKPOINT_FILE, CheckpointError, load_checkpoint, save_checkpoint
from marl_market.training.plain_state import decode, encode

ROOT = Path(__file__).parents[2]
STRUCTURED = np.array([(1, 2.5, (3, 4))], [("a", "i8"), ("b", "f4"), ("c", "i2", 2)])
PADDED = np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True))
VALUES: dict[str, Any] = {
    "none": None, "yes": True, "no": False, "zero": 0, "minus": -7, "edge": 2**63, "huge": -(10**5000), "half": 0.5,
    "minus zero": -0.0, "smallest": 5e-324, "nan": float("nan"), "inf": float("inf"), "minus inf": float("-inf"),
    "third": 1 / 3, "text": "ä\n\0\ud800", "empty text": "", "bytes": b"\0\xff", "no bytes": b"", "list": [1, [2.0]],
    "tuple": (1, (), [()]), "empty": {}, "int keys": {0: 1, -3: {"0": 2}}, "array": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)), "strided": np.arange(10)[::3], "0-d": np.array(3.5),
    "no rows": np.zeros((0, 4), np.float16), "bool array": np.array([True]), "structured": STRUCTURED, "padded": PADDED,
    "big endian": np.arange(3, dtype=">i4"), "words": np.array(["a", "bc"]), "date": np.array("2026-11-28", "M8[D]"),
    "scalar": np.float32(0.1), "int scalar": np.int64(-1), "bool scalar": np.True_, "record": STRUCTURED[0],
    "nan array": np.array([np.nan, np.inf]), "complex": np.complex64(1j), "tensor": torch.arange(3),
    "0-d tensor": torch.tensor(0.25), "uint64": np.uint64(2**64 - 1),
}  # fmt: skip


def assert_equal(found: Any, value: Any) -> None:
    """Compare types and bits."""
    assert type(found) is type(value)
    if isinstance(value, dict):
        assert list(found) == list(value)
        assert [type(key) for key in found] == [type(key) for key in value]
        found, value = list(found.values()), list(value.values())
    if isinstance(value, list | tuple):
        assert len(found) == len(value)
        for one, other in zip(found, value, strict=True):
            assert_equal(one, other)
    elif isinstance(value, torch.Tensor):
        assert found.dtype == value.dtype
        assert_equal(found.numpy(), value.numpy())
    elif isinstance(value, np.ndarray | np.generic):
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        for name in value.dtype.names or ():  # without the padding between them
            assert found[name].tobytes() == value[name].tobytes()
        assert value.dtype.names or found.tobytes() == value.tobytes()
    elif isinstance(value, float):
        assert np.float64(found).tobytes() == np.float64(value).tobytes()
    else:
        assert found == value


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_bit_for_bit(name: str) -> None:
    state = {"outer": [{"inner": (VALUES[name],)}]}
    assert_equal(decode(encode(state)), state)


def test_equal_states_are_equal_bytes_and_arrays_can_be_written() -> None:
    assert encode(VALUES) == encode(VALUES)
    found = decode(encode(VALUES))
    assert_equal(found, VALUES)
    found["array"][0, 0] = 9.0
    found["tensor"][0] = 9


class Plain:
    pass


class Whole(int):
    pass


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Plain(), "Plain"), (Plain, "builtins.type"), (len, "builtin_function"), (OrderedDict(a=1), "OrderedDict"),
        ({1, 2}, "builtins.set"), (Whole(3), "Whole"), (1j, "builtins.complex"), (bytearray(b"a"), "bytearray"),
        (np.array([None]), "numpy.ndarray of object"), (np.zeros(2, [("a", "O")]), "numpy.ndarray of"),
        (np.ma.masked_array([1]), "MaskedArray"), (np.random.default_rng(1), "Generator"), (Path("x"), "PosixPath"),
        (torch.nn.Parameter(torch.zeros(1)), "Parameter"), (torch.zeros(1, dtype=torch.bfloat16), "torch.Tensor"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_named_with_its_place(value: object, kind: str) -> None:
    with pytest.raises(
        TypeError, match=rf"^state\.learners\.ppo\[1\] is a \S*{re.escape(kind)}.*; a saved state holds"
    ):
        encode({"learners": {"ppo": (0, value)}})


@pytest.mark.parametrize("key", [1.5, None, True, ("a",), b"a", np.int64(1)])
def test_a_key_of_another_kind_is_named_with_its_place(key: Any) -> None:
    with pytest.raises(TypeError, match=rf"^state\.learners has the key {re.escape(repr(key))}"):
        encode({"learners": {key: 1}})


def test_a_state_that_holds_itself_is_no_crash() -> None:
    state: dict[str, Any] = {}
    state["self"] = state
    with pytest.raises((RecursionError, TypeError)):
        encode(state)


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as written:
        for name, content in entries.items():
            written.writestr(name, content)
    return file.getvalue()


def npy(array: Any, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def tree(state: Any, schema: Any = 1, **arrays: bytes) -> bytes:
    text = json.dumps({"schema": schema, "state": state}).encode()
    return archive({"tree.npy": npy(np.frombuffer(text, np.uint8)), **{f"{k[1:]}.npy": v for k, v in arrays.items()}})


class Payload:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


WRONG: dict[str, Callable[[Path], bytes]] = {
    "nothing": lambda ran: b"",
    "a text": lambda ran: b"weights: 1",
    "a pickle": lambda ran: pickle.dumps(Payload(ran)),
    "an object array": lambda ran: tree({"dict": [["a", {"array": 0}]]}, _0=npy(np.array([Payload(ran)]), True)),
    "an object array as tree": lambda ran: archive({"tree.npy": npy(np.array([Payload(ran)]), True)}),
    "an npz without a tree": lambda ran: archive({"0.npy": npy(np.zeros(1))}),
    "a tree that is no JSON": lambda ran: archive({"tree.npy": npy(np.frombuffer(b"{", np.uint8))}),
    "a tree without a schema": lambda ran: archive({"tree.npy": npy(np.frombuffer(b'{"state": 1}', np.uint8))}),
    "a tree without a state": lambda ran: archive({"tree.npy": npy(np.frombuffer(b'{"schema": 1}', np.uint8))}),
    "a tree of a list": lambda ran: archive({"tree.npy": npy(np.frombuffer(b"[]", np.uint8))}),
    "a newer schema": lambda ran: tree({"dict": []}, schema=2),
    "a schema of another type": lambda ran: tree({"dict": []}, schema="1"),
    "a list as the state": lambda ran: tree({"list": []}),
    "a number as the state": lambda ran: tree(3),
    "a kind that there is not": lambda ran: tree({"set": []}),
    "a call": lambda ran: tree({"dict": [["a", {"os.system": "true"}]]}),
    "two kinds": lambda ran: tree({"dict": [], "list": []}),
    "a bare list": lambda ran: tree([]),
    "an array that there is not": lambda ran: tree({"dict": [["a", {"array": 7}]]}),
    "a path as number": lambda ran: tree({"dict": [["a", {"array": "../0"}]]}),
    "a bad float": lambda ran: tree({"dict": [["a", {"float": "zz"}]]}),
    "a bad int": lambda ran: tree({"dict": [["a", {"int": "xyz"}]]}),
    "an array as key": lambda ran: tree({"dict": [[{"array": 0}, 1]]}, _0=npy(np.zeros(1))),
    "a tensor of texts": lambda ran: tree({"dict": [["a", {"tensor": 0}]]}, _0=npy(np.array(["a"]))),
    "an array longer than its header": lambda ran: tree({"dict": []}, _0=npy(np.zeros(2)) + b"0"),
    "an array shorter than its header": lambda ran: tree({"dict": []}, _0=npy(np.zeros(2)).replace(b"(2,)", b"(9,)")),
    "an array of petabytes": lambda ran: tree(
        {"dict": []}, _0=npy(np.zeros(2)).replace(b"(2,), }" + b" " * 14, b"(9" + b"0" * 14 + b",), }")
    ),
    "a compressed entry": lambda ran: archive({"tree.npy": npy(np.zeros(10**6))}, zipfile.ZIP_DEFLATED),
    "a file that is no array": lambda ran: tree({"dict": []}, _0=b"hello"),
    "a deep tree": lambda ran: archive(
        {"tree.npy": npy(np.frombuffer(b'{"schema": 1, "state": ' + b'{"list": [' * 10**5, np.uint8))}
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_right_digest_over_a_wrong_content_is_an_error_of_one_line_and_runs_nothing(
    name: str, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    content = WRONG[name](ran)
    (tmp_path / CHECKPOINT_FILE).write_bytes(hashlib.sha256(content).digest() + content)
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path / CHECKPOINT_FILE) in str(raised.value)
    assert not ran.exists()


def test_another_schema_is_named(tmp_path: Path) -> None:
    content = tree({"dict": []}, schema=7)
    (tmp_path / CHECKPOINT_FILE).write_bytes(hashlib.sha256(content).digest() + content)
    with pytest.raises(CheckpointError, match=r"is no checkpoint: its schema is 7; this version reads 1$"):
        load_checkpoint(tmp_path)


def damaged(content: bytes, random: np.random.Generator) -> list[bytes]:
    """Return 600 damaged versions of a file: bits, cuts, longer ones, and random ones of the same length."""
    flipped = []
    for place in random.integers(0, 8 * len(content), 250).tolist():
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        flipped.append(bytes(changed))
    cuts = [content[:length] for length in random.integers(0, len(content), 200).tolist()]
    longer = [content + random.bytes(length) for length in random.integers(1, 100, 75).tolist()]
    return [*flipped, *cuts, *longer, *(random.bytes(len(content)) for _ in range(74)), b""]


def test_600_damaged_files_are_all_errors_of_one_line(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, {"values": VALUES, "done": 3})
    for broken in damaged(path.read_bytes(), np.random.default_rng(1)):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"^[^\n]* is broken: [^\n]*$"):
            load_checkpoint(tmp_path)


def test_600_damages_under_a_right_digest_never_raise_anything_else(tmp_path: Path) -> None:
    state = {"values": {name: value for name, value in VALUES.items() if name != "huge"}, "done": 3}
    path, refused, unseen = tmp_path / CHECKPOINT_FILE, 0, 0
    for content in damaged(encode(state), np.random.default_rng(2)):
        path.write_bytes(hashlib.sha256(content).digest() + content)
        try:
            load_checkpoint(tmp_path)
        except CheckpointError as error:
            refused += "\n" not in str(error)
        else:
            unseen += 1
    assert refused + unseen == 600
    assert refused >= 450  # what zip keeps twice, dates and such, may be damaged unseen


UNSAFE = {
    "load": {"pickle", "cloudpickle", "dill", "joblib", "torch", "marshal", "shelve"},
    "loads": {"pickle", "marshal"},
}


def unsafe_calls(source: str) -> list[str]:
    """Return the calls of a module that may run code from a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        owner, _, last = name.rpartition(".")
        pickles = any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords)
        bare = last in ("Unpickler", "unsafe_load", "full_load", "unsafe_load_all", "read_pickle") or name in (
            "eval",
            "exec",
        )
        if bare or pickles or owner.rpartition(".")[2] in UNSAFE.get(last, ()):
            found.append(name)
        if (name.endswith(("yaml.load", "np.load", "numpy.load"))) and (
            name.endswith("yaml.load") or not any(word.arg == "allow_pickle" for word in node.keywords)
        ):
            found.append(name)
    return found


def test_the_package_reads_no_file_that_could_run_code() -> None:
    paths = [*(ROOT / "marl_market").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    assert len(paths) > 200
    assert {str(path.relative_to(ROOT)): calls for path in paths if (calls := unsafe_calls(path.read_text()))} == {}


@pytest.mark.parametrize(
    "call",
    [
        "pickle.load(f)", "pickle.loads(b)", "torch.load(f)", "joblib.load(f)", "np.load(f, allow_pickle=True)",
        "np.load(f)",
        "yaml.unsafe_load(f)", "yaml.load(f)", "pickle.Unpickler(f)", "pd.read_pickle(f)", "eval(text)",
    ],
)  # fmt: skip
def test_a_call_that_could_run_code_is_seen(call: str) -> None:
    assert unsafe_calls(call)
