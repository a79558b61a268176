"""Access to memory by its address, which only some markets have, and copies of whole records."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def generate_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the cast of an address."""
    return builder.inttoptr(arguments[0], cgutils.voidptr_t)


@intrinsic
def pointer(_typing_context, address):  # type: ignore[no-untyped-def]
    """Turn an address into the pointer that `numba.carray` takes."""
    return types.voidptr(types.int64), generate_pointer


FLOATS = types.CPointer(types.float32)
"""A pointer to contiguous float32 numbers; compiled functions read and write them by index."""


@intrinsic
def floats_at(_typing_context, address):  # type: ignore[no-untyped-def]
    """Return the pointer to the float32 numbers at an address."""
    return FLOATS(types.int64), lambda _context, builder, _signature, arguments: builder.inttoptr(
        arguments[0], ir.FloatType().as_pointer()
    )


WORDS = types.CPointer(types.int32)
"""A pointer to the same numbers as whole numbers of 32 bits."""


@intrinsic
def words_at(_typing_context, address):  # type: ignore[no-untyped-def]
    """Return the pointer to the numbers of 32 bits at an address."""
    return WORDS(types.int64), lambda _context, builder, _signature, arguments: builder.inttoptr(
        arguments[0], ir.IntType(32).as_pointer()
    )


def generate_float_copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the copy of `count` numbers."""
    target, source, count = arguments
    cgutils.raw_memcpy(builder, target, source, count, 4)
    return context.get_dummy_value()


@intrinsic
def copy_floats(_typing_context, target, source, count):  # type: ignore[no-untyped-def]
    """Copy `count` numbers to a target that does not overlap the source."""
    return types.void(FLOATS, FLOATS, types.int64), generate_float_copy


def generate_step(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the pointer to the record some bytes after another."""
    record, distance = arguments
    return cgutils.pointer_add(builder, record, distance)


@intrinsic
def record_after(_typing_context, record, distance):  # type: ignore[no-untyped-def]
    """Return the record, of the same type, that begins `distance` bytes after the beginning of `record`."""
    return record(record, types.int64), generate_step


def generate_copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the copy of a record's bytes."""
    target, source = arguments
    size = ir.Constant(ir.IntType(64), signature.args[0].size)
    cgutils.raw_memcpy(builder, target, source, size, 1)
    return context.get_dummy_value()


@intrinsic
def copy_record(_typing_context, target, source):  # type: ignore[no-untyped-def]
    """Copy the whole of one record onto another of its type; by fields, numba would move each byte as a value."""
    if target != source:
        raise TypeError(f"a record of {source} cannot be copied onto one of {target}")
    return types.void(target, source), generate_copy


def generate_clear(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit zeros for all of a record's bytes."""
    cgutils.memset(builder, arguments[0], ir.Constant(ir.IntType(64), signature.args[0].size), 0)
    return context.get_dummy_value()


@intrinsic
def clear_record(_typing_context, record):  # type: ignore[no-untyped-def]
    """Set all fields of a record to zero."""
    return types.void(record), generate_clear


@intrinsic
def address_of(_typing_context, record):  # type: ignore[no-untyped-def]
    """Return the address of a record."""
    return types.int64(record), lambda _context, builder, _signature, arguments: builder.ptrtoint(
        arguments[0], ir.IntType(64)
    )


def generate_byte_copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the copy of `count` bytes from one address to another."""
    target, source, count = arguments
    begin, end = (builder.inttoptr(each, cgutils.voidptr_t) for each in (source, target))
    cgutils.raw_memcpy(builder, end, begin, count, 1)
    return context.get_dummy_value()


@intrinsic
def copy_bytes(_typing_context, target, source, count):  # type: ignore[no-untyped-def]
    """Copy `count` bytes to the address `target` from the address `source`; they do not overlap."""
    return types.void(types.int64, types.int64, types.int64), generate_byte_copy
