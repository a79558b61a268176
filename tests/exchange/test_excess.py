"""Accounts beyond the limits of their market: an error with seat and amount, and no change of sign."""

import re

import numpy as np
import pytest

from marl_market.env.batch_market import BatchMarket
from marl_market.exchange.codes import EventKind, Reason
from marl_market.exchange.excess import ExcessError
from marl_market.exchange.exchange import Exchange
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.spec import MarketSpec
from marl_market.market.tape import Side
from tests.builders import environment, market_spec
from tests.venue import Venue


def bitcoin() -> MarketSpec:
    return market_spec(lot_size=1e-8, cash_unit=1e-10, initial_price=100_000, fees=Fees())


def test_money_that_does_not_fit_is_an_error_and_never_another_sign() -> None:
    exchange = Exchange(bitcoin(), 2)
    complaint, bought = "", 0
    while not complaint:
        exchange.submit_limit(0, Side.SELL, 100_000, 20)
        bought += 1
        try:
            exchange.submit_market(1, Side.BUY, 20)
        except ExcessError as error:
            complaint = str(error)
        assert exchange.account(1).cash == -2_000_000 * bought
    assert 14 <= bought <= 18
    assert re.match(rf"seat 0: its account has cash {2_000_000 * bought:,}\.00, .* market test can count", complaint)
    for _ in range(3):  # trading is halted for good
        with pytest.raises(ExcessError):
            exchange.submit_market(1, Side.BUY, 20)
        with pytest.raises(ExcessError):
            exchange.step()
    assert exchange.account(1).cash == -2_000_000 * bought


def test_one_command_cannot_sweep_beyond_the_limits() -> None:
    venue = Venue(6, bitcoin())
    lots = 20 * 10**8
    for seat in range(5):
        for _ in range(32):
            assert venue.limit(seat, -1, 10_000_000, lots) > 0
    events = venue.take(5, 1, 160 * lots)
    taken = sum(event.quantity_lots for event in events if event.kind == EventKind.FILLED and event.seat == 5)
    assert venue.account(5)["cash"] == -10_000_000 * taken
    assert taken < 20 * lots
    assert int(venue.market["excess_seat"]) in (0, 5)  # the seller has as much
    assert venue.send(0, 1, 1, 10_000_000, 1)[0].reason == Reason.MARKET_HALTED


def test_a_price_of_nothing_does_not_hide_what_is_traded() -> None:
    venue = Venue(2)
    most = int(venue.market["maximum_quantity"])
    venue.market["public"]["session_lots"] = 2**61
    for _ in range(1 + int(venue.market["largest_move"]) // most):
        venue.limit(0, -1, 0, most)
        venue.take(1, 1, most)
        if venue.market["excess_seat"] >= 0:
            break
    assert venue.market["excess_seat"] in (0, 1)
    assert int(venue.account(1)["position"]) > 0


def test_a_holding_worth_too_much_is_an_error_where_credit_depends_on_it() -> None:
    venue = Venue(3, market_spec(credit=Credit(initial_cash=1000, initial_margin=0.5)))
    venue.account(0)["position"] = 10**9
    venue.market["public"]["twice_mark_ticks"] = 2**31
    venue.step()
    assert venue.market["excess_seat"] == 0


def test_a_session_ends_with_an_error_that_names_market_group_seat_and_step() -> None:
    batch = BatchMarket(environment(), 3)
    batch.reset([1, 2, 3])
    batch.markets["seat"]["account"]["cash"][1, 4] = 2**58 + 10**9
    batch.markets["seat"]["account"]["cash"][1, 5] = -(2**58) - 10**9
    batch.markets["unchecked_move"][1] = 0
    place = r"market 1, group outside, seat 4, step \d+: its account has cash 288,230,3"
    with pytest.raises(ExcessError, match=place):
        play(batch)
    with pytest.raises(RuntimeError, match="the session is over"):
        play(batch)


def play(batch: BatchMarket) -> None:
    for _ in range(12):
        batch.step(np.zeros((3, 2, 4), np.float32))


def test_conservation_notices_a_number_that_has_wrapped() -> None:
    batch = BatchMarket(environment(), 2)
    batch.reset([1, 2])
    cash = batch.markets["seat"]["account"]["cash"]
    cash[0, :4] = 2**62  # their sum is zero in 64 bits
    cash[1, :2] = (2**62, -(2**62))
    positions, money = batch.conservation_errors()
    assert (positions.tolist(), money.tolist()) == ([0, 0], [2**63 - 1, 0])
    cash[0, :4] = -(2**62)
    assert batch.conservation_errors()[1].tolist() == [-(2**63) + 1, 0]
