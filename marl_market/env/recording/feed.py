"""What one market of a batch told everybody, as the messages of an exchange's public feed."""

from __future__ import annotations

from pathlib import Path

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.feed import FeedPublisher
from marl_market.market.feed import Message
from marl_market.market.feed_file import write_feed


class FeedRecorder:
    """Collect the feed of one session of one market; call `record` after the reset and after each step.

    A step's fills bear the time of their commands, its update the time of its end, as in a `TapeRecorder`'s tape.

    Attributes:
        messages: a snapshot, then the fills of each step and what they and all else changed.
    """

    def __init__(self, batch: BatchMarket, market: int = 0, product_id: str | None = None) -> None:
        """Record market number `market` of `batch` as `product_id`; None for the spec's name and currency."""
        self.messages: list[Message] = []
        self._batch = batch
        self._market = market
        self._publisher = FeedPublisher(batch.environment.spec, batch.markets, market, product_id)

    def record(self) -> None:
        """Take over what has happened since the last call."""
        if not self.messages:
            self.messages.append(self._publisher.snapshot())
            return
        market = self._batch.markets[self._market]
        self.messages += self._publisher.publish(market["event"][: market["event_count"]])

    def write(self, path: Path) -> None:
        """Write the messages to `path`, one line of JSON each, gzip where its name ends in .gz."""
        write_feed(path, self.messages)
