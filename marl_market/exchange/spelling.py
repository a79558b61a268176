"""The source of a value in numba's intermediate representation, for error messages."""

from __future__ import annotations

from typing import Any

from numba.core import ir


def spell(func_ir: Any, variable: Any) -> str:
    """Return how the source names a variable, such as `seat.agent.memory`; "this value" where it has no name."""
    if not isinstance(variable, ir.Var):
        return "this value"
    for _ in range(2):  # numba gives each assignment of a name a version of its own, name.1
        if not variable.name.startswith("$"):
            return str(variable.unversioned_name)
        try:
            definition = func_ir.get_definition(variable)
        except KeyError:
            return "this value"
        if not isinstance(definition, ir.Var):
            return spell_expression(func_ir, definition)
        variable = definition
    return "this value"


def spell_expression(func_ir: Any, definition: Any) -> str:
    """Return how the source spells an expression."""
    if isinstance(definition, ir.Arg | ir.Global | ir.FreeVar):
        return str(definition.name)
    if not isinstance(definition, ir.Expr):
        return "this value"
    if definition.op == "getattr":
        return f"{spell(func_ir, definition.value)}.{definition.attr}"
    if definition.op in ("getitem", "static_getitem"):
        return f"{spell(func_ir, definition.value)}[...]"
    if definition.op == "call":
        return f"{spell(func_ir, definition.func)}(...)"
    return "this value"
