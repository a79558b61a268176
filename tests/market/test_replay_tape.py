"""What rests, is quoted and comes at any time of a replay."""

from __future__ import annotations

import numpy as np

from marl_market.calibration.readers.message_log import MessageLog
from marl_market.market.replay_tape import MessageKind, ReplayTape
from tests.replays import seconds, small_log, tape_of


def walked(tape: ReplayTape, index: int) -> list[tuple[int, int]]:
    """Return (order, left) of what rests before a message, by priority, from all messages before it."""
    left: dict[int, int] = {}
    for message in tape.messages[:index]:
        if message["kind"] != MessageKind.TAKE:
            left[int(message["order"])] = int(message["left_lots"])
    return [(order, lots) for order, lots in left.items() if lots]


def random_tape(seed: int) -> ReplayTape:
    random = np.random.default_rng(seed)
    log, live, number = MessageLog(), {}, 0
    for time in range(400):
        if random.random() < 0.5 or not live:
            number += 1
            side = int(random.choice([-1, 1]))
            live[number] = int(random.integers(1, 9))
            log.rest(time, number, side, 100 - side * int(random.integers(1, 9)), live[number])
        else:
            order = int(random.choice(list(live)))
            lots = int(random.integers(1, live[order] + 1))
            (log.cancel if random.random() < 0.7 else log.fill)(time, order, lots)
            live[order] -= lots
            if not live[order]:
                del live[order]
    return tape_of(log)


def test_what_rests_follows_from_all_messages_before() -> None:
    for tape in (tape_of(small_log()), random_tape(1), random_tape(2)):
        for index in range(tape.messages.size + 1):
            opening = tape.resting_before(index)
            assert opening[["order", "left_lots"]].tolist() == walked(tape, index)
            assert opening["quantity_lots"].tolist() == opening["left_lots"].tolist()
            assert (opening["kind"] == MessageKind.SUBMIT).all()


def test_times_and_quotes() -> None:
    tape = tape_of(small_log())
    assert tape.index_at(0) == 3
    assert tape.index_at(seconds(4.5)) == 9
    assert tape.quotes_before(0) == (0, 0)
    assert tape.quotes_before(3) == (999, 1001)
    assert tape.quotes_before(9) == (999, 1001)
    assert tape.most_within(seconds(0.4)) == 4
    assert tape.most_within(1) == 3, "what rests before the first session does not count"
    time_ns, mid = tape.mid_ticks()
    assert (time_ns[0], mid[0], mid[-1]) == (-1, 1000.0, 1000.5)
