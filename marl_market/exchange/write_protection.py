"""Fields of records that functions of users read and must not write, checked when a function is compiled.

A trader that raised its number of commands, or marked an order slot as used, would let the engine read and write
beyond the record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from numba import types
from numba.core import compiler_machinery, ir

from marl_market.exchange.diagnosis import FunctionError, place_of
from marl_market.exchange.spelling import spell

_writable: dict[types.Record, Collection[str] | None] = {}


def exempt(record: types.Record) -> None:
    """Let functions of users write every field of a record, also where it is in one that is protected later."""
    _writable[record] = None


def protect(record: types.Record, writable: Collection[str] = ()) -> None:
    """Let functions of users write no fields of a record but those `writable`, nor any of the records in it.

    `writable` are names as a function spells them, such as "seat.agent.memory". A record in it that was protected
    before keeps its own.
    """
    _writable[record] = writable
    for field in record.fields.values():
        inner = field.type.dtype if isinstance(field.type, types.NestedArray) else field.type
        if isinstance(inner, types.Record) and inner not in _writable:
            protect(inner)


def is_writable(record: types.Record, field: str) -> bool:
    """Return whether functions of users may write a field of a record."""
    names = _writable.get(record)
    return names is None or any(name.endswith(f".{field}") for name in names)


def denial(written: str) -> str:
    """Return what is wrong with a write to a protected field, and what may be written."""
    names = ", ".join(name for names in _writable.values() for name in names or ())
    return f"{written} cannot be written; a function writes {names}, and sends orders by submit_limit and its like"


def protected_writes(func_ir: Any, types_of: Any) -> Iterator[tuple[Any, str]]:
    """Yield place and source of each write to a protected field; `types_of` are the types of the variables."""
    for block in func_ir.blocks.values():
        for statement in block.body:
            if isinstance(statement, ir.SetAttr):
                if not _allowed(types_of, statement.target, statement.attr):
                    yield statement.loc, f"{spell(func_ir, statement.target)}.{statement.attr}"
            elif isinstance(statement, ir.SetItem | ir.StaticSetItem):
                for owner, field in _path(func_ir, statement):
                    if not _allowed(types_of, owner, field):
                        yield statement.loc, f"{spell(func_ir, owner)}.{field}"


def _allowed(types_of: Any, owner: Any, field: str) -> bool:
    record = types_of.get(owner.name)
    return not isinstance(record, types.Record) or is_writable(record, field)


def _path(func_ir: Any, statement: Any) -> Iterator[tuple[Any, str]]:
    """Yield the fields, each with the variable of its record, through which an item that is written is reached."""
    if isinstance(statement, ir.StaticSetItem) and isinstance(statement.index, str):
        yield statement.target, statement.index
    variable = statement.target
    while isinstance(variable, ir.Var):
        try:
            definition = func_ir.get_definition(variable)
        except KeyError:  # of several assignments
            return
        if isinstance(definition, ir.Expr) and definition.op == "getattr":
            yield definition.value, definition.attr
            return
        items = isinstance(definition, ir.Expr) and definition.op in ("getitem", "static_getitem")
        variable = definition.value if items else definition


@compiler_machinery.register_pass(mutates_CFG=False, analysis_only=True)
class WriteProtection(compiler_machinery.AnalysisPass):
    """Raise FunctionError where a function outside this package writes a protected field."""

    _name = "write_protection"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Check the function."""
        name = state.func_id.func_name
        if not state.func_id.modname.startswith("marl_market."):
            for location, written in protected_writes(state.func_ir, state.typemap):
                place = place_of(location.filename, location.line, name)
                raise FunctionError(f"{place}: {denial(written)}")
        return False
