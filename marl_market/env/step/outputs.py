"""The arrays that a step of a batch writes, in one block of memory."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.records import CACHE_LINE_BYTES, rounded_up


class Step(NamedTuple):
    """The results of a step; the arrays are overwritten by the next step.

    Attributes:
        observation: (markets, external seats, observation size) float32; stale for seats that are not active.
        reward: (markets, seats) float32, for every seat; 0 if it was not present.
        terminated: (markets, seats) bool, the seat has left the market in this step, for good.
        truncated: whether the session is over, for all markets at once.
        active: (markets, seats) bool, the seat acts in the next step: it is present and awake. Actions of other seats
            are not read.
    """

    observation: NDArray[np.float32]
    reward: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: bool
    active: NDArray[np.bool_]


class Outputs:
    """Observations, masks, rewards and flags of all markets of a batch; see `BatchMarket` for their shapes."""

    observation: NDArray[np.float32]
    reward: NDArray[np.float32]
    active: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    mask: NDArray[np.uint8]

    def __init__(self, markets: int, seats: int, external: int, observation_size: int, mask_size: int) -> None:
        """Allocate zeros."""
        self._fields: dict[str, tuple[tuple[int, ...], type[np.generic], int]] = {}
        end = 0
        for name, shape, kind in (
            ("observation", (markets, external, observation_size), np.float32),
            ("reward", (markets, seats), np.float32),
            ("active", (markets, seats), np.bool_),
            ("terminated", (markets, seats), np.bool_),
            ("mask", (markets, external, mask_size), np.uint8),
        ):
            self._fields[name] = shape, kind, end
            end = rounded_up(end + int(np.prod(shape)) * np.dtype(kind).itemsize, CACHE_LINE_BYTES)
        self._block = np.zeros(end, np.uint8)

    def unwritten_copy(self) -> Self:
        """Return arrays of the same shapes that hold whatever was in their memory."""
        outputs = object.__new__(type(self))
        outputs._fields = self._fields
        outputs._block = np.empty(self._block.size, np.uint8)
        return outputs

    def clear(self) -> None:
        """Write zeros, so that rows of seats that are not there do not depend on an earlier session."""
        self._block[:] = 0

    @property
    def address(self) -> int:
        """Return the address of the block."""
        return self._block.ctypes.data

    def write_addresses(self, context: NDArray[np.void]) -> None:
        """Write the address of every array into the STEP_CONTEXT."""
        context["outputs"] = self.address
        for name, (_, _, offset) in self._fields.items():
            context[name] = self.address + offset

    def __getattr__(self, name: str) -> NDArray[Any]:
        """Make an array when it is first asked for, so that a clone that is only stepped costs less."""
        if name not in self.__dict__.get("_fields", {}):
            raise AttributeError(name)
        # Views, which NumPy does not let a caller resize: a step writes to their addresses.
        shape, kind, offset = self._fields[name]
        array: NDArray[Any] = np.ndarray(shape, kind, self._block, offset)
        self.__dict__[name] = array
        return array
