"""One account over several instruments: the margin or the interest that any of them asks for concerns all of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import Group
from marl_market.exchange.codes import EventKind, Reason
from marl_market.exchange.commands import submit_market
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.spec import MarketSpec
from tests.builders import Rule, actions, environment, market_spec

YEAR = 365 * 24 * 3600
BUYER = 4


def pair(credits: Sequence[Credit], **changes: object) -> MarketSpec:
    """Return a market of two instruments, the second dearer, with a credit each."""
    second = market_spec(name="second", initial_price=50.0, tick_size=0.05, credit=credits[1], **changes)
    return market_spec(further_instruments={"second": second}, credit=credits[0], **changes)


@trader
def buy(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy once and hold."""
    if public.step == 1:
        submit_market(seat, 1, 20)
    return DECIDED


@pytest.mark.parametrize("number", [0, 1])
def test_a_bankrupt_seat_leaves_all_instruments_whichever_asks_for_maintenance(number: int) -> None:
    asking = Credit(initial_cash=30.0, initial_margin=0.05, maintenance_margin=0.05)
    spec = pair([asking, Credit()] if number == 0 else [Credit(), asking], session_steps=60)
    quotes = Quotes(nearest=-40.0, farthest=40.0, largest=8.0, position_limit=100.0)
    batch = BatchMarket(environment(spec=spec, action=quotes), 2)
    batch.reset([3, 4])
    closed, left = np.zeros(2, int), np.zeros((2, 2), bool)
    frozen = np.zeros((2, 2, 2), int)
    for action in actions(batch, 60):
        step = batch.step(action)
        seats = batch.instruments["seat"][:, :, batch.external]
        np.testing.assert_array_equal(seats["present"][0], seats["present"][1])
        np.testing.assert_array_equal(seats["account"]["trades"][:, left], frozen[:, left])
        left |= step.terminated[:, batch.external]
        np.testing.assert_array_equal(left, seats["present"][0] == 0)
        np.testing.assert_array_equal(seats["account"]["position"][:, left], 0)
        np.testing.assert_array_equal(seats["live"][:, left], 0)
        frozen = seats["account"]["trades"].copy()
        for instrument in range(2):
            for market in range(2):
                record = batch.instruments[instrument, market]
                events = record["event"][: record["event_count"]]
                liquidated = (events["kind"] == EventKind.ACCEPTED) & (events["reason"] == Reason.LIQUIDATION)
                closed[instrument] += int(liquidated.sum())
    assert left.any()
    assert (closed > 0).all(), "positions are closed in both"
    np.testing.assert_array_equal(batch.conservation_errors(), 0)


@pytest.mark.parametrize("rates", [(900.0, 0.0), (0.0, 900.0), (900.0, 900.0), (300.0, 900.0)])
def test_cash_below_zero_pays_interest_once_at_the_highest_rate(rates: Sequence[float]) -> None:
    spec = pair([Credit(lending_rate=rate) for rate in rates], session_steps=30, fees=Fees())
    groups = [Group("noise", ZeroIntelligence(), 4), Group("buyer", Rule(buy), 1)]
    batch = BatchMarket(environment(groups, spec=spec), 1)
    batch.reset([3])
    charged = 0
    account = batch.instruments["seat"]["account"][:, 0]
    for action in actions(batch, 30):
        before, fees = account["cash"][:, BUYER].sum(), account["fees"][:, BUYER].sum()
        batch.step(action)
        paid = account["fees"][:, BUYER].sum() - fees
        traded = before - account["cash"][:, BUYER].sum() - paid
        if before < 0 and traded == 0:
            assert paid == pytest.approx(-before * max(rates) * spec.step_seconds / YEAR, abs=2)
            charged += 1
    assert charged > 20
    assert (account["position"][:, BUYER] == 20).all()
