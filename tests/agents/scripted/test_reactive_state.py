"""What a group of reactive traders sees: belief, activity, and the state of volatility."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.activity import (
    ACTIVITY_MEMORY,
    ACTIVITY_PARAMETERS,
    DUE,
    LONG_RUN,
    Activity,
    update_activity,
)
from marl_market.agents.scripted.belief import Belief, believed_value, update_belief
from marl_market.agents.scripted.reaction_chain import CHAIN_MEMORY, LAST_NS, begin_chain, chain_parameters, send_next
from marl_market.agents.scripted.steady_rate import (
    ELAPSED,
    LEVEL,
    RATE_MEMORY,
    TIME_CONSTANT_SECONDS,
    keep_mean,
    relative_to_mean,
    steady_chance,
)
from marl_market.agents.scripted.unconditional_flow import conditional_flow
from marl_market.agents.scripted.volatility_regime import (
    KEPT,
    MEAN_MOVE,
    REGIME,
    REGIME_MEMORY,
    state_of,
    update_regime,
)
from marl_market.env.trading import submit_limit
from marl_market.exchange.random_streams import begin_stream
from marl_market.market.reactive_flow import DELAYS, SLOTS
from marl_market.market.validation import ConfigError
from tests.agents.scripted.trader_seat import SPEC, quoted
from tests.builders import seat_record

FLOW = conditional_flow(SPEC.flow)


def believe(signals: list[float], nets: list[int], belief: Belief) -> list[float]:
    """Return the believed value after each step of a signal and of lots bought less lots sold."""
    memory, table, values = np.zeros(4), np.array(belief.parameters(SPEC)), []
    for signal, net in zip(signals, nets, strict=True):
        update_belief(quoted(step_lots=(max(net, 0), max(-net, 0))), signal, memory, table)
        values.append(float(believed_value(memory)))
    return values


def test_a_value_moves_with_the_fundamental_and_by_what_trades_were_not_expected_to_be() -> None:
    belief = Belief(learning=0.5, adaptation=0.25)  # two ticks
    assert believe([1000.0, 1003.0], [0, 0], belief) == [1000.0, 1003.0]
    # expected signs 0, 1/4, 7/16; a sale after them surprises by -1 - 37/64
    values = believe([1000.0] * 4, [5, 1, 9, -2], belief)
    assert np.diff([1000.0, *values]) == pytest.approx([2.0, 2.0 * 3 / 4, 2.0 * 9 / 16, -2.0 * 101 / 64])


def test_the_first_signal_is_no_jump() -> None:
    memory, table = np.zeros(4), np.array(Belief().parameters(SPEC))
    assert update_belief(quoted(), 990.0, memory, table) == 0.0
    assert update_belief(quoted(), 993.0, memory, table) == 3.0


class Clock:
    """An activity and its memory."""

    def __init__(self, activity: Activity) -> None:
        self.memory, self.table = np.zeros(ACTIVITY_MEMORY), np.array(activity.parameters(SPEC, FLOW))
        assert self.table.size == ACTIVITY_PARAMETERS

    def due(self, jump: float = 0.0, **fields: Any) -> float:
        public = quoted(**fields)
        for index in range(2):  # of a step ago
            public["previous_level"][index, 0] = public["level"][index, 0]
        public["previous_depth"] = 1
        self.memory[LONG_RUN + LEVEL], self.memory[LONG_RUN + ELAPSED] = 1.0, 1e9
        update_activity(public, jump, self.memory, 0, self.table, 0)
        return float(self.memory[DUE])


QUIET = Activity(base=0.25, on_jump=4.0, on_trade=6.0, on_quote=1.0, half_life_seconds=1.0)


def test_without_events_orders_come_evenly() -> None:
    clock = Clock(QUIET)
    assert [clock.due(), clock.due()] == pytest.approx([2.0, 2.0], rel=0.01)  # a quarter of eight a second


def test_what_a_trade_sets_off_is_due_within_its_half_life() -> None:
    clock = Clock(QUIET)
    found = [clock.due(step_lots=(3, 0))] + [clock.due() for _ in range(3)]
    assert np.subtract(found, 2.0) == pytest.approx([3.0, 1.5, 0.75, 0.375], abs=0.05)
    assert clock.due(step_lots=(2, 2)) - 2.0 == pytest.approx(0.1875, abs=0.05), "balanced trades set off nothing"


def test_a_jump_sets_off_orders_in_proportion_up_to_a_quarter_of_a_price_scale() -> None:
    for jump, orders in ((0.5, 2.0), (1.0, 4.0), (7.0, 4.0)):
        assert Clock(QUIET).due(jump) - 2.0 == pytest.approx(orders / 2, abs=0.05)


def test_a_move_of_a_best_price_sets_off_orders() -> None:
    clock, public = Clock(QUIET), quoted()
    public["previous_depth"] = 1
    public["previous_level"][0, 0]["price_ticks"] = 997  # the best bid rose
    public["previous_level"][1, 0]["price_ticks"] = public["best_ask"]
    clock.memory[LONG_RUN + LEVEL], clock.memory[LONG_RUN + ELAPSED] = 1.0, 1e9
    update_activity(public, 0.0, clock.memory, 0, clock.table, 0)
    assert clock.memory[DUE] - 2.0 == pytest.approx(0.5, abs=0.05)


def test_the_profile_of_the_day_multiplies_all_of_it() -> None:
    clock = Clock(QUIET)
    profile = clock.table[-SLOTS:]
    profile[:] = np.arange(1, SLOTS + 1)
    assert [clock.due(step=step) for step in (-5, 0, 9, 10, 99)] == pytest.approx([2.0, 2.0, 2.0, 4.0, 20.0], rel=0.01)


def test_the_state_of_volatility_is_that_of_the_mean_move_of_a_second() -> None:
    memory, edges = np.zeros(REGIME_MEMORY), np.array([1.0, 2.0])
    for second in range(200):
        update_regime(quoted(998, 1002, time_ns=second * 10**9), memory, 0, edges, 0)
    assert memory[MEAN_MOVE] == pytest.approx(1.5 * KEPT**199)
    assert memory[REGIME] == 0
    for second in range(200, 400):
        shift = 3 * (second % 2)
        update_regime(quoted(998 + shift, 1002 + shift, time_ns=second * 10**9), memory, 0, edges, 0)
    assert memory[MEAN_MOVE] == pytest.approx(3.0, rel=0.02)
    assert memory[REGIME] == 2
    before = memory[MEAN_MOVE]
    update_regime(quoted(900, 904, time_ns=399 * 10**9 + 5), memory, 0, edges, 0)
    assert memory[MEAN_MOVE] == before, "a second has not passed"


def test_an_edge_belongs_to_the_state_above_it() -> None:
    edges = np.array([9.0, 1.0, 2.0, 2.0])
    assert [state_of(value, edges, 1, 3) for value in (0.0, 1.0, 1.9, 2.0, 5.0)] == [0, 1, 1, 3, 3]


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (lambda: Belief(learning=-1.0), "belief.learning is -1.0; it must be a number of zero or more"),
        (lambda: Belief(adaptation=1.5), "belief.adaptation is 1.5; it must be at most 1"),
        (lambda: Activity(on_trade=float("nan")), "activity.on_trade is nan"),
    ],
)
def test_a_field_that_is_impossible_is_named(part: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        part()
    assert complaint in str(caught.value)


def test_the_messages_of_a_step_follow_one_another_as_fast_as_in_the_data() -> None:
    flow = replace(FLOW, reaction=[0.002] * DELAYS)
    seat, memory, table = seat_record(1), np.zeros(CHAIN_MEMORY), np.array(chain_parameters(flow))
    begin_stream(seat, 0)
    starts = []
    for _ in range(400):
        begin_chain(quoted(step_seconds=0.01), seat, memory, 0)
        starts.append(memory[LAST_NS])
    assert np.mean(starts) == pytest.approx(5e6, rel=0.1)
    assert max(starts) < 1e7
    submit_limit(seat, 1, 990, 1)
    before = memory[LAST_NS]
    assert send_next(seat, memory, 0, table, 0) - before == pytest.approx(2e6)
    assert seat["command"][0]["after_ns"] == int(memory[LAST_NS])


def test_a_rate_keeps_its_mean_whatever_drives_it() -> None:
    random, memory = np.random.default_rng(1), np.zeros(RATE_MEMORY)
    found = [relative_to_mean(memory, 0, float(x), 0.5) for x in random.exponential(7.0, 20_000)]
    assert np.mean(found[1000:]) == pytest.approx(1.0, abs=0.02)
    steps = int(TIME_CONSTANT_SECONDS / 0.5)
    for _ in range(steps):
        last = relative_to_mean(memory, 0, 14.0, 0.5)
    # of a time constant of TIME_CONSTANT_SECONDS: a share 1 - 1/e of the way from 7 to 14
    assert last == pytest.approx(14 / (14 - 7 / np.e), rel=0.05)


def test_acts_keep_their_mean_number_of_events_even_where_one_is_certain_at_times() -> None:
    random, memory, counts = np.random.default_rng(1), np.zeros(RATE_MEMORY), []
    for intensity in np.where(random.random(60_000) < 0.01, 500.0, 0.5):
        acts = random.random() < steady_chance(memory, 0, float(intensity), 0.2)
        counts.append(3 * int(acts))
        keep_mean(memory, 0, counts[-1], 0.2, 0.5)
    assert np.mean(counts[5000:]) == pytest.approx(0.2, rel=0.05)
