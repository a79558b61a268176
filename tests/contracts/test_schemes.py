"""Every action, observation and reward that conf lists, whatever it lists."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from marl_market.env.batch_market import BatchMarket, Environment
from marl_market.env.market_env import MarketEnv
from marl_market.env.scheme import choices_of
from tests.builders import environment, market_spec, public_record, seat_record
from tests.env.calls import observe

CONF = Path(__file__).parents[2] / "conf"
STEPS = 30


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def build(group: str, name: str) -> Any:
    return instantiate(OmegaConf.load(CONF / group / f"{name}.yaml"), _convert_="all")


def part(group: str, name: str) -> dict[str, Any]:
    """Return a part as the config composes it: its file names it by its own name."""
    parts = build(group, name)
    assert list(parts) == [name]
    return dict(parts)


def everything(action: str = "quotes") -> Environment:
    return environment(
        spec=market_spec(session_steps=STEPS),
        action=build("action", action),
        observation={name: part("observation", name)[name] for name in names("observation")},
        reward={name: part("reward", name)[name] for name in names("reward")},
    )


@pytest.mark.parametrize("name", names("observation"))
@pytest.mark.parametrize("offset", [0, 1, 50])
def test_an_observation_writes_its_size_at_any_offset(name: str, offset: int) -> None:
    scheme = part("observation", name)[name]
    public, seat = public_record(), seat_record()
    public["candle"]["steps"] = 1
    assert np.isfinite(observe(scheme, public, seat, offset)).all()
    # The same in a market that is alive.
    batch = BatchMarket(environment(observation={name: scheme}, spec=market_spec(session_steps=STEPS)), 1)
    batch.reset([4])
    for _ in range(STEPS):
        batch.step(np.zeros((1, 2, 4), np.float32))
    record = batch.markets[0]
    seat = record["seat"][batch.external[0]].copy()
    first, second = observe(scheme, record["public"], seat, offset), observe(scheme, record["public"], seat, offset + 7)
    assert first == second
    assert np.isfinite(first).all()


def test_all_observations_fit_together() -> None:
    assert everything().observation_size == sum(part("observation", name)[name].size for name in names("observation"))


@pytest.mark.parametrize("name", names("action"))
def test_every_action_is_played_scored_and_conserved(name: str) -> None:
    batch = BatchMarket(everything(name), 3)
    scheme = batch.environment.action
    choices = choices_of(scheme.space)
    random = np.random.default_rng(2)
    assert np.isfinite(batch.reset([1, 2, 3])).all()
    shape = (3, batch.external.size, scheme.size)
    for _ in range(STEPS):
        drawn = random.uniform(-1, 1, shape) if choices is None else random.integers(0, choices, shape)
        step = batch.step(drawn.astype(np.float32))
        assert np.isfinite(step.reward).all()
        assert np.isfinite(step.observation).all()
    assert not np.any(batch.conservation_errors())
    account = batch.markets["seat"]["account"][:, batch.external]
    assert (account["trades"].sum(0) > 0).all()
    np.testing.assert_array_equal(account["cash"], account["realized"] - account["cost"] - account["fees"])


@pytest.mark.parametrize("name", names("action"))
def test_spaces_contain_what_is_sampled_and_seen(name: str) -> None:
    env = MarketEnv(everything(name))
    agents = env.possible_agents
    for number, agent in enumerate(agents):
        env.action_space(agent).seed(number)
    observations, infos = env.reset(seed=1)
    while env.agents:
        assert all(env.observation_space(agent).contains(observations[agent]) for agent in agents)
        actions = {agent: env.action_space(agent).sample(infos[agent].get("action_mask")) for agent in agents}
        assert all(env.action_space(agent).contains(actions[agent]) for agent in agents)
        observations, _, _, _, infos = env.step(actions)
    assert all(env.observation_space(agent).contains(observations[agent]) for agent in agents)


@pytest.mark.parametrize("name", names("action"))
def test_a_number_of_an_action_fits_its_seat(name: str) -> None:
    scheme = build("action", name)
    sample = np.atleast_1d(scheme.space.sample())
    assert sample.shape == (scheme.size,)
    for market in names("market"):
        parameters = scheme.parameters(build("market", market))
        assert len(parameters) <= 64
        assert np.isfinite(parameters).all()


@pytest.mark.parametrize("name", names("reward"))
def test_a_reward_alone_is_finite_and_not_always_zero_for_those_who_trade(name: str) -> None:
    reward = part("reward", name)
    spec = market_spec(session_steps=60)
    batch = BatchMarket(environment(reward=reward, spec=spec), 8)
    batch.reset(range(8))
    random = np.random.default_rng(3)
    rewards = np.array(
        [batch.step(random.uniform(-1, 1, (8, 2, 4)).astype(np.float32)).reward.copy() for _ in range(60)]
    )
    assert np.isfinite(rewards).all()
    assert np.abs(rewards).max() > 0


def test_the_config_composes_rewards_by_name() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["reward=[profit,inventory]", "reward.inventory.weight=0.5"])
    reward = instantiate(config.reward, _convert_="all")
    assert {name: scheme.weight for name, scheme in reward.items()} == {"profit": 1.0, "inventory": 0.5}
    environment(reward=reward)
