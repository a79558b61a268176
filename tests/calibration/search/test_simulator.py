from dataclasses import replace

import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.calibration.search.simulator import PopulationMarket, Simulator
from marl_market.env.population.group import Group
from marl_market.market.free_parameter import FreeParameter
from marl_market.market.tape import FlowKind, Tape
from marl_market.market.validation import ConfigError
from tests.builders import market_spec

BOUNDS = FreeParameter(0.1, 2.0, "log")
MARKET = PopulationMarket(market_spec(), [Group("noise", ZeroIntelligence(), 4)], {"noise.share": BOUNDS})
SIMULATE = Simulator(MARKET, warmup_seconds=10.0)


def limits(tape: Tape) -> int:
    return int((tape.flow["kind"] == FlowKind.LIMIT).sum())


def test_the_values_are_those_of_the_agents() -> None:
    assert MARKET.values() == {"noise.share": ZeroIntelligence().share}
    assert MARKET.with_values({"noise.share": 0.5}).values() == {"noise.share": 0.5}


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ConfigError, match=r"parameter is 'noise.shares'; it must be a field of an agent: did you mean"):
        replace(MARKET, parameters={"noise.shares": BOUNDS})


def test_a_session_is_as_long_as_asked_and_follows_its_seed() -> None:
    tape = SIMULATE(MARKET.values(), 1, 60.0)
    start, end = tape.sessions[0].tolist()
    assert end - start <= 60 * 10**9
    assert end - start > 50 * 10**9
    assert tape.digest() == SIMULATE(MARKET.values(), 1, 60.0).digest()
    assert tape.digest() != SIMULATE(MARKET.values(), 2, 60.0).digest()


def test_a_parameter_shows_in_the_tape() -> None:
    few, many = (SIMULATE({"noise.share": share}, 1, 60.0) for share in (0.2, 1.0))
    # a fifth of the market's flow against all of it, of hundreds of orders
    assert limits(few) / limits(many) == pytest.approx(0.2, rel=0.3)
