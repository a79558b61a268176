"""What is wrong with a function that does not compile, in one message that names file, line and what would be right.

Numba's own errors name neither the field nor the line of a function that a function calls, or are a hundred lines long.
What they do not say stands in the frames that the error passed: the constraint of the type inference that failed.
"""

from __future__ import annotations

import builtins
import difflib
import inspect
import linecache
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import ir
from numba.core.typeinfer import CallConstraint, GetAttrConstraint, SetAttrConstraint, TypeInferer

from marl_market.exchange.spelling import spell
from marl_market.market.validation import ConfigError

FIELD_TABLE = "(docs/debugging.md lists all fields)"
LONGEST = 300
NUMBA = str(Path(numba.__file__).parent)
ACCEPTED = {
    types.int64: (types.Integer, types.Boolean),
    types.float64: (types.Number, types.Boolean),
    types.none: (types.NoneType,),
}


class FunctionError(ConfigError):
    """A function that a step calls does not compile, or returns what it must not."""


def place_of(filename: str, line: int, name: str) -> str:
    """Return the place of a statement."""
    return f"{filename}, line {line}, in {name}"


def place_of_function(function: Callable[..., Any]) -> str:
    """Return the place where a function begins."""
    code = function.__code__
    return place_of(code.co_filename, code.co_firstlineno, function.__name__)


def near_matches(name: str, known: Iterable[str]) -> str:
    """Return the question whether one of the `known` names was meant, empty if none is similar.

    Of a dotted name the last part counts.
    """
    names: dict[str, list[str]] = {}
    for each in known:
        if not each.startswith("_"):
            names.setdefault(each.rpartition(".")[2], []).append(each)
    similar = [full for last in difflib.get_close_matches(name, names, 3, 0.6) for full in names[last]]
    return f"; did you mean {' or '.join(similar[:3])}?" if similar else ""


def paths_of(record: types.Record) -> Iterator[str]:
    """Yield the names of a record's fields, and of those of the records in it, dotted."""
    for name, field in record.fields.items():
        yield name
        if isinstance(field.type, types.Record):
            yield from (f"{name}.{inner}" for inner in paths_of(field.type))


def diagnose(error: BaseException, function: Callable[..., Any], wanted: types.Type, returns: str) -> FunctionError:
    """Return the error of a function that does not compile and must return the type `wanted`, in words `returns`."""
    return FunctionError(
        undefined_name(error, function)
        or failed_statement(error)
        or failed_return(error, wanted, returns)
        or f"{stated_place(error, function)}: {shortened(error)}"
    )


def undefined_name(error: BaseException, function: Callable[..., Any]) -> str | None:
    """Return which name is not defined, if the error is of this kind."""
    undefined = re.search(r"NameError: (?:global )?name '(\w+)' is not defined", str(error))
    if undefined is None:
        return None
    functions = [inferer.func_ir.func_id.func for inferer in inferers_of(error)] or [function]
    names = [*functions[0].__globals__, *functions[0].__code__.co_varnames, *vars(builtins)]
    name = undefined[1]
    return f"{stated_place(error, functions[0])}: the name {name!r} is not defined{near_matches(name, names)}"


def failed_statement(error: BaseException) -> str | None:
    """Return what is wrong with the innermost statement whose types do not fit, if this is known."""
    for inferer, constraint in innermost_first(error):
        text = explain(inferer, constraint)
        if text:
            name = inferer.func_ir.func_id.func_name
            return f"{place_of(constraint.loc.filename, constraint.loc.line, name)}: {text}"
    return None


def failed_return(error: BaseException, wanted: types.Type, returns: str) -> str | None:
    """Return what is wrong with what the function returns, if the error is of this kind."""
    if "No conversion from" not in str(error) and "unify" not in str(error):
        return None
    for inferer in inferers_of(error):

        def known(name: str, own: TypeInferer = inferer) -> Any:
            found = own.typevars[name].get()
            return found[0] if found else None

        returned = returned_types(inferer.func_ir, known)
        text = wrong_return(inferer.func_ir.func_id.func_name, returned, wanted, returns)
        if text:
            return text
    return None


@contextmanager
def frames_kept() -> Iterator[None]:
    """Let numba keep the frames that its errors pass; `diagnose` needs them."""
    before = numba.config.FULL_TRACEBACKS
    numba.config.FULL_TRACEBACKS = 1
    try:
        yield
    finally:
        numba.config.FULL_TRACEBACKS = before


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the errors of a chain, the first cause first."""
    if error is not None:
        yield from causes_of(error.__cause__ or error.__context__)
        yield error


def locals_of(error: BaseException) -> Iterator[dict[str, Any]]:
    """Yield the variables of the frames that an error and its causes passed, the innermost first."""
    for cause in causes_of(error):
        frames, trace = [], cause.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame.f_locals)
            trace = trace.tb_next
        yield from reversed(frames)


def innermost_first(error: BaseException) -> Iterator[tuple[TypeInferer, Any]]:
    """Yield the constraints that failed outside numba's own sources, with their type inference."""
    for variables in locals_of(error):
        constraint: Any = variables.get("self")
        inferer = variables.get("typeinfer")
        located = isinstance(inferer, TypeInferer) and hasattr(constraint, "loc")
        if located and not constraint.loc.filename.startswith(NUMBA):
            yield inferer, constraint


def inferers_of(error: BaseException) -> Iterator[TypeInferer]:
    """Yield the type inferences that failed, the innermost first."""
    for variables in locals_of(error):
        if isinstance(variables.get("self"), TypeInferer):
            yield variables["self"]


def explain(inferer: TypeInferer, constraint: Any) -> str | None:
    """Return what is wrong with the statement of a constraint; None if this is not known."""
    if isinstance(constraint, GetAttrConstraint):
        return unknown_attribute(inferer, constraint.value, constraint.attr)
    if isinstance(constraint, SetAttrConstraint):
        return unknown_attribute(inferer, constraint.target, constraint.attr)
    if isinstance(constraint, CallConstraint):
        return wrong_arguments(inferer, constraint)
    return None


def unknown_attribute(inferer: TypeInferer, variable: Any, name: str) -> str | None:
    """Return what is wrong with an attribute; None if there is such a one."""
    owner = inferer.typevars[variable.name].get()[0]
    spelled = spell(inferer.func_ir, variable)
    if isinstance(owner, types.Record):
        if name in owner.fields:
            return None
        near = near_matches(name, paths_of(owner)) or f"; it has {', '.join(list(owner.fields)[:8])} ..."
        return f"{spelled} has no field {name!r}{near} {FIELD_TABLE}"
    if isinstance(owner, types.Module):
        return f"{spelled} has no attribute {name!r}{near_matches(name, dir(owner.pymod))}"
    kind = "an array" if isinstance(owner, types.Array | types.NestedArray) else f"of type {owner}"
    near = near_matches(name, dir(np.ndarray)) if isinstance(owner, types.Array | types.NestedArray) else ""
    return f"{spelled} has no attribute {name!r}: it is {kind}{near}"


def wrong_arguments(inferer: TypeInferer, constraint: CallConstraint) -> str | None:
    """Return what is wrong with the number or the names of the arguments of a call; None if they fit."""
    called = inferer.typevars[constraint.func].get()[0]
    function = getattr(getattr(called, "dispatcher", None), "py_func", None)
    if function is None or constraint.vararg is not None:
        return None
    signature = inspect.signature(function)
    try:
        signature.bind(*constraint.args, **dict(constraint.kws))
    except TypeError as mismatch:
        return f"{function.__name__}{signature} is called wrongly: {mismatch}"
    return None


def wrong_return(name: str, returned: Iterable[tuple[Any, Any]], wanted: types.Type, returns: str) -> str | None:
    """Return what is wrong with what a function returns; None if nothing is.

    Args:
        name: of the function.
        returned: place and numba type of each value that it returns.
        wanted: the type that it must return.
        returns: the same in words.
    """
    for location, kind in returned:
        if isinstance(kind, ACCEPTED.get(wanted, types.Type)):
            continue
        place = place_of(location.filename, location.line, name)
        if isinstance(kind, types.NoneType) and "return" not in linecache.getline(location.filename, location.line):
            return f"{place}: the function can end without a return; it must return {returns}"
        return f"{place}: {plain_type(kind)} is returned; it must return {returns}"
    return None


def returned_types(func_ir: Any, type_of: Callable[[str], Any]) -> Iterator[tuple[Any, Any]]:
    """Yield place and type of each value that a function returns, as far as `type_of` knows it by its variable."""
    for block in func_ir.blocks.values():
        statement = block.terminator
        if isinstance(statement, ir.Return):
            definition = func_ir.get_definition(statement.value)
            if isinstance(definition, ir.Expr) and definition.op == "cast":
                kind = type_of(definition.value.name)
                if kind is not None:
                    yield statement.loc, kind


def plain_type(kind: Any) -> str:
    """Return a numba type in words."""
    if isinstance(kind, types.Record):
        return "a record"
    if isinstance(kind, types.Array | types.NestedArray):
        return "an array"
    if isinstance(kind, types.UnicodeType | types.StringLiteral):
        return "a text"
    if isinstance(kind, types.NoneType):
        return "None"
    return "a whole number" if isinstance(kind, types.Integer | types.Boolean) else str(types.unliteral(kind))


def stated_place(error: BaseException, function: Callable[..., Any]) -> str:
    """Return the last place that the error itself names outside numba, or the beginning of the function."""
    for cause in causes_of(error):
        location = getattr(cause, "loc", None)
        if location is not None and not location.filename.startswith(NUMBA):
            return place_of(location.filename, location.line, function.__name__)
    named = re.findall(r"(?:at|from) (\S+\.py) \((\d+)\)", str(error))
    for filename, line in reversed(named):
        if not filename.startswith(NUMBA):
            return place_of(filename, int(line), function.__name__)
    return place_of_function(function)


def shortened(error: BaseException) -> str:
    """Return the gist of an error of numba."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.sub(r"Record\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)", "a record", text)
    bound = re.search(r"""to signature '(\(.*?\))' due to "TypeError: (.*?)"\.""", text)
    if bound:
        return f"the arguments of a call do not fit {bound[1]}: {bound[2]}"
    imported = re.search(r"unsupported opcode \(IMPORT_NAME\)", text)
    if imported:
        return "a compiled function cannot import; import at the top of the file, or debug with debug=true"
    text = re.sub(
        r'File ".*", line \d+:\n(?:.*\n)*?\s*\^\n', "", f"{text}\n"
    )  # the line of the source, see `stated_place`
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("Failed in", "During:", "File ", ">>>"))]
    gist = " ".join(lines) or type(error).__name__
    return gist if len(gist) <= LONGEST else f"{gist[:LONGEST]} ..."
