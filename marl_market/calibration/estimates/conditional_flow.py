"""All that a market's orders depend on, estimated from one tape."""

from __future__ import annotations

import numpy as np

from marl_market.agents.scripted.unconditional_flow import unconditional_flow
from marl_market.calibration.estimates.cancel_hazards import CancelHazards, cancel_hazards
from marl_market.calibration.estimates.day_profile import activity_profile
from marl_market.calibration.estimates.fleeting_orders import fleeting_lives, fleeting_shares, reaction_times
from marl_market.calibration.estimates.limit_offsets import offset_tables, spread_edges
from marl_market.calibration.estimates.order_sizes import limit_sizes, market_sizes
from marl_market.calibration.estimates.quote_series import QuoteSeries
from marl_market.calibration.estimates.taker_bursts import following_share, taking_rates
from marl_market.calibration.estimates.volatility_states import VolatilityStates
from marl_market.market.order_flow import OrderFlow
from marl_market.market.reactive_flow import ReactiveFlow
from marl_market.market.tape import Tape
from marl_market.market.units import NANOSECONDS_PER_SECOND

SHORTEST_SECONDS = 60.0


def conditional_flow(tape: Tape, flow: OrderFlow) -> ReactiveFlow:
    """Return the tables of a tape whose averages are `flow`; with one cancel hazard where it has no lives of orders.

    Raises ValueError for a tape that is too short to tell states apart.
    """
    quotes = QuoteSeries(tape)
    if quotes.seconds < SHORTEST_SECONDS or not (np.diff(quotes.sessions) > NANOSECONDS_PER_SECOND).any():
        raise ValueError(
            f"the recording is active for {quotes.seconds:.3g} s; what its flow depends on needs "
            f"{SHORTEST_SECONDS:g} or more, and a session of more than a second"
        )
    states, spreads = VolatilityStates(quotes), spread_edges(quotes)
    depths, market = market_sizes(tape, quotes)
    hazards = cancel_hazards(tape, quotes, spreads) or _one_hazard(flow)
    return ReactiveFlow(
        regime_edges=_rounded(states.edges),
        spread_edges=spreads,
        offset_ticks=_rounded(offset_tables(tape, quotes, states, spreads)),
        limit_size_lots=limit_sizes(tape, quotes, hazards.place_edges).tolist(),
        depth_edges=depths,
        market_size_lots=market.tolist(),
        size_edges=hazards.size_edges,
        age_edges=_rounded(hazards.age_edges),
        place_edges=hazards.place_edges,
        cancel_hazard=_rounded(hazards.hazard),
        fleeting=_rounded(fleeting_shares(tape, quotes, spreads, hazards)),
        fleeting_life=_rounded(fleeting_lives(tape)),
        reaction=_rounded(reaction_times(tape)),
        activity=_rounded(activity_profile(tape, quotes)),
        taking=_rounded(taking_rates(tape, quotes, spreads)),
        following=round(following_share(tape, quotes), 4),
    )


def _one_hazard(flow: OrderFlow) -> CancelHazards:
    tables = unconditional_flow(flow)
    return CancelHazards(
        list(tables.age_edges), list(tables.place_edges), list(tables.size_edges), tables.table("cancel_hazard")
    )


def _rounded(table: object) -> list:  # type: ignore[type-arg]
    """Return a table with four significant digits, far finer than its sampling error."""
    values = np.asarray(table, np.float64)
    with np.errstate(divide="ignore"):
        digits = 10.0 ** (3 - np.floor(np.log10(np.abs(values), out=np.zeros_like(values), where=values != 0)))
    return (np.round(values * digits) / digits).tolist()
