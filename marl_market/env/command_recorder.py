"""What reached one market of a batch, as a recording that replays bit for bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.records import COMMAND
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
        self._time_ns = int(self._opening["time_ns"][0])
        self._seat = [np.zeros(0, np.int32)]
        self._time = [np.zeros(0, np.int64)]
        self._command = [np.zeros(0, COMMAND)]

    def record(self) -> None:
        """Take over what reached the exchange in the last step."""
        seat, command = arrived(self._batch.markets, self._market)
        self._seat.append(seat)
        self._time.append(np.full(seat.size, self._time_ns, np.int64))
        self._command.append(command)
        self._time_ns = int(self._batch.markets["time_ns"][self._market])

    def log(self) -> CommandLog:
        """Return the recording."""
        return CommandLog(
            self._opening, np.concatenate(self._seat), np.concatenate(self._time), np.concatenate(self._command)
        )


def arrived(markets: NDArray[np.void], number: int) -> tuple[NDArray[np.int32], NDArray[np.void]]:
    """Return seat and command of all that reached market `number` in the last step, in the order of arrival."""
    order = markets["arrival"][number, : markets["seat_count"][number]]
    count = markets["seat"]["command_count"][number, order]
    command = markets["seat"]["command"][number, order]
    sent = np.arange(command.shape[1]) < count[:, None]
    return np.repeat(order, count), command[sent]
