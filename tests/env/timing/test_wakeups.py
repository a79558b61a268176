from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import MultiDiscrete

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.records import AGENT
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.env.timing.chosen_trigger import LARGE_TRADE, NEXT_STEP, OWN_FILL, QUOTE_MOVE, ChosenTrigger
from marl_market.env.timing.every_step import EveryStep
from marl_market.env.timing.wakeups import sleep, wake_seats
from marl_market.exchange.commands import submit_limit
from marl_market.exchange.setup import allocate_instruments
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec

STEPS = 12


def timed_batch(timing: Any, action: Any = None, **changes: Any) -> BatchMarket:
    batch = BatchMarket(environment(timing=timing, action=action or Quotes(), **changes), 1)
    batch.reset([1])
    return batch


def continuous(choice: int, choices: int) -> float:
    """Return the number in [-1, 1] in the middle of the range of a choice."""
    return (2 * choice + 1) / choices - 1


@pytest.mark.parametrize("discrete", [False, True])
def test_a_seat_acts_again_after_as_many_steps_as_it_has_chosen(discrete: bool) -> None:
    batch = timed_batch(ChosenDelay((1, 3, 5)), LimitGrid() if discrete else Quotes())
    size = batch.environment.action_size
    assert batch.environment.action_of("outside").space.shape == (size,)
    active = []
    for _ in range(STEPS):
        active.append(batch.active[0, 4:6].tolist())
        action = np.zeros((1, 2, size), np.float32)
        # The first seat always chooses three steps; the second five at first, then one.
        chosen = (1, 2 if len(active) == 1 else 0)
        action[0, :, -1] = chosen if discrete else [continuous(choice, 3) for choice in chosen]
        batch.step(action)
    assert [step for step, (first, _) in enumerate(active) if first] == [0, 3, 6, 9]
    assert [step for step, (_, second) in enumerate(active) if second] == [0, *range(5, STEPS)]


def test_a_sleeping_seat_keeps_its_orders_and_is_scored_without_observations() -> None:
    batch = timed_batch(ChosenDelay((4,)), spec=market_spec(session_steps=38))
    action = np.zeros((1, 2, 5), np.float32)
    sent, earned, observed = [], [], []
    for _ in range(38):
        before = batch.active[0, 4]
        step = batch.step(action)
        seat = batch.markets[0]["seat"][4]
        assert (seat["command_count"] > 0) == before
        sent.append(bool(seat["command_count"]))
        observed.append(step.observation[0, 0].tobytes())
        if not before:
            earned.append(float(step.reward[0, 4]))
    assert sent == ([True, False, False, False] * 10)[:38]
    assert np.abs(earned).max() > 0
    changes = [step for step in range(1, 38) if observed[step] != observed[step - 1]]
    assert changes == [*range(3, 37, 4), 37], "an observation as it wakes, the last one at the close"


def test_a_timed_action_has_one_more_number() -> None:
    grid = environment(action=LimitGrid(), timing=ChosenDelay()).action_of("outside")
    assert grid.space == MultiDiscrete([22, 5])
    assert environment(action=LimitGrid(), timing=EveryStep()).action_of("outside") == LimitGrid()
    batch = timed_batch(ChosenDelay(), LimitGrid())
    assert batch.mask.shape == (1, 2, 27)
    for _ in range(3):
        batch.step(np.ones((1, 2, 2), np.float32))
        assert batch.mask[:, :, 22:].all(), "no timing choice is masked"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda: ChosenDelay((0, 1)), r"timing.delays is \(0, 1\); it must be 1 to 13 whole numbers"),
        (lambda: ChosenDelay(()), r"timing.delays is \(\)"),
        (lambda: ChosenTrigger(longest_steps=0), "timing.longest_steps is 0; it must be one or more"),
        (lambda: ChosenTrigger(quote_move=0.0), "timing.quote_move is 0.0; it must be above zero"),
    ],
)
def test_an_invalid_timing_is_named(change: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        change()


class Sleeper:
    """A market record with one seat that is asleep and waits for one thing."""

    def __init__(self, **wake: int) -> None:
        self.markets = allocate_instruments(market_spec(), 1, 2, AGENT)[0]
        self.market: Any = self.markets[0]
        self.market["public"]["best_bid"], self.market["public"]["best_ask"] = 995, 1005
        self.seat = self.market["seat"][1]
        self.seat["agent"]["asleep"] = 1
        for name, value in {"step": 10, "best_bid": 995, "best_ask": 1005, **wake}.items():
            self.seat["agent"]["wake"][name] = value

    def sleeps(self) -> bool:
        wake_seats(self.market)
        return bool(self.seat["agent"]["asleep"])

    def trade(self, *lots: int) -> None:
        self.market["public"]["step_largest_lots"] = max(lots)


def test_a_sleeper_wakes_when_its_time_is_over_and_not_for_other_triggers() -> None:
    sleeper = Sleeper()
    sleeper.trade(50)
    sleeper.seat["account"]["trades"] = 3
    sleeper.market["public"]["best_bid"] = 900
    for step, asleep in ((9, True), (10, False)):
        sleeper.market["public"]["step"] = step
        assert sleeper.sleeps() == asleep


def test_a_fill_of_its_own_wakes_it() -> None:
    sleeper = Sleeper(on_fill=1, trades=3)
    sleeper.seat["account"]["trades"] = 3
    sleeper.trade(50)
    assert sleeper.sleeps()
    sleeper.seat["account"]["trades"] = 4
    assert not sleeper.sleeps()


def test_a_large_trade_wakes_it() -> None:
    sleeper = Sleeper(trade_lots=7)
    sleeper.trade(3, 6, 2)
    assert sleeper.sleeps()
    sleeper.trade(3, 7, 2)
    assert not sleeper.sleeps()


@pytest.mark.parametrize(
    ("side", "near", "far"), [("best_bid", 997, 998), ("best_ask", 1003, 1002), ("best_bid", 993, 992)]
)
def test_a_move_of_the_best_quotes_wakes_it(side: str, near: int, far: int) -> None:
    sleeper = Sleeper(quote_ticks=3)
    sleeper.market["public"][side] = near
    assert sleeper.sleeps()
    sleeper.market["public"][side] = far
    assert not sleeper.sleeps()


def test_a_seat_waits_for_its_chosen_trigger() -> None:
    timing = ChosenTrigger(longest_steps=6, trade_size=0.5, quote_move=0.5)
    batch = timed_batch(timing, spec=market_spec(session_steps=20))
    _, lots, ticks = (int(value) for value in timing.parameters(batch.environment.spec))
    assert lots > 1 or ticks > 1
    for choice, expected in {OWN_FILL: (1, 0, 0), LARGE_TRADE: (0, lots, 0), QUOTE_MOVE: (0, 0, ticks)}.items():
        batch.reset([3])
        action = np.full((1, 2, 5), continuous(choice, 4), np.float32)
        batch.step(action)
        wake = batch.markets[0]["seat"][4]["agent"]["wake"]
        assert (wake["on_fill"], wake["trade_lots"], wake["quote_ticks"]) == expected
        assert wake["step"] == 6
        slept = 1
        while not batch.active[0, 4]:
            batch.step(action)
            slept += 1
        assert 1 <= slept <= 6
    batch.reset([3])
    batch.step(np.full((1, 2, 5), continuous(NEXT_STEP, 4), np.float32))
    assert batch.active.all()


@trader
def quote_and_sleep(public, seat, params):  # type: ignore[no-untyped-def]
    """Send an order and sleep for three steps."""
    submit_limit(seat, 1, 900.0, 1)
    sleep(public, seat, 3)
    return DECIDED


@dataclass(frozen=True)
class Drowsy:
    trader = quote_and_sleep
    traits = Traits()

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


def test_a_scripted_trader_may_sleep_too() -> None:
    groups = [Group("noise", ZeroIntelligence(), 2), Group("drowsy", Drowsy(), 1), Group("outside", External(), 1)]
    batch = BatchMarket(environment(groups), 1)
    batch.reset([1])
    sent = []
    for _ in range(STEPS):
        batch.step(np.zeros((1, 1, 4), np.float32))
        sent.append(int(batch.markets[0]["seat"][2]["command_count"]))
    assert sent == [1, 0, 0] * 4
