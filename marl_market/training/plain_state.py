"""A nested state of plain values and arrays as bytes, and back: a file of them runs no code when it is read.

The bytes are an uncompressed npz: the arrays, each under its number, and `tree`, a JSON text that holds all else, and
the numbers of the arrays. A value that JSON does not keep exactly is an object of one key, which names its type.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SCHEMA = 1
"""Version of the format; a reader reads only its own."""

TREE = "tree"
LARGEST_HEADER = 10_000
"""Characters of a dtype that NumPy reads without being asked for more."""
KINDS = (
    "dict with keys of str or int, list, tuple, None, bool, int, float, str, bytes, array of plain numbers or tensor"
)

Array = NDArray[Any]


def encode(state: object) -> bytes:
    """Return the bytes of a nested state.

    It may hold dict with keys of str or int, list, tuple, None, bool, int, float, str, bytes, NumPy arrays and
    scalars of any dtype without objects, and torch tensors. Raises TypeError for anything else, naming its place.
    """
    arrays: list[Array] = []
    tree = {"schema": SCHEMA, "state": _encoded(state, "state", arrays)}
    text = np.frombuffer(json.dumps(tree, allow_nan=False).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{TREE: text}, **{str(number): array for number, array in enumerate(arrays)})
    return file.getvalue()


def decode(content: bytes) -> Any:
    """Return the state of `encode`; raises ValueError, in one line, for any other bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {entry.filename: _array(archive, entry) for entry in archive.infolist()}
        tree = json.loads(arrays[f"{TREE}.npy"].tobytes())
        schema = tree["schema"]
        if schema == SCHEMA:
            return _decoded(tree["state"], arrays)
    except Exception as error:  # What a damaged or a made-up file does to its readers has no bounds.
        raise ValueError(" ".join(f"{type(error).__name__}: {error}".split())) from error
    raise ValueError(f"its schema is {schema!r}; this version reads {SCHEMA}")


def _encoded(value: object, place: str, arrays: list[Array]) -> Any:
    """Return a value as JSON has it, and append its arrays."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if abs(value) < 2**63 else {"int": hex(value)}  # type: ignore[arg-type]
    if kind is float:
        return value if np.isfinite(value) else {"float": struct.pack(">d", value).hex()}  # type: ignore[call-overload]
    if kind is dict:
        return {"dict": [[_key(key, place), _encoded(each, f"{place}.{key}", arrays)] for key, each in value.items()]}  # type: ignore[attr-defined]
    if kind in (list, tuple):
        return {kind.__name__: [_encoded(each, f"{place}[{index}]", arrays) for index, each in enumerate(value)]}  # type: ignore[arg-type, var-annotated]
    name, array = _named_array(value, place)
    arrays.append(array)
    return {name: len(arrays) - 1}


def _key(key: object, place: str) -> str | int:
    """Return the key of a dict; raises TypeError unless JSON keeps it."""
    if type(key) is str or (type(key) is int and abs(key) < 2**63):
        return key
    raise TypeError(f"{place} has the key {key!r}, a {type(key).__name__}; a saved state has keys of str or int")


def _named_array(value: object, place: str) -> tuple[str, Array]:
    """Return the kind and the array of a value that an array holds; raises TypeError for any other."""
    if type(value) is bytes:
        return "bytes", np.frombuffer(value, np.uint8)
    if type(value) is torch.Tensor and value.layout == torch.strided and value.dtype is not torch.bfloat16:
        return "tensor", value.detach().cpu().numpy()
    is_scalar = isinstance(value, np.generic) and not isinstance(value, np.character)
    if (is_scalar or type(value) is np.ndarray) and _is_plain(np.asarray(value).dtype):
        return "scalar" if is_scalar else "array", np.asarray(value)
    found = f"{type(value).__module__}.{type(value).__qualname__}"
    dtype = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
    raise TypeError(f"{place} is a {found}{dtype}; a saved state holds only {KINDS}")


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Return whether a file of NumPy's keeps a dtype exactly, without pickle."""
    if dtype.hasobject or len(repr(dtype.descr if dtype.names else dtype.str)) > LARGEST_HEADER // 2:
        return False
    if not all(name.isascii() for name in dtype.names or ()):
        return False
    return np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) == dtype


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    """Return an array of an archive; raises ValueError where its header promises more or less than there is."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"{entry.filename} is compressed")
    file = io.BytesIO(archive.read(entry))
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = readers[version](file)
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject or count < 0 or count * dtype.itemsize != entry.file_size - file.tell():
        raise ValueError(f"{entry.filename} is no array of {shape} {dtype}")
    file.seek(0)
    array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _decoded(node: Any, arrays: Mapping[str, Array]) -> Any:
    """Return the value of a node of the tree."""
    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ValueError("a list without its type")
        return node
    ((kind, content),) = node.items()
    if kind == "dict":
        return {key if isinstance(key, str) else int(key): _decoded(each, arrays) for key, each in content}
    if kind in ("list", "tuple"):
        parts = [_decoded(each, arrays) for each in content]
        return parts if kind == "list" else tuple(parts)
    if kind in ("int", "float"):
        return int(content, 16) if kind == "int" else struct.unpack(">d", bytes.fromhex(content))[0]
    return FROM_ARRAY[kind](arrays[f"{int(content)}.npy"])


FROM_ARRAY: dict[str, Callable[[Array], Any]] = {
    "array": lambda array: array,
    "bytes": lambda array: array.tobytes(),
    "scalar": lambda array: array[()],
    "tensor": torch.from_numpy,
}
