from typing import Any

import numpy as np
import pytest

from marl_market.env.observations.credit import CreditLine
from marl_market.exchange.codes import CommandKind, EventKind
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from tests.builders import market_spec
from tests.env.calls import observe
from tests.venue import Venue

BUY, SELL = 1, -1
TRADES = (
    (0, CommandKind.LIMIT, BUY, 1000, 40),
    (1, CommandKind.LIMIT, SELL, 1000, 25),
    (0, CommandKind.LIMIT, SELL, 1010, 70),
    (1, CommandKind.LIMIT, BUY, 980, 20),
    (2, CommandKind.LIMIT, BUY, 1004, 15),
)


def observation_of(venue: Venue, seat: int) -> list[float]:
    return observe(CreditLine(), venue.market["public"].copy(), venue.market["seat"][seat].copy())


def venue_of(**credit: Any) -> Venue:
    venue = Venue(4, market_spec(credit=Credit(**credit), fees=Fees()))
    for seat, *command in TRADES:
        assert venue.send(seat, *command)[0].kind == EventKind.ACCEPTED
    return venue


def test_unlimited_credit_is_observed_as_such() -> None:
    assert observation_of(venue_of(), 0) == observation_of(venue_of(), 3) == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("seat", range(4))
@pytest.mark.parametrize(
    "credit",
    [
        {"initial_cash": 1000, "initial_margin": 0.5},
        {"initial_cash": 1000, "initial_units": 30, "initial_margin": 1.0, "short_limit": 40},
        {"initial_cash": 700, "initial_margin": 0.7, "short_limit": 60},
    ],
)
def test_powers_are_the_largest_orders_that_would_be_accepted(credit: dict[str, Any], seat: int) -> None:
    observed = observation_of(venue_of(**credit), seat)
    for place, side in enumerate((BUY, SELL)):
        lots = round(6 * observed[place] / (1 - observed[place]))
        assert observed[place] == pytest.approx(lots / (lots + 6))
        for quantity, accepted in ((lots, True), (lots + 1, False)):
            events = venue_of(**credit).send(seat, CommandKind.MARKET, side, 0, quantity)
            assert (events[0].kind == EventKind.ACCEPTED) is (accepted and lots > 0)


def test_a_short_limit_alone_leaves_buying_unlimited() -> None:
    observed = observation_of(venue_of(short_limit=100), 1)
    assert observed[0] == 1.0
    assert observed[1] == pytest.approx(75 / 81)


def test_what_orders_reserve_and_how_near_the_liquidation_is() -> None:
    venue = venue_of(initial_cash=1000, initial_margin=0.5, maintenance_margin=0.2)
    # Seat 0 holds 25 lots and could buy 15 more; if all its orders to sell were filled it would owe 45 at 1010.
    assert observation_of(venue, 0)[2:] == pytest.approx([45 * 10.1 * 0.5 / 1000, 25 * 10 * 0.2 / 1000])
    assert observation_of(venue, 3)[2:] == [0.0, 0.0]
    venue.market["public"]["twice_mark_ticks"] = 2 * 3000  # seat 1 owes 25 lots and has lost 500
    assert observation_of(venue, 1)[2:] == pytest.approx([25 * 30 * 0.5 / 500, 25 * 30 * 0.2 / 500])
    venue.market["public"]["twice_mark_ticks"] = 2 * 5000
    assert observation_of(venue, 1) == [pytest.approx(5 / 11), 0.0, 1.0, 1.0]
    venue.account(3)["cash"] = -(10**10)
    assert observation_of(venue, 3) == [0.0, 0.0, 1.0, 1.0]
    assert np.isfinite(observation_of(venue, 0)).all()
