"""The device of tensors: modules that act are on the CPU, those that learn may be on another device."""

from __future__ import annotations

from typing import Any

from marl_market.agents.rllib.internals import tree_map


def to_device_of(module: Any, tensors: Any) -> Any:
    """Return tensors, in any structure, on the device of a module."""
    device = next(module.parameters()).device
    return tree_map(lambda tensor: tensor.to(device), tensors)
