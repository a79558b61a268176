"""Which classes a config may name: those of this package, and those that the user allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from marl_market.market.validation import ConfigError

OWN = "marl_market."
KEY = "allow_targets"


def require_allowed_targets(config: Mapping[str, Any], allowed: Sequence[str] = ()) -> None:
    """Raise ConfigError unless each `_target_` of a plain config is a class of this package or below an allowed prefix.

    Functions and modules are never allowed: a config describes objects, and a call of a function may do anything.

    Args:
        config: of plain values.
        allowed: prefixes such as "my_lab." or "my_lab.traders", or a full name.
    """
    if isinstance(allowed, str) or not all(isinstance(prefix, str) and prefix for prefix in allowed or ()):
        raise ConfigError(f"{KEY} is {allowed!r}; it must be a list of prefixes, such as [my_lab.]")
    for key, target in targets_of(config):
        if not isinstance(target, str) or not _is_below(target, (OWN, *(allowed or ()))):
            package = str(target).partition(".")[0]
            raise ConfigError(
                f"{key} is {target!r}; it must be a class of marl_market, or of a package that you allow: "
                f"{KEY}=[{package}] on the command line, if you trust it"
            )
        described = _located(key, target)
        if not isinstance(described, type):
            raise ConfigError(f"{key} is {target!r}, a {type(described).__name__}; it must be a class")
        if not _is_below(f"{described.__module__}.{described.__qualname__}", (OWN, *(allowed or ()))):
            raise ConfigError(
                f"{key} is {target!r}, which is {described.__module__}.{described.__qualname__}; it must be a class of "
                f"marl_market, or below one of {KEY}"
            )


def targets_of(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the key and the value of each `_target_` of a plain config, at any depth."""
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list | tuple) else ()
    for name, child in children:
        if name == "_target_":
            yield f"{key}.{name}".lstrip("."), child
        yield from targets_of(child, f"{key}.{name}".lstrip("."))


def _is_below(target: str, prefixes: Sequence[str]) -> bool:
    """Return whether a name is one of the prefixes or lies below it, whole words of the path."""
    return any(target == prefix or target.startswith(f"{prefix.rstrip('.')}.") for prefix in prefixes)


def _located(key: str, target: str) -> Any:
    """Return what a dotted name names; raises ConfigError if there is none."""
    module, _, name = target.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{key} is {target!r}, which is not there: {' '.join(str(error).split())}") from error
