"""Traders in running markets: limits kept, orders executed, and the signs that the literature expects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.almgren_chriss import AlmgrenChriss
from marl_market.agents.scripted.assignment import TRADED, Assignments
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.giveaway import Giveaway
from marl_market.agents.scripted.glosten_milgrom_maker import GlostenMilgromMaker
from marl_market.agents.scripted.heuristic_belief import HeuristicBelief
from marl_market.agents.scripted.informed_glosten_milgrom import InformedGlostenMilgrom
from marl_market.agents.scripted.noise import Noise
from marl_market.agents.scripted.pov import POV
from marl_market.agents.scripted.shaver import Shaver
from marl_market.agents.scripted.stale_quote_sniper import StaleQuoteSniper
from marl_market.agents.scripted.twap import TWAP
from marl_market.agents.scripted.value import Value
from marl_market.agents.scripted.vwap import VWAP
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.agents.scripted.zi_constrained import ZIConstrained
from marl_market.agents.scripted.zi_unconstrained import ZIUnconstrained
from marl_market.agents.scripted.zip import ZIP
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.market.fees import Fees
from marl_market.market.fundamental import MeanReverting, TwoValues
from tests.builders import environment, market_spec

VALUES = ((10.0,), (9.0,), (8.0,), (7.0,), (6.0,))
COSTS = ((4.0,), (5.0,), (6.0,), (7.0,), (8.0,))
"""Demand and supply of one unit each: three of them trade at best, for a surplus of twelve."""
FREE = Fees()


def play(groups: Sequence[Group], markets: int = 2, **changes: Any) -> BatchMarket:
    changes = {"session_steps": 100, "fees": FREE, **changes}
    batch = BatchMarket(environment(groups, spec=market_spec(**changes)), markets)
    batch.reset(range(markets))
    action = np.zeros((markets, 0, batch.environment.action.size), np.float32)
    for _ in range(batch.environment.spec.session_steps):
        batch.step(action)
    return batch


def account(batch: BatchMarket, group: str) -> Any:
    return batch.markets["seat"]["account"][:, batch.environment.seats_of(group)]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("agent", [TWAP, VWAP, AlmgrenChriss])
def test_an_execution_trader_ends_exactly_at_its_target(agent: Any, side: int) -> None:
    batch = play([Group("noise", ZeroIntelligence(), 4), Group("execution", agent(side=side, size=10.0))], markets=4)
    # the last orders of a session may meet an empty book, in some market
    position = account(batch, "execution")["position"][:, 0] * side
    assert np.median(position) == 60
    assert position.max() == 60
    assert position.min() > 54


def test_pov_has_a_tenth_of_the_volume() -> None:
    batch = play([Group("noise", ZeroIntelligence(), 4), Group("execution", POV(size=1000.0, rate=0.1))], markets=4)
    done = account(batch, "execution")["position"][:, 0]
    assert done / batch.markets["public"]["session_lots"] == pytest.approx(0.1, abs=0.02)


def induced(agent: Any, **own: Any) -> BatchMarket:
    rules = {"quantity": 1 / 6, "patience_seconds": 0.0, "requote_rate": 0.1}
    buyers = agent(Assignments(side="buy", limits=VALUES, **rules), **own)
    sellers = agent(Assignments(side="sell", limits=COSTS, **rules), **own)
    return play(
        [Group("buyers", buyers, 5), Group("sellers", sellers, 5)], markets=40, session_steps=400, tick_size=0.1
    )


def gains(batch: BatchMarket) -> tuple[Any, Any]:
    """Return what each buyer and seller gained on its private value, (markets, seats), in currency."""
    cash = [account(batch, side)["cash"] * batch.environment.spec.cash_unit for side in ("buyers", "sellers")]
    bought, sold = account(batch, "buyers")["position"], -account(batch, "sellers")["position"]
    assert set(np.unique([bought, sold])) <= {0, 1}, "one unit each"
    return cash[0] + bought * np.ravel(VALUES), cash[1] - sold * np.ravel(COSTS)


@pytest.mark.parametrize(
    ("agent", "own"),
    [
        (ZIConstrained, {"price_range": (0.1, 12.0)}),
        (Giveaway, {}),
        (Shaver, {"stub": 10.0}),
        (ZIP, {"span": None}),
    ],
)
def test_auction_traders_never_trade_at_a_loss_and_find_most_of_the_surplus(agent: Any, own: dict[str, Any]) -> None:
    buyers, sellers = gains(induced(agent, **own))
    assert min(buyers.min(), sellers.min()) > -1e-9
    surplus = (buyers.sum(1) + sellers.sum(1)) / 12
    assert surplus.max() <= 1 + 1e-9
    assert surplus.mean() > 0.8


@pytest.mark.parametrize("agent", [ZIConstrained, Giveaway, Shaver, ZIP, HeuristicBelief])
def test_no_unit_trades_twice(agent: Any) -> None:
    customers = Assignments(quantity=1 / 6, round_seconds=6.0, patience_seconds=10.0)
    groups = [Group("crowd", agent(customers), 8), Group("shouters", ZIConstrained(customers), 6)]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=300)), 4)
    batch.reset(range(4))
    action = np.zeros((4, 0, batch.environment.action.size), np.float32)
    most = 0
    for _ in range(300):
        batch.step(action)
        seats = batch.markets["seat"][:, :14]
        most = max(most, int((seats["account"]["traded_lots"] - seats["agent"]["memory"][..., TRADED]).max()))
    assert most == 1


def test_zi_u_trades_at_losses() -> None:
    buyers, sellers = gains(induced(ZIUnconstrained, price_range=(0.1, 12.0)))
    assert min(buyers.min(), sellers.min()) < -1
    # all five units trade: the sum of values less that of costs
    assert (buyers.sum(1) + sellers.sum(1)).mean() == pytest.approx(10.0, abs=0.3)


def test_informed_traders_gain_from_noise_and_the_makers_price_finds_the_value() -> None:
    groups = [
        Group("noise", Noise(rate=0.1, size=1.0), 4),
        Group("observes_fundamental", InformedGlostenMilgrom(rate=0.2), 1),
        Group("makers", GlostenMilgromMaker(informed_share=1 / 3, half_range=50.0), 1),
    ]
    batch = play(groups, markets=20, session_steps=200, warmup_steps=0, fundamental=TwoValues(half_range=50.0))
    value = batch.markets["seat"]["agent"]["signal"][:, 4]
    assert set(value) == {800.0, 1200.0}
    position, cash = (batch.markets["seat"]["account"][name][:, :6] for name in ("position", "cash"))
    wealth = cash + position * value[:, None] * batch.environment.spec.cash_per_tick_lot
    assert wealth[:, 4].min() >= 0
    assert wealth[:, :4].sum() < 0 < wealth[:, 4].sum()
    assert np.abs(batch.markets["public"]["reference_ticks"] - value).mean() < 20


def test_value_traders_pull_the_price_to_the_value() -> None:
    walk = MeanReverting(half_life_seconds=None, volatility=1.0)
    spec = {"markets": 20, "session_steps": 100, "fundamental": walk}
    distances = []
    for count in (0, 4):
        opinions = [Group("value", Value(rate=2.0, noise=0.5, size=4.0, position_limit=1e3), count)] if count else []
        witness = Group("witness", StaleQuoteSniper(edge=1e6))  # it never trades, and its signal is the value
        batch = play([Group("noise", ZeroIntelligence(share=0.5, conviction=0.0), 4), *opinions, witness], **spec)
        value = batch.markets["seat"]["agent"]["signal"][:, batch.environment.seats_of("witness")][:, 0]
        distances.append(np.abs(batch.markets["public"]["reference_ticks"] - value).mean())
    assert distances[1] < 0.5 * distances[0]


def test_a_sniper_profits_from_makers_that_do_not_know_the_value() -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 4),
        Group("makers", FixedSpread(spread=1.0), 2),
        Group("sniper", StaleQuoteSniper(edge=0.5)),
    ]
    jumps = MeanReverting(half_life_seconds=None, volatility=0.0, jump_rate=0.1, jump_deviation=3.0)
    batch = play(groups, markets=150, fundamental=jumps)
    value = batch.markets["seat"]["agent"]["signal"][:, 6]
    own = account(batch, "sniper")[:, 0]
    wealth = own["cash"] + own["position"] * value * batch.environment.spec.cash_per_tick_lot
    assert wealth.mean() > 3 * wealth.std() / np.sqrt(wealth.size) > 0
