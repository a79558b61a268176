import math
from dataclasses import replace
from typing import Any

import pytest

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.env.interface.signatures import decide
from marl_market.exchange.codes import CommandKind
from tests.builders import (
    commands_of,
    market_spec,
    order_flow,
    params_record,
    public_record,
    seat_record,
    show_levels,
)

SPEC = market_spec(session_steps=100, flow=order_flow(volatility_ticks=0.8, spread_ticks=5.0))
AGENT = AvellanedaStoikov(risk_aversion=0.3, decay=1.5, size=2.0)
LOTS = 12  # two size scales


def quote(public: Any, position: int = 0, agent: AvellanedaStoikov = AGENT) -> tuple[int, int]:
    """Return the bid and the ask, having checked all else that is sent."""
    seat = seat_record()
    seat["account"]["position"] = position
    decide(agent.trader.address, 0, public, seat, params_record(agent.parameters(SPEC, 1)))
    cancel, bid, ask = commands_of(seat)
    assert cancel[0] == CommandKind.CANCEL_ALL
    assert (bid[0], bid[1], bid[3]) == (CommandKind.LIMIT, 1, LOTS)
    assert (ask[0], ask[1], ask[3]) == (CommandKind.LIMIT, -1, LOTS)
    return bid[2], ask[2]


def formula(middle: float, position: int, step: int) -> tuple[int, int]:
    """Equations 29 and 30 in units of price scales, quote sizes and sessions."""
    gamma, k, scale = AGENT.risk_aversion, AGENT.decay, SPEC.price_scale_ticks
    sigma_squared = (SPEC.flow.volatility_ticks / scale) ** 2 * 100
    left = 1 - max(step, 0) / 100
    reservation = middle / scale - position / LOTS * gamma * sigma_squared * left
    spread = gamma * sigma_squared * left + 2 / gamma * math.log(1 + gamma / k)
    return math.floor((reservation - spread / 2) * scale), math.ceil((reservation + spread / 2) * scale)


@pytest.mark.parametrize("middle", [1000.0, 1000.5])
@pytest.mark.parametrize("position", [0, 5, 12, -30])
@pytest.mark.parametrize("step", [-20, 0, 37, 99, 100])
def test_quotes_are_those_of_the_paper(middle: float, position: int, step: int) -> None:
    assert quote(public_record(reference_ticks=middle, step=step), position) == formula(middle, position, step)


def test_the_price_scale_is_that_of_the_market() -> None:
    assert SPEC.price_scale_ticks == 5.0
    assert SPEC.size_scale_lots * AGENT.size == LOTS


def test_a_long_position_moves_both_quotes_down_and_a_short_one_up() -> None:
    flat, long, short = (quote(public_record(), position) for position in (0, 24, -24))
    assert long[0] < flat[0] < short[0]
    assert long[1] < flat[1] < short[1]
    assert flat[0] + flat[1] == 2 * 1000
    assert short[0] - flat[0] == flat[1] - long[1]


def test_quotes_come_closer_and_the_skew_goes_away_as_the_session_ends() -> None:
    early, late = (quote(public_record(step=step), 24) for step in (0, 99))
    assert late[1] - late[0] < early[1] - early[0]
    assert sum(early) < sum(late) < 2000


@pytest.mark.parametrize("position", [0, 200, -200])
def test_a_quote_never_crosses_the_spread(position: int) -> None:
    public = public_record()
    show_levels(public, bids=[(999, 1)], asks=[(1001, 1)])
    bid, ask = quote(public, position)
    assert bid < 1001
    assert ask > 999
    if position:
        assert (ask == 1000) if position > 0 else (bid == 1000), "unclamped it would cross"


def test_where_a_side_is_empty_its_old_best_price_does_not_bind() -> None:
    public = public_record(best_bid=1500, best_ask=500)
    assert quote(public) == formula(1000.0, 0, 0)


@pytest.mark.parametrize("name", ["risk_aversion", "decay", "size"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_parameter_that_is_none_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"avellaneda_stoikov.{name} is {value}; it must be above zero"):
        AvellanedaStoikov(**{name: value})


def test_the_symmetric_strategy_quotes_the_same_spread_about_the_middle() -> None:
    agent = replace(AGENT, skews=False)
    assert quote(public_record(), 24, agent) == quote(public_record(), 0)
