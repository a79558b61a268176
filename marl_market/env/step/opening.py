"""The opening of a session: empty books and accounts, the warm-up, and the first observation."""

from __future__ import annotations

from marl_market.env.interface.records import REWARD_MEMORY, REWARD_PARTS
from marl_market.env.step.context import call_stage, flag_row, keys_of, prices_of
from marl_market.env.step.faults import check_excess
from marl_market.env.step.fundamental import open_fundamental
from marl_market.env.step.observed import add_tick, open_record
from marl_market.env.step.replay import opening_price, replay_of
from marl_market.env.step.step import check_observations, encode_observations
from marl_market.env.timing.wakeups import is_active
from marl_market.exchange.compiled import compiled
from marl_market.exchange.latency import begin_history, open_connections
from marl_market.exchange.liquidation import cancel_uncovered
from marl_market.exchange.market_history import add_events
from marl_market.exchange.portfolio import instrument, sync_cross_instrument
from marl_market.exchange.setup import clear_accounts, open_market


@compiled
def open_agent(agent):  # type: ignore[no-untyped-def]
    """Clear an agent's state of the last session; constants stay."""
    agent.asleep = 0
    for j in range(agent.action.size):
        agent.action[j] = 0.0
    for j in range(agent.memory.size):
        agent.memory[j] = 0.0
    if agent.group_update != 0:
        agent.group_memory[:] = 0.0
    for j in range(REWARD_PARTS):
        for k in range(REWARD_MEMORY):
            agent.reward_memory[j, k] = 0.0
    for j in range(agent.observation.size):
        agent.observation[j] = 0.0


def open_session(first, number, context):  # type: ignore[no-untyped-def]
    """Stage: open every instrument of a market, warm it up and encode the first observation."""
    price_ticks = prices_of(context, first.instrument_count)
    for index in range(first.instrument_count):
        market = instrument(first, index)
        open_market(market, opening_price(price_ticks[index], number, context))
        for i in range(market.seat_count):
            open_agent(market.seat[i].agent)
        keys = keys_of(context, number, index)
        market.random_key = keys[0]
        for i in range(market.seat_count):
            market.seat[i].random_key = keys[1 + i]
        market.time_ns = -context.warmup_steps * context.step_ns
        market.public.time_ns = market.time_ns
        market.public.step = -context.warmup_steps
        if market.connection != 0:
            open_connections(market, keys[1 + context.seats :], context.step_ns)
        if market.path != 0:
            open_fundamental(market)
        if context.replays != 0 and replay_of(context, number).count > 0:
            call_stage(context.open_replay, market, number, context)
        if market.substeps > 1:
            open_record(market)
        for step in range(context.warmup_steps):
            market.tick = step % market.substeps
            call_stage(context.trade_once, market, number, context)
            if market.substeps > 1 and step < context.warmup_steps - 1:
                add_tick(market)
        clear_accounts(market)
    check_excess(first, context)
    for index in range(first.instrument_count):
        market = instrument(first, index)
        sync_cross_instrument(first, index)
        market.event_count = 0
        if market.limits_orders == 1:
            cancel_uncovered(market)
        if market.public.tracks_history == 1:
            add_events(market)
        begin_history(market)
        if market.substeps > 1 and context.warmup_steps > 0:
            add_tick(market)
        elif market.substeps > 1:
            open_record(market)
        market.event_count = 0
    active = flag_row(context.active, context.seats, number)
    for i in range(first.seat_count):
        active[i] = is_active(first.seat[i])
    for index in range(first.instrument_count):
        encode_observations(first, index, number, context)
    check_observations(first, number, context)
    return 0
