"""No two seats earn anything from nothing, in venues with all rules."""

from collections.abc import Mapping
from typing import Any

import pytest

from marl_market.env.rewards.closing_profit import ClosingProfit
from marl_market.env.rewards.profit import Profit
from marl_market.market.credit import Credit
from marl_market.market.fees import Fees
from marl_market.market.rules import Rules
from marl_market.market.spec import MarketSpec
from tests.builders import market_spec
from tests.pumps.search import Search

STEPS = 32
GENERATIONS = 64
CLOSING: Mapping[str, Any] = {"closing_profit": ClosingProfit()}
REBATES = Fees(maker_per_unit=-0.002, taker_per_unit=0.003)
INVERTED = Fees(maker_per_unit=0.003, taker_per_unit=-0.002)
TIERS = (
    Fees(maker_rate=-0.0001, taker_rate=0.0005, maker_per_unit=-0.001, taker_per_unit=0.002, from_quantity=50),
    Fees(maker_rate=-0.0003, taker_rate=0.0004, maker_per_unit=-0.0005, taker_per_unit=0.001, from_quantity=500),
)
MARGIN = Credit(3000, initial_margin=0.5, maintenance_margin=0.3, short_limit=500, lending_rate=50.0)
AUCTIONS = {"opening_auction_steps": 6, "closing_auction_steps": 6}


def venue(**changes: Any) -> MarketSpec:
    return market_spec(**{"session_steps": STEPS, "fees": REBATES, **changes})


VENUES: dict[str, MarketSpec] = {
    "rebates": venue(rules=Rules("allow")),
    "inverted": venue(fees=INVERTED, rules=Rules("decrement")),
    "auctions": venue(rules=Rules("allow", **AUCTIONS)),
    "auctions_inverted": venue(fees=INVERTED, rules=Rules("cancel_incoming", **AUCTIONS)),
    "halts": venue(rules=Rules("allow", price_band_ticks=60, halt_move_ticks=12, halt_window_steps=8, halt_steps=3)),
    "tiers": venue(fees=Fees(taker_rate=0.001), fee_tiers=TIERS, rules=Rules("allow", **AUCTIONS)),
    "margin": venue(credit=MARGIN, rules=Rules("allow", **AUCTIONS, halt_move_ticks=20, halt_steps=4)),
    "cash": venue(credit=Credit(3000, 100, 1.0, short_limit=0), rules=Rules("allow", price_band_ticks=40)),
    "pair": venue(
        credit=MARGIN,
        further_instruments={"b": venue(name="b", initial_price=20.0, fees=INVERTED, rules=Rules("allow", **AUCTIONS))},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VENUES)
def test_no_program_of_two_seats_earns_from_nothing(name: str) -> None:
    search = Search(VENUES[name], CLOSING, seed=1)
    pumps = search.pumps(GENERATIONS)
    assert search.commands > 400_000
    assert not pumps


@pytest.mark.slow
def test_the_search_finds_the_pump_of_profit_at_the_mark() -> None:
    assert Search(VENUES["rebates"], {"profit": Profit()}, seed=1).pumps(GENERATIONS)


@pytest.mark.slow
def test_the_search_finds_a_venue_that_pays_more_than_it_takes() -> None:
    generous = venue(fees=Fees(maker_per_unit=-0.05, taker_per_unit=0.003), rules=Rules("allow"))
    assert Search(generous, CLOSING, seed=1).pumps(GENERATIONS)
