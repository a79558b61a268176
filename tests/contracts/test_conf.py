"""Whatever conf lists keeps its contract: a new yaml is tested without editing a test."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.records import REWARD_PARTS, SEAT_ACTIONS, SEAT_OBSERVATION
from marl_market.env.interface.schemes import ObservationScheme, PrivilegedScheme, RewardScheme
from marl_market.env.interface.signatures import PARAM_VALUES, REWARD_VALUES, decide
from marl_market.env.interface.spaces import flatten_action
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import ParametersPer
from marl_market.exchange.codes import CommandKind, EventKind, Reason
from marl_market.exchange.records import SEAT_COMMANDS
from marl_market.market.spec import MarketSpec
from tests.builders import actions, environment, market_spec, params_record, public_record, seat_record
from tests.env.calls import PART, call_reward_at, observe

CONF = Path(__file__).parents[2] / "conf"
STEPS, WARMUP = 40, 40
MISFORTUNES = {int(Reason.ORDER_UNKNOWN), int(Reason.TOO_MANY_ORDERS), int(Reason.SESSION_OVER)}
"""What befalls a seat whose order is filled before its cancel comes, or comes after the close, or that has many open;
else it made a mistake."""


def choices(group: str) -> list[str]:
    """Return what conf lists of a group; collecting fails where there is none."""
    found = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert found, f"conf/{group} lists nothing"
    return found


@cache
def load(group: str, name: str) -> Any:
    config = OmegaConf.load(CONF / group / f"{name}.yaml")
    if group == "market" or "defaults" in config:  # one may be made of others
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [f"+{group}@loaded={name}"]).loaded
    return instantiate(config, _convert_="all")


def needs_a_file(group: str, name: str) -> bool:
    """Return whether a config has a value that only a user can give: the file of a recording."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"+{group}@loaded={name}"]).loaded
    return bool(OmegaConf.missing_keys(config))


def complete(group: str) -> list[str]:
    """Return what conf lists of a group and is whole."""
    return [name for name in choices(group) if not needs_a_file(group, name)]


def part(group: str, name: str) -> Any:
    """Return an observation or a reward; its file gives it its own name, by which the config composes."""
    parts = load(group, name)
    assert list(parts) == [name]
    return parts[name]


def short(market: str) -> MarketSpec:
    spec: MarketSpec = load("market", market)
    changes = {"session_steps": STEPS, "warmup_steps": WARMUP, "capacity": "auto"}
    further = {name: replace(other, **changes) for name, other in spec.further_instruments.items()}
    return replace(spec, **changes, further_instruments=further)


def chunks(parts: dict[str, Any], size_of: Callable[[Any], int], capacity: int) -> list[dict[str, Any]]:
    """Return all `parts` in as few mappings, one after another, as hold at most `capacity` each."""
    found: list[dict[str, Any]] = [{}]
    for name, each in parts.items():
        if found[-1] and sum(map(size_of, found[-1].values())) + size_of(each) > capacity:
            found.append({})
        found[-1][name] = each
    return found


def observation_chunks(instruments: int = 1) -> list[dict[str, ObservationScheme | PrivilegedScheme]]:
    parts = {name: part("observation", name) for name in choices("observation")}
    return chunks(parts, lambda each: each.size, SEAT_OBSERVATION // instruments)


def reward_chunks() -> list[dict[str, RewardScheme]]:
    return chunks({name: part("reward", name) for name in choices("reward")}, lambda each: 1, REWARD_PARTS)


def plays_by_itself(agent: Any) -> bool:
    """Return whether an agent is a rule: not from outside, and nobody has to write its mind."""
    return not isinstance(agent, External) and not hasattr(agent, "learner") and not agent.traits.observes


AGENTS = complete("agent")
SCRIPTED = [name for name in AGENTS if plays_by_itself(load("agent", name))]
MARKETS = choices("market")


def populated(agent: Any, market: str, action: str = "quotes") -> EnvironmentSpec:
    groups = [Group("noise", ZeroIntelligence(), 8), Group("outside", External(), 2), Group("focal", agent, 2)]
    spec = short(market)
    observation = observation_chunks(len(spec.instruments))[0]
    return EnvironmentSpec(spec, groups, observation, load("action", action), reward_chunks()[0])


def test_all_observations_and_all_rewards_play_together_as_far_as_there_is_room() -> None:
    observations, rewards = observation_chunks(), reward_chunks()
    assert [name for chunk in observations for name in chunk] == choices("observation")
    assert [name for chunk in rewards for name in chunk] == choices("reward")
    for number in range(max(len(observations), len(rewards))):
        observation, reward = observations[number % len(observations)], rewards[number % len(rewards)]
        play(replace(populated(ZeroIntelligence(), MARKETS[0]), observation=observation, reward=reward))


@pytest.mark.parametrize("more", [1, REWARD_PARTS])
def test_further_rewards_and_observations_play_beside_all_there_are(more: int) -> None:
    """One more than conf lists is what README.md describes; very many more go beyond the capacity of a seat."""
    rewards: dict[str, Any] = {name: part("reward", name) for name in choices("reward")}
    rewards |= {f"own_{number}": part("reward", "profit") for number in range(more)}
    parts: dict[str, Any] = {name: part("observation", name) for name in choices("observation")}
    parts |= {f"own_{number}": part("observation", "book") for number in range(2 * more)}
    reward_parts = chunks(rewards, lambda each: 1, REWARD_PARTS)
    observations = chunks(parts, lambda each: each.size, SEAT_OBSERVATION)
    assert (len(reward_parts), len(observations)) == ((1, 1) if more == 1 else (2, 3))
    for number, reward in enumerate(reward_parts):
        play(replace(populated(ZeroIntelligence(), MARKETS[0]), observation=observations[number], reward=reward))


def play(environment: EnvironmentSpec, markets: int = 2) -> tuple[BatchMarket, list[NDArray[np.float32]]]:
    """Play a session in every market; check on the way what holds whoever plays."""
    batch = BatchMarket(environment, markets)
    observations = [batch.reset(range(markets)).copy()]
    for action in actions(batch, environment.spec.session_steps):
        step = batch.step(action)
        observations.append(step.observation.copy())
        assert np.isfinite(step.reward).all()
        for market in batch.markets:
            events = market["event"][: market["event_count"]]
            rejected = events[events["kind"] == EventKind.REJECTED]
            assert set(rejected["reason"].tolist()) <= MISFORTUNES
    assert step.truncated
    positions, cash = batch.conservation_errors()
    assert not positions.any()
    assert not cash.any()
    for observation in observations:
        assert observation.dtype == np.float32
        assert np.isfinite(observation).all()
    return batch, observations


def test_only_recordings_need_a_file() -> None:
    lacking = {group: set(choices(group)) - set(complete(group)) for group in ("agent", "population", "fundamental")}
    assert lacking == {"agent": {"replay"}, "population": {"replay"}, "fundamental": {"recorded_mid"}}


def test_there_are_scripted_agents() -> None:
    assert {"zero_intelligence", "avellaneda_stoikov", "momentum"} <= set(SCRIPTED)


WAITING = {("mean_reversion", "tsla_2015_01_29")}
"""Agents for whose signal the order flow of a market moves too little in a session."""


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("agent", SCRIPTED)
def test_every_scripted_agent_plays_every_market_and_nothing_is_made_or_lost(agent: str, market: str) -> None:
    description = replace(populated(load("agent", agent), market), spec=load("market", market))
    batch, observations = play(description, markets=8)
    focal = description.seats_of("focal")
    if description.groups[-1].agent.traits.moves_fundamental:
        assert np.abs(batch.markets["path_shift"]).max() > 0, "one that steers nothing shows nothing"
    elif agent != "inactive" and (agent, market) not in WAITING:
        traded = batch.markets["seat"]["account"]["traded_lots"][:, focal]
        assert traded.sum() > 0, "a trader that never trades shows nothing"
    assert all(np.abs(observation[..., 1:]).max() < 1e4 for observation in observations), "observations are scaled"


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("population", complete("population"))
def test_every_population_composes_and_its_rules_play(population: str, market: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"population={population}", f"market={market}"])
    groups = [Group(str(name), **group) for name, group in instantiate(config.population, _convert_="all").items()]
    rules = [group for group in groups if plays_by_itself(group.agent)]
    outside = [] if sum(group.count for group in rules) == 16 else [Group("outside", External())]
    batch, _ = play(replace(populated(ZeroIntelligence(), market), groups=[*rules, *outside]))
    traded = batch.markets["seat"]["account"]["traded_lots"].sum(0)
    assert (traded > 0).sum() > len(rules) // 2


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("fundamental", complete("fundamental"))
def test_every_fundamental_gives_a_path_of_finite_values(fundamental: str, market: str) -> None:
    spec, process = load("market", market), load("fundamental", fundamental)
    path, again, other = (process.path(spec, 50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert path.shape == (50,)
    assert np.isfinite(path).all()
    np.testing.assert_array_equal(path, again)
    assert type(process.published) is bool
    assert not np.array_equal(path, other) or fundamental == "two_values"


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_keeps_the_contract(agent: str, market: str) -> None:
    params = load("agent", agent)
    assert params.trader is None or isinstance(params.trader.address, int)
    assert {type(flag) for flag in (params.traits.observes, params.traits.warms_up)} == {bool}
    assert params.traits.parameters_per in get_args(ParametersPer)
    parameters = params.parameters(short(market), 3)
    assert len(parameters) <= PARAM_VALUES
    assert np.isfinite(np.asarray(parameters, np.float64)).all()
    assert load("agent", agent).__dataclass_params__.frozen


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("latency", choices("latency"))
def test_every_latency_delays_a_group_that_trades(latency: str, market: str) -> None:
    description = populated(ZeroIntelligence(), market)
    *groups, focal = description.groups
    batch, _ = play(replace(description, groups=[*groups, replace(focal, latency=load("latency", latency))]))
    assert batch.connections is not None
    assert (batch.connections.connection["sent"][:, description.seats_of("focal")] > 0).all()


@pytest.mark.parametrize("market", MARKETS)
def test_every_market_opens_as_its_file_says(market: str) -> None:
    batch = BatchMarket(replace(populated(External(), market), spec=load("market", market)), 1)
    batch.reset([0])
    public = batch.markets[0]["public"]
    assert (public["depth"] > 0).all(), "the background has not filled the book"
    assert public["session_steps"] == load("market", market).session_steps


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("observation", choices("observation"))
def test_every_encoder_writes_as_many_finite_numbers_as_it_says(observation: str, market: str) -> None:
    scheme = part("observation", observation)
    assert isinstance(scheme, PrivilegedScheme) == observation.startswith("privileged_")
    flags = (scheme.tracks_history,) if isinstance(scheme, PrivilegedScheme) else (scheme.shared, scheme.tracks_history)
    assert {type(flag) for flag in flags} == {bool}
    batch, _ = play(replace(populated(ZeroIntelligence(), market), observation={observation: scheme}))
    for seat in batch.markets[0]["seat"][:12]:
        record, public = seat.copy(), batch.markets[0]["public"].copy()
        seen = [observe(scheme, public, record, offset) for offset in (0, 1, SEAT_OBSERVATION - scheme.size)]
        assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("observation", choices("observation"))
def test_every_encoder_sees_an_empty_market(observation: str) -> None:
    public = public_record()
    public["candle"]["steps"] = 1
    assert np.isfinite(observe(part("observation", observation), public, seat_record())).all()


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("action", choices("action"))
def test_every_decoder_turns_any_action_into_valid_commands(action: str, market: str) -> None:
    scheme = load("action", action)
    assert 1 <= scheme.size <= SEAT_ACTIONS
    assert np.atleast_1d(flatten_action(scheme.space.sample(), scheme.space)).shape == (scheme.size,)
    parameters = scheme.parameters(short(market))
    assert len(parameters) <= PARAM_VALUES
    assert np.isfinite(parameters).all()
    batch, _ = play(populated(ZeroIntelligence(), market, action=action))
    public, seat = batch.markets[0]["public"], batch.markets[0]["seat"][8].copy()
    for name in ("position", "open_lots"):  # far from the position limit
        seat["account"][name] = 0
    random = np.random.default_rng(0)
    active = 0
    for _ in range(200):
        seat["agent"]["action"][: scheme.size] = random.standard_normal(scheme.size) * 10.0 ** random.integers(-2, 8)
        decide(0, scheme.decoder.address, public, seat, params_record(parameters))
        assert 0 <= seat["command_count"] <= SEAT_COMMANDS
        active += seat["command_count"] > 0
        sent = seat["command"][: seat["command_count"]]
        assert set(sent["kind"].tolist()) <= set(CommandKind)
        orders = sent[~np.isin(sent["kind"], (CommandKind.CANCEL, CommandKind.CANCEL_ALL))]
        assert (orders["quantity_lots"] > 0).all()
        assert set(np.abs(orders["side"]).tolist()) <= {1}
    assert active > 20, "a decoder that sends nothing shows nothing"


@pytest.mark.parametrize("timing", choices("timing"))
@pytest.mark.parametrize("action", choices("action"))
def test_every_pace_lets_seats_act_again_in_every_action(action: str, timing: str) -> None:
    described = environment(
        spec=market_spec(session_steps=STEPS), action=load("action", action), timing=load("timing", timing)
    )
    assert described.action_of("outside").space.contains(described.action_of("outside").space.sample())
    batch = BatchMarket(described, 3)
    batch.reset(range(3))
    acted = np.zeros((3, 2), np.int64)
    for given in actions(batch, STEPS):
        acted += batch.active[:, batch.external]
        batch.step(given)
    assert (acted > 1).all()
    assert (acted == STEPS).all() == (timing == "every_step")
    assert [error.any() for error in batch.conservation_errors()] == [False, False]


@pytest.mark.parametrize("participation", choices("participation"))
def test_every_presence_lets_seats_come_and_conserves_everything(participation: str) -> None:
    groups = [
        Group("noise", ZeroIntelligence(), 8),
        Group("visitors", External(), 2, load("participation", participation)),
    ]
    batch = BatchMarket(environment(groups, spec=market_spec(session_steps=200)), 16)
    batch.reset(range(16))
    acted = np.zeros(16, np.int64)
    for given in actions(batch, 200):
        acted += batch.active[:, 8:].sum(1)
        batch.step(given)
    assert (acted > 0).any()
    assert (acted < 400).any()
    assert [error.any() for error in batch.conservation_errors()] == [False, False]


@pytest.mark.parametrize("population", complete("population"))
def test_every_population_composes_and_plays(population: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"population={population}", "market.session_steps=20", "market.warmup_steps=20"])
    parts = instantiate(
        {name: config[name] for name in ("market", "population", "observation", "action", "timing", "reward")},
        _convert_="all",
    )
    groups = [Group(name, **seats) for name, seats in parts.pop("population").items()]
    play(EnvironmentSpec(parts.pop("market"), groups, **parts))


@pytest.mark.parametrize("action", choices("action"))
def test_every_action_trades_and_its_account_adds_up(action: str) -> None:
    description = environment(spec=market_spec(session_steps=STEPS), action=load("action", action))
    batch, _ = play(description, markets=3)
    account = batch.markets["seat"]["account"][:, batch.external]
    assert (account["trades"].sum(0) > 0).all()
    assert not account["cost"][account["position"] == 0].any()
    np.testing.assert_array_equal(batch.conservation_errors(), 0)


@pytest.mark.parametrize("action", choices("action"))
def test_spaces_contain_what_is_sampled_and_seen(action: str) -> None:
    env = MarketEnv(replace(populated(ZeroIntelligence(), MARKETS[0], action), spec=market_spec(session_steps=STEPS)))
    agents = env.possible_agents
    for number, agent in enumerate(agents):
        env.action_space(agent).seed(number)
    observations, infos = env.reset(seed=1)
    while env.agents:
        assert all(env.observation_space(agent).contains(observations[agent]) for agent in agents)
        drawn = {agent: env.action_space(agent).sample(infos[agent].get("action_mask")) for agent in agents}
        assert all(env.action_space(agent).contains(drawn[agent]) for agent in agents)
        observations, _, _, _, infos = env.step(drawn)
    assert all(env.observation_space(agent).contains(observations[agent]) for agent in agents)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("reward", choices("reward"))
def test_every_reward_is_finite_and_scaled(reward: str, market: str) -> None:
    scheme = part("reward", reward)
    parameters = scheme.parameters(short(market))
    assert len(parameters) <= REWARD_VALUES
    batch, _ = play(populated(ZeroIntelligence(), market))
    public, params = batch.markets[0]["public"], params_record(reward_parameters=parameters, part=PART)
    for seat in batch.markets[0]["seat"][:12]:
        first, again = (call_reward_at(scheme.reward.address, public, seat, params, PART) for _ in range(2))
        assert np.isfinite([first, again]).all()
        assert abs(first) < 1e5  # closing a position of hundreds of size scales is dear


@pytest.mark.parametrize("reward", choices("reward"))
def test_every_reward_alone_scores_those_who_trade(reward: str) -> None:
    spec = market_spec(session_steps=60)
    batch = BatchMarket(environment(reward={reward: part("reward", reward)}, spec=spec), 8)
    batch.reset(range(8))
    rewards = np.array([batch.step(action).reward.copy() for action in actions(batch, 60, seed=3)])
    assert np.isfinite(rewards).all()
    assert np.abs(rewards).max() > 0


def test_nobody_is_privileged_by_default() -> None:
    for path in [CONF / "config.yaml", *(CONF / "experiment").glob("*.yaml")]:
        assert "privileged" not in path.read_text(), path


def test_the_config_composes_rewards_by_name() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["reward=[closing_profit,inventory]", "reward.inventory.weight=0.5"])
    reward = instantiate(config.reward, _convert_="all")
    assert {name: scheme.weight for name, scheme in reward.items()} == {"closing_profit": 1.0, "inventory": 0.5}
    environment(reward=reward)
