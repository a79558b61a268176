"""Near matches for what is misspelt on the command line or in a config."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from hydra.utils import get_object

from marl_market.market import validation

CONF = Path(__file__).resolve().parents[2] / "conf"
UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
TARGET = re.compile(r"call to target '([^']+)'")
OVERRIDE = re.compile(r"Could not override '([^']+)'")
KINDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}


def with_near_matches(error: Exception, config_name: str) -> str:
    """Return the text of an error of Hydra's about the command line, with what may have been meant."""
    text = str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        options = options_of(group)
        first = text.strip().splitlines()[0].rstrip(".")
        return f"{group}={option}: {first}{did_you_mean(option, options)}\n{group} has {', '.join(options)}"
    found = OVERRIDE.search(text)
    if not found:
        return text
    key = found[1]
    remedy = next((line for line in text.splitlines() if "To append" in line), "")
    near = did_you_mean_key(key, keys(config_name, key))
    return text.splitlines()[0].rstrip(".") + near + (f"\n{remedy}" if remedy else "")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a question that names near matches of `word`, empty where there are none."""
    asked = validation.did_you_mean(word, known)
    return f": {asked}" if asked else ""


def did_you_mean_key(key: str, known: Sequence[str]) -> str:
    """Return a question that names near matches of a dotted key: beside it, or of the whole."""
    parent, dot, last = key.rpartition(".")
    beside = [each[len(parent) + len(dot) :] for each in known if each.startswith(parent + dot)]
    names = [each for each in beside if "." not in each]
    abbreviated = [each for each in names if "".join(part[:1] for part in each.split("_")) == last]
    near = abbreviated or get_close_matches(last, names, n=3, cutoff=0.6)
    whole = [parent + dot + each for each in near] or get_close_matches(key, known, n=3, cutoff=0.75)
    return f": did you mean {' or '.join(whole)}?" if whole else ""


def options_of(group: str) -> list[str]:
    """Return the options of a config group."""
    folders = [CONF, *_folders_given()]
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def keys(config_name: str, misspelt: str) -> list[str]:
    """Return the keys of the config that the command line composes without the override that is misspelt."""
    given = [each for each in sys.argv[1:] if "=" in each and not each.startswith("-")]
    others = [each for each in given if each.partition("=")[0].lstrip("+~") != misspelt]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        # Others may be wrong as well: then the experiment alone, or nothing at all, has nearly the same keys.
        for attempt in (others, [each for each in others if each.startswith("experiment=")], []):
            try:
                return list(_paths(compose(config_name, overrides=attempt), ""))
            except (HydraException, ValueError):
                continue
    return []


def explain(error: Exception, values: Mapping[str, Any]) -> str:
    """Return what may have been meant by a config that a class does not take; empty where that is unknown.

    Args:
        error: of Hydra's `instantiate`, which names the class and the config key.
        values: the whole config.
    """
    target = TARGET.search(str(error))
    key = str(error).rpartition("full_key: ")[2]
    for part in key.split("."):
        values = values.get(part, {}) if isinstance(values, Mapping) else {}
    return explain_call(get_object(target[1]), key, values, error.__cause__ or error) if target else ""


def explain_call(called: Any, key: str, values: Mapping[str, Any], error: BaseException) -> str:
    """Return which value under `key` the class `called` does not take, and what it takes."""
    unexpected = UNEXPECTED.search(str(error))
    if unexpected:
        return did_you_mean(unexpected[1], list(signature(called).parameters))
    try:
        hints = get_type_hints(called.__init__ if isinstance(called, type) else called)
    except (NameError, TypeError):
        return ""
    wrong = [
        f"{key}.{name} is {value!r}; it must be {describe(hints[name])}"
        for name, value in values.items()
        if name in hints and not fits(value, hints[name])
    ]
    return f" ({'; '.join(wrong)})" if wrong and isinstance(error, TypeError | AttributeError) else ""


def fits(value: Any, hint: Any) -> bool:
    """Return whether a plain config value can be of the type `hint`, as far as plain types go."""
    origin = get_origin(hint)
    if origin is Union or type(hint).__name__ == "UnionType":
        return any(fits(value, each) for each in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return isinstance(value, list | tuple)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, type(None)) else True


def describe(hint: Any) -> str:
    """Return a type for people."""
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return "a list"
    if get_args(hint) and origin is not Literal:
        return " or ".join(describe(each) for each in get_args(hint))
    return "null" if hint is type(None) else KINDS.get(hint, str(hint))


def _paths(config: Any, prefix: str) -> Iterator[str]:
    for key in config:
        path = f"{prefix}{key}"
        yield path
        value = config._get_node(key)
        if isinstance(value._value(), dict):
            yield from _paths(value, f"{path}.")


def _folders_given() -> Iterator[Path]:
    for option, value in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
        if option in ("--config-dir", "-cd"):
            yield Path(value)
        elif option.startswith("--config-dir="):
            yield Path(option.partition("=")[2])
