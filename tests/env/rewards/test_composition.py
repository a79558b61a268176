import numpy as np
import pytest

from marl_market.env.batch_market import BatchMarket
from marl_market.env.rewards.asymmetric_inventory import AsymmetricInventory
from marl_market.env.rewards.differential_sharpe import DifferentialSharpe
from marl_market.env.rewards.inventory import Inventory
from marl_market.env.rewards.profit import Profit
from marl_market.env.rewards.realized import Realized
from marl_market.env.rewards.spread_captured import SpreadCaptured
from tests.builders import actions, environment, market_spec


def rewards_of(reward: object) -> np.ndarray:
    batch = BatchMarket(environment(reward=reward), 2)
    batch.reset([1, 2])
    return np.array([batch.step(action).reward.copy() for action in actions(batch, 12)])


def test_a_reward_is_the_weighted_sum_of_its_parts_each_with_its_own_memory() -> None:
    parts = {
        "profit": Profit(),
        "sharpe": DifferentialSharpe(),
        "asymmetric": AsymmetricInventory(),
        "realized": Realized(),
        "inventory": Inventory(),
        "spread": SpreadCaptured(),
    }
    weights = dict(zip(parts, (1.0, -0.5, 2.0, 0.25, 3.0, -1.0), strict=True))
    alone = {name: rewards_of({name: part}) for name, part in parts.items()}
    assert all(np.abs(values).max() > 0 for values in alone.values())
    together = rewards_of({name: type(part)(weight=weights[name]) for name, part in parts.items()})
    np.testing.assert_allclose(together, sum(weights[name] * alone[name] for name in parts), rtol=1e-4, atol=1e-5)


def test_one_scheme_may_score_twice() -> None:
    once = rewards_of({"profit": Profit()})
    twice = rewards_of({"profit": Profit(), "again": Profit(weight=0.5)})
    np.testing.assert_allclose(twice, 1.5 * once, rtol=1e-6)


@pytest.mark.parametrize(("weight", "scale"), [(1.0, 1.0), (1.0, 0.25), (-2.0, 1.0)])
def test_rewards_of_a_session_sum_to_its_profit(weight: float, scale: float) -> None:
    steps = 50
    description = environment(spec=market_spec(session_steps=steps), reward={"profit": Profit(weight, scale)})
    batch = BatchMarket(description, 3)
    batch.reset([1, 2, 3])
    total = np.zeros((3, 6))
    for action in actions(batch, steps):
        total += batch.step(action).reward
    account, public = batch.markets["seat"]["account"][:, :6], batch.markets["public"]
    per_lot = 0.5 * public["twice_mark_ticks"] * public["cash_per_tick_lot"]
    equity = account["cash"] + account["position"] * per_lot[:, None]
    assert (np.abs(equity) > 0).all()
    unit = scale * description.spec.price_scale_ticks * description.spec.size_scale_lots * 10000 / weight
    np.testing.assert_allclose(total, equity / unit, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(total.sum(1), -batch.markets["fees_collected"] / unit, atol=1e-4)


@pytest.mark.parametrize(
    ("reward", "complaint"),
    [
        ({}, "reward is {}; it must be 1 to 16 schemes"),
        (Profit(), "reward is Profit"),
        ({"profit": Profit(weight=float("nan"))}, "reward.profit.weight is nan"),
        ({f"profit_{i}": Profit() for i in range(17)}, r"1 to 16 schemes.*REWARD_PARTS in marl_market"),
    ],
)
def test_invalid_reward_parts_raise(reward: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        environment(reward=reward)
