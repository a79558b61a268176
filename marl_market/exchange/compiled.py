"""Compile functions, and keep their compiled form in a cache.

Numba's cache checks only the file of the function itself: a change in a function that it calls would leave a stale
kernel. The cache of this package therefore lies in a folder named after the digest of all sources that a kernel could
be compiled from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils, registry
from numba.core.caching import FunctionCache
from numba.core.callconv import RETCODE_USEREXC, excinfo_ptr_t
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.datamodel.models import OpaqueModel
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
from numba.extending import intrinsic, register_model, typeof_impl

from marl_market.exchange import uncompiled
from marl_market.exchange.bounds import RETURNED, CheckedCompiler
from marl_market.exchange.diagnosis import FunctionError, diagnose, frames_kept, place_of_function, wrong_return

KEPT_CACHES = 8

OPTIONS = {"nogil": True, "error_model": "numpy"}

UNCHECKED = ("marl_market.agents.policies.", "marl_market.env.step.", "marl_market.exchange.")
"""Modules whose functions check no index: the engine and the networks, to which users add nothing."""

NEVER_COMPILED = (
    "agents/imitation",
    "agents/opponents",
    "agents/rllib",
    "agents/sampling",
    "calibration",
    "cluster",
    "evaluation",
    "reporting",
    "training",
)
"""Folders without compiled functions, and of which none imports from: a change there leaves all kernels valid."""


def source_digest(package: Path) -> str:
    """Return the digest of every Python source below `package` but those of `NEVER_COMPILED`."""
    digest = hashlib.sha256()
    left_out = [package / folder for folder in NEVER_COMPILED]
    for path in sorted(package.rglob("*.py")):
        if any(path.is_relative_to(folder) for folder in left_out):
            continue
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def choose_cache_folder(root: Path, digest: str) -> Path:
    """Make the folder of this digest below `root`, remove all but the newest others, and return it."""
    folder = root / digest
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    for stale in sorted(root.iterdir(), key=last_use, reverse=True)[KEPT_CACHES:]:
        shutil.rmtree(stale, ignore_errors=True)
    return folder


def last_use(folder: Path) -> float:
    """Return the time of the folder's last use, in seconds; 0 where another process has just removed it."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


if "NUMBA_CACHE_DIR" not in os.environ:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    numba.config.CACHE_DIR = str(
        choose_cache_folder(home / "marl_market" / "kernels", source_digest(Path(__file__).parents[1]))
    )


def is_checked(function: Callable[..., Any]) -> bool:
    """Return whether a function is of the kind that users add, whose indices are checked."""
    return not function.__module__.startswith(UNCHECKED)


def options_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a function for numba; all are set, or it would inherit those of the first that calls it."""
    checked = is_checked(function)
    return {**OPTIONS, "boundscheck": checked, "pipeline_class": CheckedCompiler if checked else Compiler}


@functools.cache
def layout_name(record: types.Record) -> tuple[str, tuple[str]]:
    """Return the mangling arguments of a record type in the symbols of compiled functions: its layout alone."""
    return "Record", (hashlib.sha256(record.name.encode()).hexdigest()[:16],)


# Numba names it by the order in which its process has seen types. Kernels for two sizes of market, each compiled and
# cached in a process of its own, would then share symbols; a process that loads both runs one on the other's memory.
types.Record.mangling_args = property(layout_name)


class Compiled:
    """A function that compiled functions call; its entry point for Python is compiled at Python's first call.

    A step consists of hundreds of functions and Python calls a few of them. An entry point is a wrapper, a place in
    the cache and the whole function compiled once more: with one for each, the first step takes 50 % longer to compile.
    """

    def __init__(self, function: Callable[..., Any], forceinline: bool = False) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        # Set in either case: a function inherits an option that is not set from the function during whose compilation
        # it is compiled, so that rare paths would be copied into the hot one.
        inner = numba.njit(
            no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=forceinline, **options_of(function)
        )
        self.inner = inner(function)

    @functools.cached_property
    def entry_point(self) -> Any:
        """The compiled form that Python calls."""
        return numba.njit(cache=True, **options_of(self._function))(self._function)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function from Python: compiled, but from an uncompiled function a user's own is not either."""
        if uncompiled.is_running() and not self._function.__module__.startswith("marl_market."):
            return self._function(*arguments)
        return uncompiled.viewed(self.entry_point(*map(uncompiled.unviewed, arguments)))


class CompiledType(types.Dispatcher):
    """The numba type of a `Compiled` function: it widens signed integers to int64, or each width would be compiled."""

    def get_call_type(self, context: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """Return the signature of a call."""
        return super().get_call_type(context, tuple(widened(argument) for argument in args), kws)


register_model(CompiledType)(OpaqueModel)


def widened(argument: types.Type) -> types.Type:
    """Return int64 for a signed integer type, and any other type as it is."""
    return types.int64 if isinstance(argument, types.Integer) and argument.signed else argument


@typeof_impl.register(Compiled)
def type_of(function: Compiled, _context: Any) -> CompiledType:
    """Return the numba type of the function, as compiled functions call it."""
    return CompiledType(function.inner)


compiled = Compiled
"""Compile a function."""

inlined = functools.partial(Compiled, forceinline=True)
"""Compile a function of the hot path into its callers: the engine is a fifth faster than with calls."""


class NativeCompiler(_FunctionCompiler):
    """Compile a function alone, without the wrappers by which Python and C would call it."""

    def _customize_flags(self, flags: Any) -> Any:
        flags.no_cpython_wrapper = True
        flags.no_cfunc_wrapper = True
        flags.no_compile = True
        return flags


class ByAddress:
    """A function of a fixed signature that compiled functions call by its address, in numba's own calling convention.

    Numba's `cfunc`, of C's calling convention, goes through one more function and drops exceptions.

    Attributes:
        function: the function in Python.
    """

    def __init__(
        self, function: Callable[..., Any], signature: Any, arguments: str = "", returns: str = "a value"
    ) -> None:
        """Keep the function; `arguments` and `returns` say in words what it takes and must return.

        Raises FunctionError if it takes another number of arguments.
        """
        functools.update_wrapper(self, function)
        self.function = function
        self._signature, self._returns = signature, returns
        taken, wanted = function.__code__.co_argcount, len(signature.args)
        if taken != wanted:
            raise FunctionError(
                f"{place_of_function(function)}: it takes {taken} arguments; it must take {wanted}: ({arguments})"
            )

    @functools.cached_property
    def address(self) -> int:
        """The address of the compiled function, which is compiled now or loaded from the cache.

        Raises FunctionError if it does not compile.
        """
        target = registry.cpu_target
        with global_compiler_lock:
            cache = cache_of(self.function)
            result = cache and cache.load_overload(self._signature, target.target_context)
            if result is None:
                result = self._compile(target)
                if cache:
                    cache.save_overload(self._signature, result)
            self._library = result.library
            address: int = self._library.get_pointer_to_function(result.fndesc.llvm_func_name)
            # As a load from the cache does. Without it, `print` of a number ends the function with Python's lock held.
            self._environments = result._find_referenced_environments()
            for environment in self._environments:
                self._library.codegen.set_env(environment.env_name, environment)
        return address

    def _compile(self, target: Any) -> Any:
        options, wanted = options_of(self.function), self._signature.return_type
        pipeline = options.pop("pipeline_class")
        compiler = NativeCompiler(self.function, target, {"nopython": True, **options}, {}, pipeline)
        try:
            with frames_kept():
                result = compiler.compile(self._signature.args, wanted)
        except FunctionError:
            raise
        except Exception as error:
            raise diagnose(error, self.function, wanted, self._returns) from error
        wrong = wrong_return(self.function.__name__, result.metadata.pop(RETURNED, ()), wanted, self._returns)
        if wrong:
            raise FunctionError(wrong)
        return result

    @functools.cached_property
    def uncompiled_address(self) -> int:
        """The address of a function that calls the function in Python, for a market that is debugged."""
        if not is_checked(self.function):
            return self.address
        self._callback = uncompiled.Callback(self.function, self._signature, self._returns)
        return self._callback.address

    def address_in(self, debug: bool) -> int:
        """Return the address for a market that is debugged, or not."""
        return self.uncompiled_address if debug else self.address

    def __call__(self, *arguments: Any) -> Any:
        """Call the function in plain Python."""
        return self.function(*arguments)


def cache_of(function: Callable[..., Any]) -> FunctionCache | None:
    """Return the cache of a function; None for one without a file, as of `python -c`, which is compiled anew."""
    try:
        return FunctionCache(function)
    except RuntimeError:
        return None


def by_address(
    signature: Any, arguments: str = "", returns: str = "a value"
) -> Callable[[Callable[..., Any]], ByAddress]:
    """Return a decorator that compiles functions of one signature, to be called by their `address`."""
    return lambda function: ByAddress(function, signature, arguments, returns)


def generate_call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit a call of the function at the address `arguments[0]` with the arguments that follow it.

    An exception in it propagates through the function that calls it.
    """
    status, result = generate_status(context, builder, signature.return_type, signature.args, arguments)
    with cgutils.if_unlikely(builder, status.is_error):
        context.call_conv.return_status_propagate(builder, status)
    return result


def generate_guarded_call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit such a call that returns the address of the exception's record, for `raise_failure`; 0 without one."""
    status, _result = generate_status(context, builder, types.int64, signature.args, arguments)
    word = context.get_value_type(types.int64)
    return builder.select(status.is_error, builder.ptrtoint(status.excinfoptr, word), word(0))


def generate_status(context: Any, builder: Any, returned: Any, kinds: Any, arguments: Any) -> tuple[Any, Any]:
    """Emit the call alone; return its status and its result."""
    kind = context.call_conv.get_function_type(returned, kinds[1:])
    function = builder.inttoptr(arguments[0], ir.PointerType(kind))
    status, result = context.call_conv.call_function(builder, function, returned, kinds[1:], arguments[1:])
    return status, result


@intrinsic
def raise_failure(_typing_context, failure):  # type: ignore[no-untyped-def]
    """Raise the exception whose record is at an address; do nothing at 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with cgutils.if_unlikely(builder, builder.icmp_signed("!=", arguments[0], arguments[0].type(0))):
            record = builder.inttoptr(arguments[0], excinfo_ptr_t)
            builder.store(record, context.call_conv._get_excinfo_argument(builder.function))
            builder.ret(RETCODE_USEREXC)
        return context.get_dummy_value()

    return types.void(types.int64), generate
