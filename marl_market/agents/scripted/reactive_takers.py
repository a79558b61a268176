"""Liquidity taken by split orders that wait for a good price against a believed value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.agents.scripted.activity import Activity
from marl_market.agents.scripted.belief import Belief, believed_value
from marl_market.agents.scripted.free_fields import require_free
from marl_market.agents.scripted.reactive_state import (
    DUE_ORDERS,
    STATE_MEMORY,
    STATE_PARAMETERS,
    send_in_chain,
    state_parameters,
    update_state,
)
from marl_market.agents.scripted.steady_rate import keep_mean, steady_chance
from marl_market.agents.scripted.unconditional_flow import conditional_flow
from marl_market.agents.scripted.volatility_regime import state_of
from marl_market.env.trading import (
    DECIDED,
    MarketSpec,
    TimeInForce,
    Traits,
    compiled,
    exponential,
    group_memory,
    submit_limit_order,
    trader,
    uniform,
)
from marl_market.market.free_parameter import free
from marl_market.market.reactive_flow import ATOMS, DEPTHS, SPREADS

RATE, SECONDS, SELECTIVITY, DIRECTION, EXPONENT, REPEATING, BUNCHING, IMPATIENCE, SLIPPAGE, TURN = range(
    STATE_PARAMETERS, STATE_PARAMETERS + 10
)
SPREAD_EDGES = STATE_PARAMETERS + 10
TAKING = SPREAD_EDGES + SPREADS - 1
DEPTH_EDGES = TAKING + SPREADS
SIZES = DEPTH_EDGES + DEPTHS - 1
SIDE, LEFT = 0, 1
LONG_RUN = STATE_MEMORY
IMMEDIATE = int(TimeInForce.IMMEDIATE_OR_CANCEL)
MOST_EAGER = 4.0
LONGEST = 10_000.0
MOST_ORDERS = 12


@trader
def take_liquidity(public, seat, params):  # type: ignore[no-untyped-def]
    """Send orders of the parent order in progress, sooner where the price is good against the value."""
    table, state, memory = params.value, group_memory(seat), seat.agent.memory
    if public.depth[0] == 0 or public.depth[1] == 0:
        return DECIDED
    value = believed_value(state)
    if memory[LEFT] <= 0.0:
        begin_parent(public, seat, memory, table, value)
    side = 1 if memory[SIDE] > 0.0 else -1
    gain = value - public.best_ask if side > 0 else public.best_bid - value
    eagerness = table[IMPATIENCE] + math.exp(min(table[SELECTIVITY] * gain, MOST_EAGER))
    spread = state_of(float(public.best_ask - public.best_bid), table, SPREAD_EDGES, SPREADS - 1)
    eagerness *= table[TAKING + spread]
    active = table[SECONDS] * state[DUE_ORDERS]
    seconds = table[BUNCHING] * active + (1.0 - table[BUNCHING]) * public.step_seconds
    per_second = eagerness * seconds / public.step_seconds
    mean_count = table[RATE] * public.step_seconds
    if uniform(seat) < steady_chance(state, LONG_RUN, per_second, mean_count):
        memory[LEFT] -= 1.0
        send_orders(public, seat, table, side)
    keep_mean(state, LONG_RUN, seat.command_count, mean_count, table[TURN])
    return DECIDED


@compiled
def begin_parent(public, seat, memory, table, value):  # type: ignore[no-untyped-def]
    """Draw the side and the number of orders of a parent order."""
    gap = value - public.reference_ticks
    memory[SIDE] = 1.0 if uniform(seat) < 1.0 / (1.0 + math.exp(-table[DIRECTION] * gap)) else -1.0
    memory[LEFT] = min(LONGEST, math.floor(math.exp(exponential(seat) / table[EXPONENT])))


@compiled
def send_orders(public, seat, table, side):  # type: ignore[no-untyped-def]
    """Send one order, and others right behind it, each at the price where the one before it has left some."""
    index = 1 if side > 0 else 0
    number, left = 0, public.level[index, 0].quantity_lots
    while seat.command_count < MOST_ORDERS:
        depth = state_of(float(left), table, DEPTH_EDGES, DEPTHS - 1)
        lots = np.int64(table[SIZES + depth * ATOMS + int(uniform(seat) * ATOMS)])
        while left < lots and goes_deeper(public, seat, table, index, number):
            number += 1
            left += public.level[index, number].quantity_lots
        lots = min(lots, left)
        if lots > 0:
            submit_limit_order(seat, side, public.level[index, number].price_ticks, lots, 0, IMMEDIATE, 0)
            send_in_chain(seat, group_memory(seat), table)
        left -= lots
        if lots <= 0 or uniform(seat) >= table[REPEATING]:
            return


@compiled
def goes_deeper(public, seat, table, index, number):  # type: ignore[no-untyped-def]
    """Draw whether an order larger than what is left at a level goes on to the next one."""
    if number + 1 >= public.depth[index]:
        return False
    step = abs(public.level[index, number + 1].price_ticks - public.level[index, number].price_ticks)
    return uniform(seat) < math.exp(-table[SLIPPAGE] * step)


@dataclass(frozen=True)
class ReactiveTakers:
    """Market orders of a real market: parts of parent orders, sent when the price is good.

    Sees: the fundamental value, the public book, the trades of the last step, the time of day.
    Does: works one parent order after another: a number of orders of power-law tail (Lillo, Mike and Farmer 2005) of
        one side, the likelier the one to which the value lies. Sends its next order at a rate whose mean is that of
        the market; it grows exponentially with the gain of the price against the value and falls with the spread as
        in the data, and runs partly on the clock of `activity`. Orders are immediate or cancel, as large as those
        that meet the quantity at the best price, and often another follows right behind.

    Why a taker looks at prices: half of the adverse selection of a real market comes from orders that wait for quotes
    that are late (see `marl_market.agents.scripted.belief`).

    Attributes:
        share: fraction of the market's calibrated flow of market orders made by the whole group.
        belief: value that its orders refer to.
        activity: clock of its orders.
        rate: orders sent, relative to the market's calibrated rate: some find nothing any more.
        selectivity: growth of the logarithm of the rate for each price scale of gain.
        direction: growth of the log odds to buy for each price scale of the value above the reference price.
        exponent: of the power law of the number of orders of a parent order, P(n orders or more) = n ** -exponent.
        bunching: share of its time that runs with the activity; the rest runs evenly.
        impatience: relative rate of orders that do not look at the price; 1 is the rate of others at the value.
        slippage: how reluctant an order is to go on to the next price: it does so with probability exp(-slippage times
            their distance in price scales).
        caution: power of the relative rate at which the market's orders come in a state of the spread; 0: the spread
            matters only by the price.
    """

    trader = take_liquidity
    group_update = update_state
    traits = Traits(warms_up=True, privileges=("fundamental",))
    share: float = 1.0
    belief: Belief = field(default_factory=Belief)
    activity: Activity = field(default_factory=Activity)
    rate: float = free(1.1, 0.5, 4.0, "log")
    selectivity: float = free(6.9, 0.3, 40.0, "log")
    direction: float = free(1.6, 0.05, 40.0, "log")
    exponent: float = free(1.5, 1.05, 4.0, "log")
    bunching: float = free(0.53, 0.02, 0.98, "logit")
    impatience: float = free(0.038, 0.001, 1.0, "log")
    slippage: float = free(1.8, 0.05, 40.0, "log")
    caution: float = free(0.9, 0.01, 2.0, "log")

    def __post_init__(self) -> None:
        require_free(self, "reactive_takers")

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        """Return those of the state, the seat's rate, seconds of activity an order, own constants, and the tables."""
        flow, scale = conditional_flow(spec.flow), spec.price_scale_ticks
        rate = self.rate * self.share * spec.flow.market_rate / seats
        constants = (self.selectivity / scale, self.direction / scale, self.exponent, flow.following, self.bunching)
        own = (
            rate,
            1.0 / spec.flow.limit_rate,
            *constants,
            self.impatience,
            self.slippage / scale,
            spec.step_seconds / seats,
        )
        state = state_parameters(spec, self.belief, self.activity)
        taking = flow.table("taking") ** self.caution
        return (*state, *own, *flow.spread_edges, *taking, *flow.depth_edges, *flow.table("market_size_lots").ravel())
