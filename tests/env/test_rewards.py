import numpy as np
import pytest

from marl_market.env.batch_market import BatchMarket
from marl_market.env.rewards.profit import Profit
from marl_market.env.trader import call_reward
from marl_market.exchange.compiled import compiled
from tests.builders import actions, environment, market_spec, mind_record, public_record, seat_record

STEPS = 50


@compiled
def call(address, public, seat, mind):  # type: ignore[no-untyped-def]
    return call_reward(address, public, seat, mind)


def test_the_reward_is_the_change_of_equity_at_the_mark_over_the_scale() -> None:
    seat = seat_record()
    mind = mind_record(reward_parameters=Profit(scale=2.0).parameters(market_spec()))
    unit = 2.0 * 4 * 6 * 10000
    account = seat["account"]
    account["cash"], account["position"] = -9_990_000, 1
    assert call(Profit().reward.address, public_record(mark_twice_ticks=2001), seat, mind) == pytest.approx(
        (1000.5 - 999) * 10000 / unit
    )
    account["cash"] -= 300
    assert call(Profit().reward.address, public_record(mark_twice_ticks=2001), seat, mind) == pytest.approx(-300 / unit)
    assert call(Profit().reward.address, public_record(mark_twice_ticks=1997), seat, mind) == pytest.approx(
        -2 * 10000 / unit
    )


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_rewards_of_a_session_sum_to_its_profit(scale: float) -> None:
    description = environment(spec=market_spec(session_steps=STEPS), reward=Profit(scale))
    batch = BatchMarket(description, 3)
    batch.reset([1, 2, 3])
    total = np.zeros((3, 6))
    for action in actions(batch, STEPS):
        total += batch.step(action).reward
    account, public = batch.markets["seat"]["account"][:, :6], batch.markets["public"]
    per_lot = 0.5 * public["mark_twice_ticks"] * public["cash_per_tick_lot"]
    equity = account["cash"] + account["position"] * per_lot[:, None]
    assert (np.abs(equity) > 0).all()
    unit = scale * description.spec.price_scale_ticks * description.spec.size_scale_lots * 10000
    np.testing.assert_allclose(total, equity / unit, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(total.sum(1), -batch.markets["fees_collected"] / unit, atol=1e-4)


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scale_that_is_none_is_named(scale: float) -> None:
    with pytest.raises(ValueError, match=f"reward.scale is {scale}"):
        Profit(scale)
