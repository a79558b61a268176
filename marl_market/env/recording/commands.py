"""The commands that arrive at one market of a batch, as a recording that replays bit for bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.connections import DELIVERY
from marl_market.exchange.replay import CommandLog, opening_of
from marl_market.market.validation import require


class CommandRecorder:
    """Record the commands of a session of one market, see `marl_market.env.interface.recorder`."""

    def __init__(self, batch: BatchMarket, market: int = 0) -> None:
        """Record market number `market` of `batch`, from its present state on unless opened again.

        Raises ValueError for a market whose steps hold several ticks of its clock, and for a batch whose markets replay
        a recording: its messages are not commands of seats.
        """
        substeps = batch.environment.spec.substeps
        require(substeps == 1, "market.substeps", substeps, "1 where commands are recorded")
        if batch.replay_results() is not None:
            raise ValueError("the market replays recorded messages, which are no commands that a log could keep")
        self._batch = batch
        self._market = market
        self.open()

    def open(self) -> None:
        """Begin a recording with the market in its present state."""
        self._opening = opening_of(self._batch.markets, self._market)
        self._arrived = [np.zeros(0, DELIVERY)]

    def record(self) -> None:
        """Append the commands that arrived in the last step."""
        self._arrived.append(arrived_commands(self._batch, self._market))

    def log(self) -> CommandLog:
        """Return the recording."""
        every = np.concatenate(self._arrived)
        return CommandLog(
            opening=self._opening,
            seat=every["seat"].astype(np.int32),
            command=every["command"].copy(),
            arrivals=np.array([part.size for part in self._arrived[1:]], np.int64),
            after_ns=every["after_ns"].copy(),
            rejection=every["rejection"].copy(),
            step_ns=self._batch.environment.spec.step_ns,
        )


def arrived_commands(batch: BatchMarket, number: int) -> NDArray[np.void]:
    """Return DELIVERY rows of the commands that reached market `number` in the last step or never will, in order."""
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
