"""The public feed of one market of a batch, as the messages of a real exchange's feed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.feed import FeedPublisher
from marl_market.market.feed import Message
from marl_market.market.feed_file import write_feed
from marl_market.market.units import NANOSECONDS_PER_SECOND

SESSION_START_NS = 946_684_800 * NANOSECONDS_PER_SECOND
"""2000-01-01, UTC: readers of market data reject times near 1970, where clocks that were never set begin."""


class FeedRecorder:
    """Record the feed of a session of one market, see `marl_market.env.interface.recorder`.

    A step's fills bear the time of their commands, its update the time of its end, as in a `TapeRecorder`'s tape.

    Attributes:
        messages: a snapshot, then the fills and the changed price levels of each step.
    """

    def __init__(self, batch: BatchMarket, market: int = 0, product_id: str | None = None) -> None:
        """Record market number `market` of `batch` as `product_id`; None for the spec's name and currency."""
        self.messages: list[Message] = []
        self._batch = batch
        self._market = market
        self._new_publisher = partial(FeedPublisher, batch.environment.spec, batch.markets, market, product_id)
        self._publisher = self._new_publisher()
        batch.keep_events(market)

    def open(self) -> None:
        """Begin a feed with a snapshot of the book."""
        self._publisher = self._new_publisher()
        self.messages = [self._publisher.snapshot()]

    def record(self) -> None:
        """Append the messages of the last step."""
        self.messages += self._publisher.publish(self._batch.events_of(self._market))

    def write(self, path: Path, start_ns: int = SESSION_START_NS) -> None:
        """Write the messages to `path`, one line of JSON each, gzip where its name ends in .gz.

        The session begins at `start_ns`, in nanoseconds since 1970.
        """
        write_feed(path, (replace(message, time_ns=start_ns + message.time_ns) for message in self.messages))
