"""Absurd quotes in call auctions and one-sided books move no reward, and nobody is liquidated by them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_continuous import LimitContinuous
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import External, Group
from marl_market.env.rewards.closing_profit import ClosingProfit
from marl_market.env.rewards.profit import Profit
from marl_market.exchange.codes import EventKind, Reason
from marl_market.exchange.commands import cancel_all, submit_limit, submit_market
from marl_market.exchange.exchange import Exchange
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from marl_market.market.tape import Side
from tests.builders import Rule, environment, market_spec, order_flow

STEPS = 30


@trader
def bid_a_fortune(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy a little, and bid absurdly in the closing auction."""
    if public.step == 0:
        submit_market(seat, 1, 20)
    if public.step == public.session_steps - 4:
        submit_limit(seat, 1, 100_000_000.0, 3000)
    return DECIDED


@trader
def buy_all_and_offer_absurdly(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy all that is offered, and then offer one lot at an absurd price."""
    cancel_all(seat)
    submit_market(seat, 1, 100_000)
    submit_limit(seat, -1, 100_000_000.0, 1)
    return DECIDED


def session(scripted: Any, **changes: Any) -> tuple[BatchMarket, np.ndarray]:
    """Return a session of six background seats and one scripted, and the sums of both rewards (seats, parts)."""
    spec = market_spec(session_steps=STEPS, **changes)
    sums = []
    for reward in ({"profit": Profit()}, {"closing_profit": ClosingProfit()}):
        groups = [Group("noise", ZeroIntelligence(), 6), Group("scripted", Rule(scripted))]
        batch = BatchMarket(environment(groups, spec=spec, reward=reward), 1)
        batch.reset([5])
        none = np.zeros((1, 0, batch.environment.action_size), np.float32)
        sums.append(sum(batch.step(none).reward[0].astype(float) for _ in range(STEPS)))
    return batch, np.array(sums).T


def test_an_absurd_bid_in_the_closing_auction_pays_nothing() -> None:
    batch, rewards = session(bid_a_fortune, rules=Rules(closing_auction_steps=5))
    public = batch.markets["public"][0]
    assert 900 < public["twice_mark_ticks"] / 2 < 1150
    assert public["twice_mark_ticks"] == 2 * public["last_trade_ticks"]
    # Whoever buys all at the price of the last seller pays for it.
    assert rewards[6, 1] < 0
    assert np.abs(rewards).max() < 5000


def test_an_absurd_offer_after_all_others_are_bought_pays_nothing() -> None:
    # Without market orders: one without a limit buys there, and its loss is real.
    batch, rewards = session(buy_all_and_offer_absurdly, flow=order_flow(market_rate=1e-9))
    assert batch.markets["public"]["twice_mark_ticks"][0] / 2 < 2000
    assert rewards[6, 1] < 0


@pytest.mark.parametrize("price", ["40.00", "1000000.00"])
def test_a_short_seller_is_not_liquidated_by_a_bid_in_the_opening_auction(price: str) -> None:
    credit = Credit(initial_cash=2000, initial_margin=0.5, maintenance_margin=0.25)
    rules = Rules(opening_auction_steps=4)
    spec = market_spec(rules=rules, credit=replace(credit, initial_cash=20_000_000), session_steps=40, fees=Fees())
    exchange = Exchange(spec if price == "1000000.00" else replace(spec, credit=credit), 6)
    exchange.submit_limit(2, Side.BUY, "9.99", 100)
    exchange.submit_limit(3, Side.SELL, "10.01", 50)
    exchange.submit_limit(3, Side.SELL, "10.50", 100)
    exchange.submit_limit(1, Side.SELL, "9.99", 100)
    exchange.submit_limit(4, Side.BUY, price, 1)
    events = np.concatenate([exchange.step() for _ in range(10)])
    fills = events[events["kind"] == EventKind.FILLED]
    assert set(fills["price_ticks"]) == {999}
    assert exchange.account(1).position == -100
    assert not (events["reason"] == Reason.LIQUIDATION).any()
    assert exchange.markets["public"]["twice_mark_ticks"][0] == 999 + 1001


def test_one_side_alone_leaves_no_mark_for_ever_wrong() -> None:
    exchange = Exchange(market_spec(session_steps=100), 6)
    exchange.submit_limit(0, Side.SELL, "1.00", 500)
    marks = []
    for _ in range(11):
        exchange.submit_market(1, Side.BUY, 1)
        exchange.step()
        marks.append(int(exchange.markets["public"]["twice_mark_ticks"][0]))
    assert marks == [2000, 1200, 400, *[200] * 8]  # a hundred price scales of four ticks a step


def test_crossing_with_oneself_in_an_auction_earns_nothing() -> None:
    fees = Fees(maker_per_unit=-0.002, taker_per_unit=0.003)
    spec = market_spec(session_steps=20, fees=fees, rules=Rules(closing_auction_steps=10))
    groups = [Group("noise", ZeroIntelligence(), 6), Group("outside", External(), 1)]
    action = LimitContinuous(largest=50, position_limit=100)
    batch = BatchMarket(environment(groups, spec=spec, action=action), 4)
    batch.reset(range(4))
    for step in range(20):
        size = 0.0 if step < 10 else 1.0 if step % 2 else -1.0
        batch.step(np.full((4, 1, 3), (-1.0, size, -1.0), np.float32))
    account = batch.markets["seat"]["account"][:, 6]
    assert (account["trades"] > 0).all()
    assert (account["fees"] == 0).all()
