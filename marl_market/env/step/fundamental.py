"""The fundamental value inside a step: seats with the privilege observe it, adversaries may move it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from marl_market.exchange.compiled import compiled
from marl_market.market.fundamental import Fundamental
from marl_market.market.seeding import Stream, generator
from marl_market.market.spec import MarketSpec


class FundamentalPaths:
    """The path of one instrument in every market of a batch, if its spec or an agent needs one.

    The records hold addresses into the array, so it must live as long as they are stepped.
    """

    def __init__(self, market: MarketSpec, number: int, needed: bool, records: NDArray[np.void]) -> None:
        """Allocate the paths of instrument `number` and write their addresses into its market `records`.

        `needed` says whether an agent of the batch observes or moves the value.
        """
        spec = market.instruments[number]
        self._spec, self._number = spec, number
        self._process: Fundamental | None = spec.fundamental
        self._path: NDArray[np.float64] | None = None
        records["path"] = 0
        if self._process is None and not needed:
            return
        steps = spec.warmup_steps + spec.session_steps + 1
        self._path = np.full((records.size, steps), float(spec.initial_price_ticks))
        records["path_published"] = self._process is not None and self._process.published
        records["path"] = self.addresses()

    def copy(self) -> Self:
        """Return a copy with an array of its own, to whose addresses no record points yet."""
        if self._path is None:
            return self
        paths = copy.copy(self)
        paths._path = self._path.copy()
        return paths

    def addresses(self) -> NDArray[np.int64] | int:
        """Return the address of each market's value at step 0; 0 without paths."""
        path = self._path
        if path is None:
            return 0
        rows: NDArray[np.int64] = path.ctypes.data + np.arange(len(path)) * path.strides[0]
        return rows + self._spec.warmup_steps * path.itemsize

    def draw(self, seeds: Sequence[int] | NDArray[np.integer]) -> None:
        """Write the path of each market's next session: constant at the initial price without a process."""
        if self._path is None or self._process is None:
            return
        for path, seed in zip(self._path, seeds, strict=True):
            random = generator(int(seed), Stream.FUNDAMENTAL, self._number)
            path[:] = self._process.path(self._spec, path.size, random)


@intrinsic
def float64_at(_typing_context, address, index):  # type: ignore[no-untyped-def]
    """Return element `index` of the float64 array at `address`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.DoubleType().as_pointer())
        return builder.load(builder.gep(pointer, [arguments[1]]))

    return types.float64(types.int64, types.int64), generate


@compiled
def update_fundamental(market):  # type: ignore[no-untyped-def]
    """Move the value by the drifts of seats, and write it for seats that observe it and, if published, for all."""
    public = market.public
    for i in range(market.seat_count):
        if market.seat[i].agent.moves_fundamental == 1:
            market.path_shift += market.seat[i].agent.drift
    value = float64_at(market.path, public.step) + market.path_shift
    for i in range(market.seat_count):
        if market.seat[i].agent.observes_fundamental == 1:
            market.seat[i].agent.signal = value
    if market.path_published == 1:
        public.reference_ticks = value
        public.twice_mark_ticks = np.int64(np.floor(2.0 * value + 0.5))


@compiled
def open_fundamental(market):  # type: ignore[no-untyped-def]
    """Clear the drifts of an earlier session and write the first value."""
    market.path_shift = 0.0
    for i in range(market.seat_count):
        market.seat[i].agent.drift = 0.0
    update_fundamental(market)
