"""The state of the whole market for centralized critics."""

from __future__ import annotations

import numpy as np
import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.market_state import MarketState
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Fixed, Participation
from tests.builders import environment
from tests.env.test_instruments import pair


def test_it_is_what_the_observations_show_and_the_accounts_of_all() -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 3),
        Group("mine", External(), 2),
        Group("late", External(), 1, Participation(Fixed(4), Fixed(3))),
    ]
    env = MarketEnv(environment(groups))
    with pytest.raises(RuntimeError, match="no state yet: call reset"):
        env.state()
    env.reset(seed=1)
    values = MarketState(env.batch.environment).values
    names = [value.name for value in values]
    assert env.state_space.shape == (1 + 40 + 6 * (2 + 4),) == (len(names),)
    assert len(set(names)) == len(names)
    where = {name: index for index, name in enumerate(names)}
    slices, spec = env.batch.environment.observation_slices(), env.batch.environment
    traded = False
    for step in range(1, 11):
        given = {agent: np.array([-1, -1, 1, 1], np.float32) for agent in env.agents}
        observations, *_ = env.step(given)
        state = env.state()
        assert state.dtype == np.float32
        assert env.state_space.contains(state)
        assert state[where["remaining"]] == pytest.approx(1 - step / spec.spec.session_steps)
        own = observations["mine_1"]
        np.testing.assert_allclose(state[1:41], own[slices["book"]], rtol=1e-6)
        account = dict(zip([name for name in spec.observation_names if "account" in name], own, strict=False))
        for name in ("position", "equity", "open_bid", "open_ask"):
            assert state[where[f"mine_1_{name}"]] == pytest.approx(account[f"account.{name}"], rel=1e-5)
        traded |= bool(account["account.position"])
        positions = [state[where[f"{seat}_position"]] for seat in ("noise_0", "noise_1", "noise_2", "mine_0", "mine_1")]
        held = env.batch.markets["seat"]["account"]["position"][0, :5]
        np.testing.assert_allclose(positions, 0.1 * held / spec.spec.size_scale_lots, rtol=1e-6)
        assert state[where["late_0_alive"]] == state[where["late_0_acts"]] == (4 <= step < 7)
    assert traded
    assert np.abs(positions).max() > 0


def test_it_has_a_book_and_accounts_for_each_instrument() -> None:
    env = MarketEnv(environment(spec=pair()))
    env.reset(seed=1)
    assert env.state_space.shape == (1 + 2 * 40 + 6 * 2 + 2 * 6 * 4,)
    assert env.state_space.contains(env.state())
    names = [value.name for value in MarketState(env.batch.environment).values]
    assert len(set(names)) == len(names)
