"""What a group of reactive traders sees of the market, brought up to date once a step for all of its seats."""

from __future__ import annotations

from marl_market.agents.scripted.activity import ACTIVITY_MEMORY, ACTIVITY_PARAMETERS, DUE, Activity, update_activity
from marl_market.agents.scripted.belief import BELIEF_MEMORY, BELIEF_PARAMETERS, Belief, update_belief
from marl_market.agents.scripted.reaction_chain import (
    CHAIN_MEMORY,
    CHAIN_PARAMETERS,
    begin_chain,
    chain_parameters,
    send_next,
)
from marl_market.agents.scripted.unconditional_flow import conditional_flow
from marl_market.agents.scripted.volatility_regime import (
    REGIME,
    REGIME_MEMORY,
    REGIME_PARAMETERS,
    regime_parameters,
    update_regime,
)
from marl_market.env.trading import DECIDED, MarketSpec, compiled, group_memory, trader

ACTIVITY_FIRST = BELIEF_MEMORY
REGIME_FIRST = ACTIVITY_FIRST + ACTIVITY_MEMORY
CHAIN_FIRST = REGIME_FIRST + REGIME_MEMORY
STATE_MEMORY = CHAIN_FIRST + CHAIN_MEMORY
DUE_ORDERS, VOLATILITY_STATE = ACTIVITY_FIRST + DUE, REGIME_FIRST + REGIME

REGIME_START = BELIEF_PARAMETERS
ACTIVITY_START = REGIME_START + REGIME_PARAMETERS
CHAIN_START = ACTIVITY_START + ACTIVITY_PARAMETERS
STATE_PARAMETERS = CHAIN_START + CHAIN_PARAMETERS


@trader
def update_state(public, seat, params):  # type: ignore[no-untyped-def]
    """Bring belief, activity and state of volatility of a group up to date."""
    memory, table = group_memory(seat), params.value
    jump = update_belief(public, seat.agent.signal, memory, table)
    update_regime(public, memory, REGIME_FIRST, table, REGIME_START)
    update_activity(public, jump, memory, ACTIVITY_FIRST, table, ACTIVITY_START)
    begin_chain(public, seat, memory, CHAIN_FIRST)
    return DECIDED


@compiled
def send_in_chain(seat, memory, table):  # type: ignore[no-untyped-def]
    """Send the seat's last command behind all that its group sends in the step; return its nanoseconds."""
    return send_next(seat, memory, CHAIN_FIRST, table, CHAIN_START)


def state_parameters(spec: MarketSpec, belief: Belief, activity: Activity) -> tuple[float, ...]:
    """Return the parameters of `update_state`."""
    flow = conditional_flow(spec.flow)
    return (
        *belief.parameters(spec),
        *regime_parameters(flow),
        *activity.parameters(spec, flow),
        *chain_parameters(flow),
    )
