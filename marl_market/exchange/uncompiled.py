"""Functions of a step in plain Python, for a market that is debugged: `print`, `breakpoint()` and pdb work in them.

The step stays compiled. It calls such a function through a trampoline, a compiled function that hands over the
addresses of its arguments; Python reads and writes the same memory through views, whose attributes are those of the
records in compiled functions. An exception waits in `raised` until the step has ended.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils, registry
from numba.core.compiler_lock import global_compiler_lock
from numba.np.numpy_support import as_dtype

from marl_market.exchange.write_protection import denial, is_writable
from marl_market.market.validation import did_you_mean

FAILED = -sys.float_info.max
LIVE_VIEWS = 65536

raised: list[BaseException] = []
"""The exception that ended a function of the step that is played."""

_depth = 0


class UncompiledError(Exception):
    """A function in Python has raised the exception in `raised`."""


def is_running() -> bool:
    """Return whether a function of a step runs in Python at this moment."""
    return _depth > 0


def take_raised() -> BaseException:
    """Return the exception of the step that has just ended, and forget it."""
    error = raised[0]
    raised.clear()
    return error


def widened(value: Any) -> Any:
    """Return a number as compiled functions compute with it: int64 for smaller integers, float64 for float32."""
    kind = value.dtype.kind
    if kind == "f":
        return np.float64(value)
    if kind == "i" or (kind == "u" and value.dtype.itemsize < 8):
        return np.int64(value)
    return value


class Numbers(np.ndarray[Any, Any]):
    """An array of numbers, whose elements are read as compiled functions read them."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return found if isinstance(found, np.ndarray) else widened(found)


@functools.cache
def may_write(dtype: np.dtype[np.void], name: str) -> bool:
    """Return whether a function may write a field of a record."""
    return is_writable(from_dtype(dtype), name)


class View:
    """A record, whose fields are attributes."""

    __slots__ = ("record",)

    def __init__(self, record: Any) -> None:
        object.__setattr__(self, "record", record)

    def __getattr__(self, name: str) -> Any:
        value = viewed(self.record[self._field(name)])
        if isinstance(value, Numbers) and not may_write(self.record.dtype, name):
            value.flags.writeable = False
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        dtype = self.record.dtype[self._field(name)]
        if dtype.names is not None or dtype.subdtype is not None:
            raise TypeError(f"the field {name!r} is no number: it cannot be set as a whole")
        if not may_write(self.record.dtype, name):
            raise AttributeError(denial(name))
        self.record[name] = np.asarray(value).astype(dtype)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def __dir__(self) -> list[str]:
        return list(self.record.dtype.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and bool(self.record == other.record)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = ((name, self.record[name]) for name in self.record.dtype.names)
        return ", ".join(f"{name}={value}" for name, value in values if np.ndim(value) == 0 and not np.shape(value))

    def _field(self, name: str) -> str:
        names = self.record.dtype.names
        if name not in names:
            asked = did_you_mean(name, names)
            raise AttributeError(f"the record has no field {name!r}" + (f"; {asked}" if asked else ""))
        return name


class Views:
    """An array of records."""

    __slots__ = ("records",)

    def __init__(self, records: Any) -> None:
        self.records = records

    def __getitem__(self, index: Any) -> Any:
        return viewed(self.records[index])

    def __len__(self) -> int:
        return len(self.records)

    @property
    def size(self) -> int:
        """Return the number of records."""
        return int(self.records.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the lengths of the axes."""
        return tuple(self.records.shape)


def viewed(value: Any) -> Any:
    """Return a record, an array or a number as functions in Python see it."""
    if isinstance(value, np.void):
        return View(value)
    if isinstance(value, np.ndarray):
        return Views(value) if value.dtype.names else value.view(Numbers)
    return widened(value) if isinstance(value, np.number) else value


def unviewed(value: Any) -> Any:
    """Return a value as compiled functions take it."""
    if isinstance(value, View):
        return value.record
    if isinstance(value, Views):
        return value.records
    return value.view(np.ndarray) if isinstance(value, Numbers) else value


def memory_at(address: int, dtype: np.dtype[Any], count: int) -> Any:
    """Return the `count` values of a type at an address."""
    memory: Any = (ctypes.c_char * (dtype.itemsize * count)).from_address(address)
    return np.frombuffer(memory, dtype, count)


@functools.lru_cache(LIVE_VIEWS)
def record_at(address: int, dtype: np.dtype[Any]) -> View:
    """Return the record at an address."""
    return View(memory_at(address, dtype, 1)[0])


def generate_words(context: Any, builder: Any, kind: Any, value: Any) -> tuple[Any, Any]:
    """Emit the address of an argument, or its value, and its number of elements."""
    word = context.get_value_type(types.int64)
    if isinstance(kind, types.Record):
        return builder.ptrtoint(value, word), word(1)
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        return builder.ptrtoint(array.data, word), array.nitems
    if isinstance(kind, types.Integer):
        return context.cast(builder, value, kind, types.int64), word(1)
    return builder.ptrtoint(builder.extract_value(value, 0), word), builder.extract_value(value, 1)  # Floats


class Callback:
    """A function in Python that compiled functions call.

    Attributes:
        address: of the trampoline that calls it, a function in numba's calling convention.
    """

    def __init__(self, function: Callable[..., Any], signature: Any, returns: str) -> None:
        """Wrap a function; `returns` says in words what it must return."""
        self._function, self._signature, self._returns = function, signature, returns
        words = [ctypes.c_int64] * (2 * len(signature.args))
        self._call = ctypes.CFUNCTYPE(ctypes.c_double, *words)(self._run)
        callback = ctypes.cast(self._call, ctypes.c_void_p).value or 0
        with global_compiler_lock:
            name = f"trampoline_{callback:x}"
            self._library = generate_trampoline(name, signature, callback)
            self.address: int = self._library.get_pointer_to_function(name)

    def _run(self, *words: int) -> float:
        """Call the function on views of its arguments; return FAILED if it raises."""
        global _depth
        _depth += 1
        try:
            arguments = map(self._argument, self._signature.args, words[::2], words[1::2])
            with np.errstate(all="ignore"):
                return self._number(self._function(*arguments))
        except BaseException as error:
            raised.append(error)
            return FAILED
        finally:
            _depth -= 1

    def _argument(self, kind: Any, word: int, count: int) -> Any:
        if isinstance(kind, types.Record):
            return record_at(word, as_dtype(kind))
        if isinstance(kind, types.Array):
            return Views(memory_at(word, as_dtype(kind.dtype), count))
        if isinstance(kind, types.Integer):
            return word
        return memory_at(word, np.dtype(np.float32), count).view(Numbers)

    def _number(self, returned: Any) -> float:
        wanted = self._signature.return_type
        if wanted == types.none and returned is None:
            return 0.0
        right = (int, np.integer, np.bool_) if wanted == types.int64 else (int, float, np.number, np.bool_)
        if wanted == types.none or not isinstance(returned, right):
            code = self._function.__code__
            place = f"{code.co_filename}, line {code.co_firstlineno}, in {code.co_name}"
            raise TypeError(f"{place}: {returned!r} is returned; it must return {self._returns}")
        return float(returned)


def generate_trampoline(name: str, signature: Any, callback: int) -> Any:
    """Return the library with a function `name` of the signature that calls the callback at an address."""
    context = registry.cpu_target.target_context
    convention = context.call_conv
    library = context.codegen().create_library(name)
    module = library.create_ir_module(name)
    function = ir.Function(module, convention.get_function_type(signature.return_type, signature.args), name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    arguments = convention.decode_arguments(builder, signature.args, function)
    words = [
        word
        for kind, value in zip(signature.args, arguments, strict=True)
        for word in generate_words(context, builder, kind, value)
    ]
    kind = ir.FunctionType(ir.DoubleType(), [word.type for word in words])
    result = builder.call(builder.inttoptr(ir.Constant(ir.IntType(64), callback), kind.as_pointer()), words)
    with cgutils.if_unlikely(builder, builder.fcmp_ordered("==", result, ir.Constant(result.type, FAILED))):
        convention.return_user_exc(builder, UncompiledError, ())
    if signature.return_type == types.none:
        returned = context.get_dummy_value()
    else:
        returned = context.cast(builder, result, types.float64, signature.return_type)
    convention.return_value(builder, returned)
    library.add_ir_module(module)
    library.finalize()
    return library
