"""Vector instructions on the keys of a ladder next to its best price.

Why no loops: the position of a price differs from order to order, so a processor mispredicts the end of a search or a
move, which costs as much as the rest of it. LLVM lowers these vectors to the instructions of the processor.

`keys` is a row of sorted keys; the window consists of `NEAR_KEYS` of them from index `first` on.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

NEAR_KEYS = 16
KEY, WINDOW = ir.IntType(64), ir.VectorType(ir.IntType(64), NEAR_KEYS)
PLACES = ir.Constant(WINDOW, list(range(NEAR_KEYS)))


def window_at(context: Any, builder: Any, array_type: types.Array, array: Any, first: Any) -> Any:
    """Emit the address of the window that begins at key `first`."""
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [first]), WINDOW.as_pointer())


def load(builder: Any, address: Any) -> Any:
    """Emit the load of a window."""
    return builder.load(address, align=KEY.width // 8)


def spread(builder: Any, value: Any) -> Any:
    """Emit a window full of one value."""
    one = builder.insert_element(ir.Constant(WINDOW, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), NEAR_KEYS), [0] * NEAR_KEYS)
    return builder.shuffle_vector(one, one, places)


def generate_count(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the comparison of a window with a key."""
    keys, first, key = arguments
    window = load(builder, window_at(context, builder, signature.args[0], keys, first))
    above = builder.icmp_signed(">=", window, spread(builder, key))
    return builder.zext(builder.ctpop(builder.bitcast(above, ir.IntType(NEAR_KEYS))), KEY)


@intrinsic
def count_not_below(_typing_context, keys, first, key):  # type: ignore[no-untyped-def]
    """Return the number of keys of the window that are not below `key`."""
    return types.int64(keys, types.int64, types.int64), generate_count


def generate_move(distance: int, moves: str) -> Any:
    """Return a generator of a move of the window's keys whose places compare to the position by `moves`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        keys, first, position = arguments
        address = window_at(context, builder, signature.args[0], keys, first)
        source = window_at(
            context, builder, signature.args[0], keys, builder.sub(first, ir.Constant(KEY, distance))
        )  # fmt: skip
        place = builder.sub(position, first)
        moved = builder.icmp_signed(moves, PLACES, spread(builder, place))
        result = builder.select(moved, load(builder, source), load(builder, address))
        builder.store(result, address, align=KEY.width // 8)
        return context.get_dummy_value()

    return generate


@intrinsic
def move_up(_typing_context, keys, first, position):  # type: ignore[no-untyped-def]
    """Move the keys of the window from `position` on one place up; the one there stays, and the last one is lost."""
    return types.void(keys, types.int64, types.int64), generate_move(1, ">")


@intrinsic
def move_down(_typing_context, keys, first, position):  # type: ignore[no-untyped-def]
    """Move the keys behind `position`, up to the one behind the window, one place down."""
    return types.void(keys, types.int64, types.int64), generate_move(-1, ">=")
