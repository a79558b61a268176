"""The commands of the attackers, and the drift of the drift adversary."""

from typing import Any

import pytest

from marl_market.agents.scripted.drift_adversary import DriftAdversary
from marl_market.agents.scripted.momentum_igniter import MomentumIgniter
from marl_market.agents.scripted.spoofer import Spoofer
from marl_market.agents.scripted.stale_quote_sniper import StaleQuoteSniper
from marl_market.exchange.codes import TimeInForce
from tests.agents.scripted.trader_seat import CANCEL_ALL, LIMIT, MARKET, TraderSeat, quoted
from tests.builders import public_record


@pytest.mark.parametrize(
    ("signal", "position", "order"),
    [
        (1004.0, 0, (LIMIT, 1, 1002, 12)),
        (1007.5, 5, (LIMIT, 1, 1005, 7)),
        (1003.9, 0, None),
        (1050.0, 12, None),
        (996.0, 0, (LIMIT, -1, 998, 12)),
        (990.5, -5, (LIMIT, -1, 993, 7)),
    ],
)
def test_the_sniper_takes_what_the_value_has_left_behind(signal: float, position: int, order: Any) -> None:
    sniper = TraderSeat(StaleQuoteSniper(edge=0.5, position_limit=2.0))
    sniper.seat["agent"]["signal"] = signal
    assert sniper.orders(quoted(998, 1002), position) == ([] if order is None else [order])
    if order:
        assert sniper.seat["command"][0]["time_in_force"] == TimeInForce.IMMEDIATE_OR_CANCEL


def test_the_igniter_pushes_then_offers_and_closes_at_the_end_of_its_period() -> None:
    igniter = TraderSeat(MomentumIgniter(period_steps=5, burst_steps=2, size=1.0))
    sides = set()
    for period in range(8):
        (burst,) = igniter.orders(quoted(step=5 * period), position=0)
        side = burst[1]
        sides.add(side)
        assert burst == (MARKET, side, 0, 6)
        assert igniter.orders(quoted(step=5 * period + 1)) == [burst]
        best = 1002 if side > 0 else 998
        assert igniter.orders(quoted(step=5 * period + 2), position=12 * side) == [(LIMIT, -side, best, 12)]
        sent = igniter.commands(quoted(step=5 * period + 4), position=4 * side)
        assert sent == [(CANCEL_ALL, 0, 0, 0), (MARKET, -side, 0, 4)]
    assert sides == {1, -1}


def test_the_spoofer_displays_much_behind_the_best_price_and_quotes_its_genuine_order_at_it() -> None:
    spoofer = TraderSeat(Spoofer(size=1.0, spoof_size=10.0, distance_ticks=2, patience_steps=3))
    assert spoofer.commands(quoted(998, 1002), position=0) == [
        (CANCEL_ALL, 0, 0, 0),
        (LIMIT, 1, 998, 6),
        (LIMIT, -1, 1004, 60),
    ]
    assert spoofer.orders(quoted(998, 1002), position=4)[0] == (LIMIT, 1, 998, 2)
    assert spoofer.orders(quoted(998, 1002), position=6) == [], "it turns round"
    assert spoofer.orders(quoted(998, 1002)) == [(LIMIT, -1, 1002, 12), (LIMIT, 1, 996, 60)]


def test_the_spoofer_loses_patience() -> None:
    spoofer = TraderSeat(Spoofer(size=1.0, patience_steps=3))
    for _ in range(3):
        assert spoofer.orders(quoted(), position=0)[0][0] == LIMIT
    assert spoofer.orders(quoted(), position=1) == [(MARKET, 1, 0, 5)]
    assert spoofer.orders(quoted(), position=6)[0] == (LIMIT, -1, 1002, 12)


def test_the_spoofer_does_not_follow_its_own_orders() -> None:
    spoofer = TraderSeat(Spoofer(size=1.0, spoof_size=10.0))
    public = quoted(998, 1002)
    spoofer.rest(0, 1, 998, 5)
    public["depth"][0] = 2
    public["level"][0, 1] = (9, 995, 1)
    assert spoofer.orders(public)[0] == (LIMIT, 1, 995, 6)


def test_the_drift_adversary_sets_the_drift_against_the_makers_position() -> None:
    adversary = TraderSeat(DriftAdversary(drift=5.0))  # 5 * 4 ticks over 100 steps
    for bought, sold, drift in ((0, 0, 0.0), (10, 4, 0.2), (0, 6, 0.0), (0, 1, -0.2), (2, 0, 0.2)):
        public = public_record()
        public["step_lots"] = (bought, sold)
        assert adversary.commands(public) == []
        assert adversary.seat["agent"]["drift"] == drift


@pytest.mark.parametrize(
    ("agent", "name", "value"),
    [
        (StaleQuoteSniper, "edge", -1.0),
        (MomentumIgniter, "burst_steps", 30),
        (Spoofer, "distance_ticks", 0),
        (DriftAdversary, "drift", -1.0),
    ],
)
def test_a_parameter_that_is_none_is_named(agent: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"\w+\.{name} is {value}; it must be"):
        agent(**{name: value})
