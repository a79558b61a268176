"""A stand-in for a GPU: a device of torch's whose tensors compute on the CPU and yet meet none that are there.

As on a GPU, NumPy reads no tensor that is elsewhere, and an operation takes tensors of one device, but for single
numbers and indices. What it cannot show is how a GPU rounds, and what its own random numbers are.

Torch takes such a device only before its first gradient in a process, and keeps it until the process ends.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

aten = torch.ops.aten
COPY, CONVERT = aten.copy_.default, aten._to_copy.default
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)


class Device(_DummyBackendModule):
    """What torch asks about the device."""

    def manual_seed(self, seed: int) -> None:
        """Do nothing: its random numbers are the CPU's."""


_setup_privateuseone_for_python_backend("elsewhere", Device())
torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=DEVICE) makes one here, and then copies it
DEVICE = torch.device("elsewhere", 0)


class Elsewhere(torch.Tensor):
    """A tensor on the device; `held` is what it would be on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Elsewhere:
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype, device=DEVICE
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(function, *args, **(kwargs or {}))


def compute(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Do an operation that takes or makes tensors elsewhere; raise RuntimeError where those of two devices meet."""
    given = (args[0], args[2:]) if function in INDEXED else (args, kwargs)
    meeting = [each for each in tree_leaves(given) if isinstance(each, torch.Tensor)]
    if function not in (COPY, CONVERT) and any(each.dim() and not isinstance(each, Elsewhere) for each in meeting):
        raise RuntimeError(f"{function} takes tensors on several devices: {[each.device for each in meeting]}")
    known = {id(each.held): each for each in meeting if isinstance(each, Elsewhere)}
    target = args[0].device if function is COPY else kwargs.get("device") or DEVICE
    if "device" in kwargs:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    args, kwargs = tree_map(lambda each: each.held if isinstance(each, Elsewhere) else each, (args, kwargs))

    def put(each: Any) -> Any:
        if not isinstance(each, torch.Tensor) or torch.device(target).type == "cpu":
            return each
        return known[id(each)] if id(each) in known else Elsewhere(each)

    return tree_map(put, function(*args, **kwargs))


@torch.library.impl("aten::_thnn_fused_lstm_cell", "AutogradPrivateUse1")
def lstm_cell(given: Any, hidden: Any, cell: Any, given_bias: Any, hidden_bias: Any) -> tuple[Any, Any, Any]:
    """Do in single steps what only a GPU does in one; the sums are those of the CPU's cell but for rounding."""
    gates = (given + given_bias) + (hidden + hidden_bias)
    enter, keep, new, show = gates.chunk(4, dim=1)
    cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
    return show.sigmoid() * cell.tanh(), cell, gates


LIBRARY = torch.library.Library("_", "IMPL")
LIBRARY.fallback(compute, "PrivateUse1")  # what is made there of no tensor that is there
