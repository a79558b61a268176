"""Where tensors live: modules that act are on the CPU, those that learn may be elsewhere."""

from __future__ import annotations

from typing import Any

import torch


def to_device_of(module: Any, tensors: Any) -> Any:
    """Return tensors, in any structure, on the device of a module."""
    device = next(module.parameters()).device
    return torch.utils._pytree.tree_map(lambda tensor: tensor.to(device), tensors)
