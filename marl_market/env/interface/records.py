"""The record of the agent in a seat, nested in the exchange's seat record, which knows nothing of it."""

from __future__ import annotations

import numpy as np

from marl_market.exchange.records import in_cache_lines, market_dtype, seat_dtype

# Capacities of an agent's record; a change compiles once more.
SEAT_ACTIONS = 16
SEAT_MEMORY = 32
GROUP_MEMORY = 128
SEAT_OBSERVATION = 768
SEAT_CHOICES = 64
REWARD_PARTS = 16
REWARD_MEMORY = 4

WAKE = np.dtype(
    [
        ("step", np.int64),  # in which it wakes at the latest
        ("on_fill", np.int64),  # whether an own fill wakes it
        ("trade_lots", np.int64),  # size of a trade that wakes it; 0 for no such trigger
        ("quote_ticks", np.int64),  # move of the best bid or ask that wakes it; 0 for no such trigger
        ("trades", np.int64),  # own fills when it fell asleep
        ("best_bid", np.int32),  # when it fell asleep
        ("best_ask", np.int32),
    ],
    align=True,
)
FAULT = np.dtype([("kind", np.int16), ("part", np.int16), ("number", np.int32)], align=True)
"""The first number of a step that is not finite, see `marl_market.env.step.faults`: of which part, and its index."""

AGENT = in_cache_lines(
    [
        ("trader", np.int64),  # addresses of compiled functions; 0 for an external agent, which has no trader
        ("decoder", np.int64),
        ("timing", np.int64),  # address of the timing function; 0 for an agent that acts in every step
        ("mask_function", np.int64),  # address; 0 for actions without a mask
        ("group_update", np.int64),  # address, in the first seat of a group whose agent has one; else 0
        ("params_row", np.int32),  # row of its PARAMS record
        ("external_index", np.int32),  # index among the external seats; -1 for an agent with a trader
        ("group_index", np.int32),  # index within its group
        ("observes", np.int16),
        ("warms_up", np.int16),
        ("action_offset", np.int16),  # first value of this instrument in the action
        ("observes_fundamental", np.int16),
        ("moves_fundamental", np.int16),
        # From here to the observation: what a session changes, see `marl_market.env.step.state`.
        ("asleep", np.int16),  # whether it waits for its `wake` conditions before it acts again
        ("signal", np.float64),  # fundamental value in ticks, for an agent that observes it
        ("drift", np.float64),  # ticks per step by which it moves the fundamental value
        ("action", np.float32, (SEAT_ACTIONS,)),
        ("reward_memory", np.float64, (REWARD_PARTS, REWARD_MEMORY)),  # a row for each part of the reward
        ("wake", WAKE),
        ("fault", FAULT),
        ("memory", np.float64, (SEAT_MEMORY,)),
        ("mask", np.uint8, (SEAT_CHOICES,)),  # 1 for each legal choice of a discrete action
        ("observation", np.float32, (SEAT_OBSERVATION,)),
        ("activation", np.float32, (2, SEAT_OBSERVATION)),
        ("group_memory", np.float64, (GROUP_MEMORY,)),  # of the group, in the seat that has its `group_update`
    ]
)
"""One agent: addresses of its functions, its memory, observation and action."""

TAPE_ROW = np.dtype(
    [
        ("reference_ticks", np.float64),
        ("bid_quantity_lots", np.int64),  # 0, and its price too, without a quote
        ("ask_quantity_lots", np.int64),
        ("trades", np.int64),  # number of trades in the step
        ("bought_lots", np.int64),  # by aggressors in the step
        ("sold_lots", np.int64),
        ("bid_price_ticks", np.int32),
        ("ask_price_ticks", np.int32),
        ("last_trade_ticks", np.int32),  # the initial price before the first trade
    ],
    align=True,
)
"""Tape of one market in one step, as the venue publishes it at its end; see `BatchMarket.tape`."""

SEAT = seat_dtype(AGENT)
"""A seat and its agent, as traders, decoders, encoders and rewards receive it."""


def environment_dtype(capacity: str) -> np.dtype[np.void]:
    """Return the record type of one market of the size class `capacity` whose seats hold agents."""
    return market_dtype(capacity, AGENT)
