"""Access to memory by its address, which only some markets have, and copies of whole records."""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import StructModel
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, make_attribute_wrapper, overload, register_model


def generate_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the cast of an address."""
    return builder.inttoptr(arguments[0], cgutils.voidptr_t)


@intrinsic
def pointer(_typing_context, address):  # type: ignore[no-untyped-def]
    """Turn an address into the pointer that `numba.carray` takes."""
    return types.voidptr(types.int64), generate_pointer


class Floats(types.Type):
    """The numba type of contiguous float32 numbers at an address; compiled functions read and write them by index."""

    def __init__(self) -> None:
        super().__init__("marl_market.Floats")


FLOATS = Floats()
FLOAT_POINTER = types.CPointer(types.float32)


@register_model(Floats)
class FloatsModel(StructModel):
    """The address of the first number, and how many there are."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("data", FLOAT_POINTER), ("size", types.int64)])


make_attribute_wrapper(Floats, "size", "size")


@intrinsic
def floats_at(_typing_context, address, size):  # type: ignore[no-untyped-def]
    """Return the `size` float32 numbers at an address."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        floats = cgutils.create_struct_proxy(FLOATS)(context, builder)
        floats.data = builder.inttoptr(arguments[0], ir.FloatType().as_pointer())
        floats.size = arguments[1]
        return floats._getvalue()

    return FLOATS(types.int64, types.int64), generate


def generate_element(context: Any, builder: Any, floats: Any, index: Any, kind: Any) -> Any:
    """Emit the address of a number, with a check of the index in functions that have them."""
    floats = cgutils.create_struct_proxy(FLOATS)(context, builder, floats)
    index = context.cast(builder, index, kind, types.int64)
    if context.enable_boundscheck:
        if kind.signed:
            negative = builder.icmp_signed("<", index, index.type(0))
            index = builder.select(negative, builder.add(index, floats.size), index)
        cgutils.do_boundscheck(context, builder, index, floats.size)
    return builder.gep(floats.data, [index])


@infer_global(operator.getitem)
class FloatsGetItem(AbstractTemplate):
    """The type of a number that is read."""

    def generic(self, args: Any, kws: Any) -> Any:
        """Return the signature."""
        if args[0] == FLOATS and isinstance(args[1], types.Integer):
            return types.float32(FLOATS, args[1])
        return None


@infer_global(operator.setitem)
class FloatsSetItem(AbstractTemplate):
    """The type of a number that is written."""

    def generic(self, args: Any, kws: Any) -> Any:
        """Return the signature."""
        if args[0] == FLOATS and isinstance(args[1], types.Integer):
            return types.void(FLOATS, args[1], types.float32)
        return None


@lower_builtin(operator.getitem, Floats, types.Integer)
def generate_read(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the reading of a number."""
    return builder.load(generate_element(context, builder, arguments[0], arguments[1], signature.args[1]))


@lower_builtin(operator.setitem, Floats, types.Integer, types.float32)
def generate_write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the writing of a number."""
    floats, index, value = arguments
    builder.store(value, generate_element(context, builder, floats, index, signature.args[1]))
    return context.get_dummy_value()


@overload(len)
def length(floats: Any) -> Any:
    """Return how many numbers there are."""
    if isinstance(floats, Floats):
        return lambda floats: floats.size
    return None


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
    cgutils.raw_memcpy(builder, builder.extract_value(target, 0), builder.extract_value(source, 0), count, 4)
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
