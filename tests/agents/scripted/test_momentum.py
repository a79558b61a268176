from collections.abc import Iterable
from typing import Any

import pytest

from marl_market.agents.scripted.momentum import Momentum
from marl_market.env.interface.signatures import decide
from marl_market.exchange.codes import CommandKind
from tests.builders import commands_of, market_spec, params_record, public_record, seat_record

SPEC = market_spec()
AGENT = Momentum(fast_seconds=2.0, slow_seconds=8.0, threshold=0.5, size=2.0)
LOTS = 12  # two size scales of six lots
THRESHOLD = 2.0  # half a price scale of four ticks


class Follower:
    """A trader whose market orders are all filled at once."""

    def __init__(self) -> None:
        self.seat = seat_record()
        self.params = params_record(AGENT.parameters(SPEC, 1))
        self.orders: list[tuple[int, int]] = []

    def positions(self, prices: Iterable[float]) -> list[int]:
        """Return the position after each of successive prices."""
        after = []
        for price in prices:
            decide(AGENT.trader.address, 0, public_record(reference_ticks=price), self.seat, self.params)
            for kind, side, _, quantity in commands_of(self.seat):
                assert kind == CommandKind.MARKET
                self.orders.append((side, quantity))
                self.seat["account"]["position"] += side * quantity
            after.append(self.position)
        return after

    @property
    def position(self) -> int:
        return int(self.seat["account"]["position"])


def averages(prices: Iterable[float]) -> list[float]:
    """Return fast less slow average after each price, both started at the first one."""
    fast = slow = None
    differences = []
    for price in prices:
        fast = price if fast is None else price + (fast - price) * 0.5 ** (1 / 2.0)
        slow = price if slow is None else price + (slow - price) * 0.5 ** (1 / 8.0)
        differences.append(fast - slow)
    return differences


@pytest.mark.parametrize("side", [1, -1])
def test_it_follows_a_move_once_the_averages_are_apart(side: int) -> None:
    prices = [1000.0] * 3 + [1000.0 + side * step for step in range(1, 11)]
    positions = Follower().positions(prices)
    expected = [side * LOTS if side * gap > THRESHOLD else 0 for gap in averages(prices)]
    assert positions == expected
    assert positions[-1] == side * LOTS
    assert positions[3] == 0


def test_a_flat_price_leaves_it_flat() -> None:
    follower = Follower()
    assert set(follower.positions([1000.0] * 50)) == {0}
    assert set(follower.positions([1001.0] * 50)) == {0}, "a move below the threshold"
    assert follower.orders == []


@pytest.mark.parametrize("side", [1, -1])
def test_it_holds_between_threshold_and_cross_and_closes_at_the_cross(side: int) -> None:
    prices = [1000.0] + [1000.0 + 10 * side] * 5 + [1000.0 + 10 * side - side * step for step in range(1, 12)]
    gaps = [side * gap for gap in averages(prices)]
    cross = next(place for place in range(6, len(gaps)) if gaps[place] <= 0)
    assert any(0 < gap < THRESHOLD for gap in gaps[6:cross]), "there must be a stretch of holding"
    follower = Follower()
    positions = follower.positions(prices[: cross + 1])
    assert positions[cross - 1] == side * LOTS
    assert positions[cross] == (0 if -gaps[cross] <= THRESHOLD else -side * LOTS)
    assert follower.orders[:2] == [(side, LOTS), (-side, LOTS)]


def test_a_reversal_turns_the_position_over_at_once() -> None:
    follower = Follower()
    follower.positions([1000.0, 1020.0, 1020.0])
    assert follower.position == LOTS
    follower.positions([900.0])
    assert follower.orders == [(1, LOTS), (-1, 2 * LOTS)]


def test_it_tops_up_what_was_not_filled() -> None:
    follower: Any = Follower()
    follower.positions([1000.0, 1020.0])
    follower.seat["account"]["position"] = 5
    follower.positions([1025.0])
    assert follower.orders == [(1, LOTS), (1, LOTS - 5)]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"fast_seconds": 0.0}, "momentum.fast_seconds 0.0 must be above zero and below slow_seconds 20.0"),
        ({"fast_seconds": 20.0}, "momentum.fast_seconds 20.0 must be above zero and below slow_seconds 20.0"),
        ({"threshold": 0.0}, "momentum.threshold is 0.0; it must be above zero"),
        ({"size": -2.0}, "momentum.size is -2.0; it must be above zero"),
    ],
    ids=["no_time", "not_faster", "threshold", "size"],
)
def test_a_parameter_that_is_none_is_named(changes: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Momentum(**changes)
