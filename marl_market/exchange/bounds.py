"""Checks of indices in compiled functions: one out of range raises an error that names file, line, index and size.

Numba's own check (`boundscheck`) raises an IndexError that says none of them. Its place in the code is taken by
`check_index` while a statement of a checked function is lowered, and only then.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba.core import cgutils, compiler_machinery
from numba.core.callconv import GENERIC_POINTER, RETCODE_USEREXC, excinfo_ptr_t, excinfo_t, int32_t
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering, NativeLowering, NopythonTypeInference

from marl_market.exchange.diagnosis import returned_types
from marl_market.exchange.spelling import spell
from marl_market.exchange.write_protection import WriteProtection

RETURNED = "returned_types"
"""Key of the metadata of a compilation that holds what `returned_types` yields."""

INDEX_AND_SIZE = ir.LiteralStructType([ir.IntType(64), ir.IntType(64)])


class BoundsError(IndexError):
    """An index of a compiled function is out of range."""

    def __init__(self, place: str, index: int, size: int) -> None:
        """Name the place in the source, the index and the size of what it indexes."""
        super().__init__(place, index, size)

    def __str__(self) -> str:
        place, index, size = self.args
        return f"{place}: index {index} is out of range; the size is {size}"


def check_index(
    name: str, place: str, location: Any, context: Any, builder: Any, index: Any, size: Any, axis: Any = None
) -> None:
    """Emit the check of an index, whose negative values have been counted from the end already."""
    with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", index, size)):
        from_end = builder.icmp_signed("<", index, index.type(0))
        given = builder.select(from_end, builder.sub(index, size), index)
        raise_bounds_error(context, builder, (name, location.filename, location.line), place, given, size)


def raise_bounds_error(context: Any, builder: Any, frame: Any, place: str, index: Any, size: Any) -> None:
    """Emit the raise of a BoundsError.

    The record of an exception with values known at run time, and its function that makes a tuple of them, are numba's
    (`CPUCallConv.set_dynamic_user_exc`); numba's own needs an environment, which functions called by address lack.
    """
    api = context.get_python_api(builder)
    dummy = context.get_dummy_value()
    static = builder.load(api.serialize_object((BoundsError, (place, dummy, dummy), frame)))
    values = builder.bitcast(
        context.nrt.allocate(builder, ir.Constant(ir.IntType(64), 16)), INDEX_AND_SIZE.as_pointer()
    )
    record = builder.bitcast(
        context.nrt.allocate(builder, ir.Constant(ir.IntType(64), context.get_abi_sizeof(excinfo_t))), excinfo_ptr_t
    )
    for i, value in enumerate((index, size)):
        builder.store(value, builder.gep(values, [int32_t(0), int32_t(i)]))
    fields = (
        builder.extract_value(static, 0),
        builder.extract_value(static, 1),
        builder.bitcast(values, GENERIC_POINTER),
        builder.bitcast(unwrap_function(context, builder.module), GENERIC_POINTER),
        int32_t(2),
    )
    for i, field in enumerate(fields):
        builder.store(field, builder.gep(record, [int32_t(0), int32_t(i)]))
    builder.store(record, context.call_conv._get_excinfo_argument(builder.function))
    builder.ret(RETCODE_USEREXC)


def unwrap_function(context: Any, module: Any) -> Any:
    """Return the function of a module that makes a Python tuple of an index and a size."""
    name = "marl_market_index_and_size"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(GENERIC_POINTER, [GENERIC_POINTER]), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block(""))
    api = context.get_python_api(builder)
    values = builder.load(builder.bitcast(function.args[0], INDEX_AND_SIZE.as_pointer()))
    context.nrt.free(builder, function.args[0])
    builder.ret(api.tuple_pack([api.long_from_longlong(builder.extract_value(values, i)) for i in range(2)]))
    return function


class CheckedLower(Lower):
    """Lower a function, with checks of its indices that know where they stand."""

    def lower_inst(self, inst: Any) -> None:
        """Lower one statement."""
        usual = cgutils.do_boundscheck
        name = self.func_ir.func_id.func_name
        place = f"{self.loc.filename}, line {self.loc.line}, in {name}: {indexed(self.func_ir, inst)}"
        cgutils.do_boundscheck = functools.partial(check_index, name, place, self.loc)
        try:
            super().lower_inst(inst)
        finally:
            cgutils.do_boundscheck = usual


def indexed(func_ir: Any, inst: Any) -> str:
    """Return the source of what a statement indexes, as far as it is known."""
    target = getattr(inst, "target", None)
    value: Any = getattr(inst, "value", None)
    if getattr(value, "op", None) in ("getitem", "static_getitem"):
        target = value.value
    return spell(func_ir, target) if target is not None else "an array"


@compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)
class CheckedLowering(BaseNativeLowering):
    """The last pass of the compilation of a checked function."""

    _name = "checked_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        """Return the class that lowers."""
        return CheckedLower


@compiler_machinery.register_pass(mutates_CFG=False, analysis_only=True)
class ReturnedTypes(compiler_machinery.AnalysisPass):
    """Keep place and type of each value that the function returns in the metadata of its compilation."""

    _name = "returned_types"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Keep them."""
        state.metadata[RETURNED] = list(returned_types(state.func_ir, state.typemap.get))
        return False


class CheckedCompiler(Compiler):
    """Compile a function with checked indices."""

    def define_pipelines(self) -> list[Any]:
        """Return numba's usual passes with another last one."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(ReturnedTypes, NopythonTypeInference)
        passes.add_pass_after(WriteProtection, NopythonTypeInference)
        passes.add_pass_after(CheckedLowering, NativeLowering)
        passes.passes = [each for each in passes.passes if each[0] is not NativeLowering]
        passes.finalize()
        return [passes]
