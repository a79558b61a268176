"""Multi-agent market self-play: a compiled market, its traders and learners, training and evaluation.

`marl_market.make("quickstart")` and `marl_market.from_config(path)` return an environment, see `marl_market.configs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marl_market.configs import from_config, make

__all__ = ["from_config", "make"]


def __getattr__(name: str) -> Any:
    """Import the functions of `marl_market.configs` at their first use only, with the libraries that they need."""
    if name in __all__:
        from marl_market import configs

        return getattr(configs, name)
    raise AttributeError(f"module 'marl_market' has no attribute {name!r}")
