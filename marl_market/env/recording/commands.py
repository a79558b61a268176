"""What reached one market of a batch, as a recording that replays bit for bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.latency import DELIVERY
from marl_market.exchange.replay import CommandLog, opening_of


class CommandRecorder:
    """Collect the commands of one session of one market; `open` after the reset, `record` after each step."""

    def __init__(self, batch: BatchMarket, market: int = 0) -> None:
        """Record market number `market` of `batch`."""
        self._batch = batch
        self._market = market
        self.open()

    def open(self) -> None:
        """Begin a recording with the market as it stands."""
        self._opening = opening_of(self._batch.markets, self._market)
        self._landed = [np.zeros(0, DELIVERY)]

    def record(self) -> None:
        """Take over what reached the exchange in the last step."""
        self._landed.append(landed(self._batch, self._market))

    def log(self) -> CommandLog:
        """Return the recording."""
        every = np.concatenate(self._landed)
        return CommandLog(
            opening=self._opening,
            seat=every["seat"].astype(np.int32),
            command=every["command"].copy(),
            arrivals=np.array([part.size for part in self._landed[1:]], np.int64),
            after_ns=every["after_ns"].copy(),
            rejection=every["rejection"].copy(),
            step_ns=self._batch.environment.spec.step_ns,
        )


def landed(batch: BatchMarket, number: int) -> NDArray[np.void]:
    """Return as DELIVERY rows what reached market `number` in the last step, or never will, in order."""
    market = batch.markets[number]
    if batch.connections is not None:
        return batch.connections.delivery[number, : market["delivery_count"]].copy()
    order = market["arrival"][: market["seat_count"]]
    count = market["seat"]["command_count"][order]
    command = market["seat"]["command"][order]
    rows = np.zeros(count.sum(), DELIVERY)
    rows["seat"] = np.repeat(order, count)
    rows["command"] = command[np.arange(command.shape[1]) < count[:, None]]
    return rows
