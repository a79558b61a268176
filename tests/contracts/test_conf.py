"""Whatever conf lists keeps its contract: a new yaml is tested without editing a test."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.agent import External, Group
from marl_market.env.batch_market import BatchMarket, Environment
from marl_market.env.scheme import ObservationScheme
from marl_market.env.trader import MIND_PARAMETERS, REWARD_PARAMETERS, call_encoder, call_reward, decide
from marl_market.exchange.compiled import compiled
from marl_market.exchange.records import SEAT_ACTIONS, SEAT_COMMANDS, SEAT_OBSERVATION, CommandKind, EventKind, Reason
from marl_market.market.spec import MarketSpec
from tests.builders import actions, mind_record

CONF = Path(__file__).parents[2] / "conf"
STEPS, WARMUP = 40, 40
MISFORTUNES = {int(Reason.ORDER_UNKNOWN), int(Reason.TOO_MANY_ORDERS)}
"""What befalls a seat whose order is filled before its cancel comes, or that has many open; else it made a mistake."""


def choices(group: str) -> list[str]:
    """Return what conf lists of a group; collecting fails where there is none."""
    found = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert found, f"conf/{group} lists nothing"
    return found


@cache
def load(group: str, name: str) -> Any:
    return instantiate(OmegaConf.load(CONF / group / f"{name}.yaml"), _convert_="all")


def parts_of(name: str) -> dict[str, ObservationScheme]:
    loaded = load("observation", name)
    return dict(loaded) if isinstance(loaded, Mapping) else {name: loaded}


def short(market: str) -> MarketSpec:
    spec: MarketSpec = load("market", market)
    return replace(spec, session_steps=STEPS, warmup_steps=WARMUP, capacity="small")


def every_part() -> dict[str, ObservationScheme]:
    return {key: part for name in choices("observation") for key, part in parts_of(name).items()}


def plays_by_itself(agent: Any) -> bool:
    """Return whether an agent is a rule: not from outside, and nobody has to write its mind."""
    return not isinstance(agent, External) and not hasattr(agent, "learner") and not agent.observes


AGENTS = choices("agent")
SCRIPTED = [name for name in AGENTS if plays_by_itself(load("agent", name))]
MARKETS = choices("market")


def populated(agent: Any, market: str, action: str = "quotes", reward: str = "profit") -> Environment:
    groups = [Group("noise", ZeroIntelligence(), 8), Group("outside", External(), 2), Group("focal", agent, 2)]
    return Environment(short(market), groups, every_part(), load("action", action), load("reward", reward))


def play(environment: Environment, markets: int = 2) -> tuple[BatchMarket, list[NDArray[np.float32]]]:
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


def test_there_are_scripted_agents() -> None:
    assert {"zero_intelligence", "avellaneda_stoikov", "momentum"} <= set(SCRIPTED)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("agent", SCRIPTED)
def test_every_scripted_agent_plays_every_market_and_nothing_is_made_or_lost(agent: str, market: str) -> None:
    description = replace(populated(load("agent", agent), market), spec=load("market", market))
    batch, observations = play(description, markets=8)
    traded = batch.markets["seat"]["account"]["traded_lots"][:, description.seats_of("focal")]
    assert traded.sum() > 0, "a trader that never trades shows nothing"
    assert all(np.abs(observation[..., 1:]).max() < 1e4 for observation in observations), "observations are scaled"


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_keeps_the_contract(agent: str, market: str) -> None:
    mind = load("agent", agent)
    assert isinstance(mind.trader.address, int)
    assert {type(flag) for flag in (mind.observes, mind.warms_up, mind.mind_per_market)} == {bool}
    parameters = mind.parameters(short(market), 3)
    assert len(parameters) <= MIND_PARAMETERS
    assert np.isfinite(np.asarray(parameters, np.float64)).all()
    assert load("agent", agent).__dataclass_params__.frozen


@pytest.mark.parametrize("market", MARKETS)
def test_every_market_opens_as_its_file_says(market: str) -> None:
    batch = BatchMarket(replace(populated(External(), market), spec=load("market", market)), 1)
    batch.reset([0])
    public = batch.markets[0]["public"]
    assert (public["depth"] > 0).all(), "the background has not filled the book"
    assert public["session_steps"] == load("market", market).session_steps


@compiled
def call_scheme(address, public, seat, offset):  # type: ignore[no-untyped-def]
    return call_encoder(address, public, seat, offset)


@compiled
def score(address, public, seat, mind):  # type: ignore[no-untyped-def]
    return call_reward(address, public, seat, mind)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("observation", choices("observation"))
def test_every_encoder_writes_as_many_finite_numbers_as_it_says(observation: str, market: str) -> None:
    batch, _ = play(populated(ZeroIntelligence(), market))
    for part in parts_of(observation).values():
        assert isinstance(part.shared, bool)
        for offset in (0, SEAT_OBSERVATION - part.size):
            for seat in batch.markets[0]["seat"][:12]:
                record = seat.copy()
                record["observation"] = np.nan
                assert call_scheme(part.encoder.address, batch.markets[0]["public"], record, offset) == (
                    offset + part.size
                )
                written = np.isfinite(record["observation"])
                assert written.sum() == part.size
                assert written[offset : offset + part.size].all()


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("action", choices("action"))
def test_every_decoder_turns_any_action_into_valid_commands(action: str, market: str) -> None:
    scheme = load("action", action)
    assert 1 <= scheme.size <= SEAT_ACTIONS
    parameters = scheme.parameters(short(market))
    assert len(parameters) <= MIND_PARAMETERS
    batch, _ = play(populated(ZeroIntelligence(), market, action=action))
    public, seat = batch.markets[0]["public"], batch.markets[0]["seat"][8].copy()
    random = np.random.default_rng(0)
    for _ in range(200):
        seat["action"][: scheme.size] = random.standard_normal(scheme.size) * 10.0 ** random.integers(-2, 8)
        decide(External.trader.address, scheme.decoder.address, public, seat, mind_record(parameters))
        assert 0 < seat["command_count"] <= SEAT_COMMANDS
        sent = seat["command"][: seat["command_count"]]
        assert set(sent["kind"].tolist()) <= set(CommandKind)
        orders = sent[sent["kind"] <= CommandKind.MARKET]
        assert (orders["quantity_lots"] > 0).all()
        assert set(np.abs(orders["side"]).tolist()) <= {1}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("reward", choices("reward"))
def test_every_reward_is_finite_and_scaled(reward: str, market: str) -> None:
    scheme = load("reward", reward)
    parameters = scheme.parameters(short(market))
    assert len(parameters) <= REWARD_PARAMETERS
    batch, _ = play(populated(ZeroIntelligence(), market, reward=reward))
    public, mind = batch.markets[0]["public"], mind_record(reward_parameters=parameters)
    for seat in batch.markets[0]["seat"][:12]:
        first, again = (score(scheme.reward.address, public, seat, mind) for _ in range(2))
        assert np.isfinite([first, again]).all()
        assert abs(first) < 1e4
