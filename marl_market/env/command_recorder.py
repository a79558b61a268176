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
        self._seat = [np.zeros(0, np.int32)]
        self._command = [np.zeros(0, COMMAND)]

    def record(self) -> None:
        """Take over what reached the exchange in the last step."""
        seat, command = arrived(self._batch.markets, self._market)
        self._seat.append(seat)
        self._command.append(command)

    def log(self) -> CommandLog:
        """Return the recording."""
        return CommandLog(
            opening=self._opening,
            seat=np.concatenate(self._seat),
            command=np.concatenate(self._command),
            arrivals=np.array([seat.size for seat in self._seat[1:]], np.int64),
            step_ns=self._batch.environment.spec.step_ns,
        )


def arrived(markets: NDArray[np.void], number: int) -> tuple[NDArray[np.int32], NDArray[np.void]]:
    """Return seat and command of all that reached market `number` in the last step, in the order of arrival."""
    order = markets["arrival"][number, : markets["seat_count"][number]]
    count = markets["seat"]["command_count"][number, order]
    command = markets["seat"]["command"][number, order]
    sent = np.arange(command.shape[1]) < count[:, None]
    return np.repeat(order, count), command[sent]
