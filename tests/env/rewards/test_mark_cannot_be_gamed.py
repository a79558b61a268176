from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import DECIDED, trader
from marl_market.env.population.group import Group
from marl_market.env.population.traits import Traits
from marl_market.env.rewards.profit import Profit
from marl_market.exchange.commands import cancel_all, submit_limit, submit_market
from marl_market.market.fees import Fees
from marl_market.market.spec import MarketSpec
from tests.builders import environment, market_spec

STEPS = 12


@trader
def provide(public, seat, params):  # type: ignore[no-untyped-def]
    """Offer the same two prices to all comers."""
    cancel_all(seat)
    submit_limit(seat, 1, 990.0, 1000)
    submit_limit(seat, -1, 1010.0, 1000)
    return DECIDED


@trader
def flash(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy once, then show a high bid every other step, never long enough to be hit."""
    cancel_all(seat)
    if public.step == 0:
        submit_market(seat, 1, 5)
    elif public.step % 2 == 1:
        submit_limit(seat, 1, 1008.0, 1)
    return DECIDED


@trader
def wash(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy once, then trade with itself at a price that would suit it."""
    cancel_all(seat)
    if public.step == 0:
        submit_market(seat, 1, 5)
    else:
        submit_limit(seat, -1, 1009.0, 3)
        submit_limit(seat, 1, 1009.0, 3)
        cancel_all(seat)
    return DECIDED


@trader
def lift(public, seat, params):  # type: ignore[no-untyped-def]
    """Buy once, then buy what its friend sells at a high price."""
    if public.step == 0:
        submit_market(seat, 1, 5)
    else:
        submit_limit(seat, 1, 1009.0, 1)
    cancel_all(seat)
    return DECIDED


@trader
def befriend(public, seat, params):  # type: ignore[no-untyped-def]
    """Sell to its friend only, at a high price."""
    cancel_all(seat)
    if public.step > 0:
        submit_limit(seat, -1, 1009.0, 1)
    return DECIDED


@dataclass(frozen=True)
class Scripted:
    trader: object
    traits: Traits = field(default_factory=Traits)

    def parameters(self, spec: MarketSpec, seats: int) -> Sequence[float]:
        return ()


def profit_of(*traders: object) -> tuple[np.ndarray, BatchMarket]:
    """Return the profits of a session, (steps, seats), in ticks times lots; the provider sits first."""
    spec = market_spec(session_steps=STEPS, fees=Fees())
    groups = [Group("provider", Scripted(provide, Traits(warms_up=True)))]
    groups += [Group(f"gamer_{place}", Scripted(play)) for place, play in enumerate(traders)]
    batch = BatchMarket(environment(groups, spec=spec, reward={"profit": Profit(scale=1 / 24)}), 1)
    batch.reset([3])
    none = np.zeros((1, 0, batch.environment.action.size), np.float32)
    return np.array([batch.step(none).reward[0].copy() for _ in range(STEPS)]), batch


def test_a_quote_too_short_to_hit_does_not_move_the_mark() -> None:
    profit, batch = profit_of(flash)
    assert batch.markets["public"]["best_bid"][0] == 1008  # the quote is published
    np.testing.assert_allclose(profit[0, 1], -5 * 10)  # bought at 1010, marked at 1000
    np.testing.assert_allclose(profit[1:, 1], 0.0)


def test_trading_with_oneself_pays_nothing() -> None:
    profit, batch = profit_of(wash)
    account = batch.markets["seat"]["account"][0, 1]
    assert account["trades"] == 1
    np.testing.assert_allclose(profit[0, 1], -5 * 10)
    np.testing.assert_allclose(profit[1:, 1], 0.0)


def test_trading_with_a_friend_at_a_high_price_pays_the_two_nothing() -> None:
    profit, batch = profit_of(lift, befriend)
    assert batch.markets["seat"]["account"]["trades"][0, 2] >= 3  # the two did trade
    assert batch.markets["public"]["last_trade_ticks"][0] == 1009
    together = np.cumsum(profit[1:, 1] + profit[1:, 2])
    # An ask that its friend missed stood for a step in which all could hit it: that may cost the two, never pay them.
    assert (together <= 1e-4).all()
    assert np.cumsum(profit[1:, 1])[-1] <= -9 * (batch.markets["seat"]["account"]["trades"][0, 1] - 1) + 1e-4
