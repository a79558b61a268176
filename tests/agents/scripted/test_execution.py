"""The schedules of the execution traders."""

import math
from typing import Any

import pytest

from marl_market.agents.scripted.almgren_chriss import AlmgrenChriss
from marl_market.agents.scripted.pov import POV
from marl_market.agents.scripted.twap import TWAP
from marl_market.agents.scripted.vwap import VWAP
from tests.agents.scripted.trader_seat import MARKET, SPEC, TraderSeat
from tests.builders import market_spec, public_record


def steps(count: int, session: int = 100) -> list[Any]:
    return [public_record(step=step, session_steps=session) for step in range(count)]


@pytest.mark.parametrize("side", [1, -1])
def test_twap_is_as_far_with_the_order_as_with_the_time_and_ends_exactly(side: int) -> None:
    positions = TraderSeat(TWAP(side=side, size=20 / 6)).play(steps(7, session=7))
    assert [side * position for position in positions] == [3, 6, 9, 11, 14, 17, 20]


def test_twap_ends_with_its_horizon() -> None:
    positions = TraderSeat(TWAP(size=10 / 6, horizon=0.5)).play(steps(100))
    assert positions[24] == 5
    assert positions[49:] == [10] * 51


def test_what_was_not_filled_is_caught_up_and_what_was_too_much_is_kept() -> None:
    trader = TraderSeat(TWAP(size=100 / 6))
    assert trader.orders(public_record(step=49), position=10) == [(MARKET, 1, 0, 40)]
    assert trader.orders(public_record(step=49), position=60) == []


def test_vwap_follows_the_expected_volume() -> None:
    positions = TraderSeat(VWAP(size=400 / 6, profile=(1, 3))).play(steps(100))
    assert positions[24] == 50
    assert positions[49] == 100
    assert positions[74] == 250
    assert positions[99] == 400


def test_pov_has_its_share_of_all_volume() -> None:
    trader = TraderSeat(POV(size=100 / 6, rate=0.2))
    trader.fill(1, 10)
    assert trader.orders(public_record(session_lots=130)) == [(MARKET, 1, 0, 20)]
    trader.fill(1, 20)
    assert trader.orders(public_record(session_lots=150)) == [], "30 of 150 are a fifth"
    assert trader.orders(public_record(session_lots=100_000)) == [(MARKET, 1, 0, 70)], "no more than the order"


@pytest.mark.parametrize("side", [1, -1])
def test_almgren_chriss_leaves_what_the_paper_leaves(side: int) -> None:
    # kappa 3 a session of 100 steps: 2 (cosh .03 - 1) / .01^2 is 9.000675, and the variance is 25
    agent = AlmgrenChriss(side=side, size=1000 / 6, risk_aversion=1.0, temporary_impact=25 / 9.000675)
    positions = TraderSeat(agent).play(steps(100))
    for done in (1, 10, 50, 99):
        left = 1000 * math.sinh(3 * (1 - done / 100)) / math.sinh(3)
        assert side * positions[done - 1] == pytest.approx(1000 - left, abs=0.51)
    assert side * positions[-1] == 1000


def test_almgren_chriss_without_risk_aversion_is_twap() -> None:
    twap = TraderSeat(TWAP(size=37 / 6)).play(steps(100))
    assert TraderSeat(AlmgrenChriss(size=37 / 6, risk_aversion=0.0)).play(steps(100)) == twap


def test_permanent_impact_makes_almgren_chriss_as_urgent_as_less_temporary_impact() -> None:
    plain = AlmgrenChriss(risk_aversion=1.0, temporary_impact=0.9).parameters(SPEC, 1)
    # gamma tau / 2 is .2 * .01 / 2
    assert AlmgrenChriss(risk_aversion=1.0, temporary_impact=0.901, permanent_impact=0.2).parameters(
        SPEC, 1
    ) == pytest.approx(plain)
    with pytest.raises(ValueError, match=r"almgren_chriss.temporary_impact is 0.02; it must be above"):
        AlmgrenChriss(permanent_impact=5.0).parameters(SPEC, 1)


def test_a_great_urgency_does_not_overflow() -> None:
    agent = AlmgrenChriss(size=100.0, risk_aversion=1e12)
    assert TraderSeat(agent).play(steps(2)) == [600, 600]
    assert math.isfinite(agent.parameters(market_spec(session_steps=1), 1)[3])


@pytest.mark.parametrize(
    ("agent", "changes", "complaint"),
    [
        (TWAP, {"side": 0}, "twap.side is 0; it must be 1 to buy or -1 to sell"),
        (TWAP, {"horizon": 1.5}, "twap.horizon is 1.5; it must be above 0 and at most 1"),
        (VWAP, {"profile": ()}, "vwap.profile"),
        (VWAP, {"profile": (1, -1)}, "vwap.profile"),
        (POV, {"rate": 1.0}, "pov.rate is 1.0; it must be between 0 and 1"),
        (AlmgrenChriss, {"size": 0.0}, "almgren_chriss.size is 0.0; it must be above zero"),
        (AlmgrenChriss, {"temporary_impact": 0.0}, "almgren_chriss.temporary_impact is 0.0; it must be above zero"),
    ],
)
def test_a_parameter_that_is_none_is_named(agent: Any, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        agent(**changes)
