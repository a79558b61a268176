"""Metadata of a run beyond its config: provenance of the market and versions of the software."""

from __future__ import annotations

import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from marl_market.market.spec import MarketSpec

PACKAGES = ("marl_market", "numpy", "numba", "torch", "ray")

Metadata = dict[str, str | float]


def market_metadata(spec: MarketSpec) -> Metadata:
    """Return the market's name, units, session and provenance."""
    metadata: Metadata = {
        "market": spec.name,
        "currency": spec.currency,
        "tick_and_lot": f"{spec.tick_size:g} {spec.currency}, {spec.lot_size:g} units",
        "session": f"{spec.session_steps} steps of {spec.step_seconds:g} s, after {spec.warmup_steps} of warm-up",
    }
    origin = spec.provenance
    if origin is None:
        return {**metadata, "market_source": "invented"}
    return {
        **metadata,
        "market_source": f"{origin.source} ({origin.rows} rows, read as {origin.format})",
        "market_dates": f"{origin.start} to {origin.end}",
        "market_sha256": origin.sha256,
    }


def software_metadata() -> Metadata:
    """Return the versions of the packages, and the commit where the package lies in a repository of its own."""
    metadata: Metadata = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # the package itself may run from its sources
            metadata[name] = version(name)
    commit = git_commit(Path(__file__).parents[1] / "__init__.py")
    return {**metadata, "git_commit": commit} if commit else metadata


def git_commit(path: Path) -> str | None:
    """Return the commit that holds `path`, with "-dirty" where tracked files have changed since; None where none does.

    A package installed below another repository is not tracked there, and has no commit.
    """
    for command in (["ls-files", "--error-unmatch", path.name], ["describe", "--always", "--dirty", "--exclude=*"]):
        try:
            result = subprocess.run(["git", *command], cwd=path.parent, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
    return result.stdout.strip()
