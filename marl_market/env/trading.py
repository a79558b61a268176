"""Toolbox of a trader: the one module of marl_market that a trader imports, scripted ones and your own alike.

A trader is a compiled decision function and a frozen dataclass of its parameters; README.md, "Add your own trader", has
a whole one.

- *Traits*: `Traits` declares the data and the calls that the trader needs of the environment.
- *Decisions*: `trader` compiles the decision function, which reads the market's public record, its seat and its
  parameters, and returns DECIDED, or DECODE to execute `seat.agent.action` by the action decoder. `compiled` compiles a
  function that it calls. Its scratch numbers are `seat.agent.memory`, zero at the start of a session.
- *Groups*: the seats of a group share GROUP_MEMORY numbers, `group_memory(seat)`, where their agent has a
  `group_update`: a function made by `trader`, called with the first seat once a step before any of them decides.
- *Orders*: `submit_limit`, `submit_limit_order` (with a TimeInForce), `submit_market`, `submit_stop`,
  `submit_stop_limit`, `replace`, `replace_stop`, `cancel`, `cancel_newest` and `cancel_all`; prices in ticks up to
  HIGHEST_PRICE, quantities in lots. `send_after` sends the one written last some time after the decision.
- *Timing*: `sleep` and `sleep_until` postpone the seat's next decision.
- *Random numbers* of the seat's own stream: `uniform`, `below`, `exponential`, `normal`, `poisson`, `quantile`.
- *Steps* of a scripted trader are ticks of the market's clock: `public.step`, `public.session_steps`, lifetimes, sleeps
  and the spec that `parameters` gets all count them, and a rate a second is one a step times `spec.step_seconds`. So a
  trader never knows of `MarketSpec.substeps`; seats that observe decide in the first of a step's ticks.
- *Messages*: `public.step_trades` and `step_lots` count the trades of the last step. With the privilege "events",
  `public.step_limit_orders`, `step_cancels` and `step_market_orders` count its messages, [0] of buyers and [1] of
  sellers, and `public.event` keeps the last PUBLIC_EVENTS single events, trades among them: event number i is at
  i % PUBLIC_EVENTS, and `public.event_count` less what it was at the last decision are new.
- *Records*: up to PUBLIC_LEVELS levels and PUBLIC_EVENTS events (of a PublicKind) are public, a seat has SEAT_ORDERS
  order slots (`lowest_bit` iterates over `seat.live`), and PARAM_VALUES parameters fit. Quotes more than WIDEST_SPREAD
  price scales apart tell no price.
- *Parameters*: MarketSpec converts price scales, size scales and seconds to ticks, lots and steps; distributions have
  QUANTILES quantiles; `require` raises ValueError for an invalid field.

Why one module: the functions are spread over the exchange and the environment by the records they write, a detail
irrelevant to a trader.
"""

from __future__ import annotations

from marl_market.env.interface.group_memory import group_memory
from marl_market.env.interface.records import GROUP_MEMORY
from marl_market.env.interface.signatures import DECIDED, DECODE, PARAM_VALUES, trader
from marl_market.env.population.traits import Traits
from marl_market.env.timing.wakeups import sleep, sleep_until
from marl_market.exchange.bits import lowest_bit
from marl_market.exchange.codes import PublicKind, TimeInForce
from marl_market.exchange.commands import (
    HIGHEST_PRICE,
    cancel,
    cancel_all,
    cancel_newest,
    replace,
    replace_stop,
    send_after,
    submit_limit,
    submit_limit_order,
    submit_market,
    submit_stop,
    submit_stop_limit,
)
from marl_market.exchange.compiled import compiled
from marl_market.exchange.publication import WIDEST_SPREAD
from marl_market.exchange.random_streams import below, exponential, normal, poisson, quantile, uniform
from marl_market.exchange.records import PUBLIC_EVENTS, PUBLIC_LEVELS, SEAT_ORDERS
from marl_market.market.order_flow import QUANTILES
from marl_market.market.spec import MarketSpec
from marl_market.market.validation import require

__all__ = [
    "DECIDED",
    "DECODE",
    "GROUP_MEMORY",
    "HIGHEST_PRICE",
    "PARAM_VALUES",
    "PUBLIC_EVENTS",
    "PUBLIC_LEVELS",
    "QUANTILES",
    "SEAT_ORDERS",
    "WIDEST_SPREAD",
    "MarketSpec",
    "PublicKind",
    "TimeInForce",
    "Traits",
    "below",
    "cancel",
    "cancel_all",
    "cancel_newest",
    "compiled",
    "exponential",
    "group_memory",
    "lowest_bit",
    "normal",
    "poisson",
    "quantile",
    "replace",
    "replace_stop",
    "require",
    "send_after",
    "sleep",
    "sleep_until",
    "submit_limit",
    "submit_limit_order",
    "submit_market",
    "submit_stop",
    "submit_stop_limit",
    "trader",
    "uniform",
]
