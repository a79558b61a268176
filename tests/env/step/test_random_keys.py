"""The random streams inside a session: each market, seat, connection and instrument has its own in each step."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.exchange.compiled import compiled
from marl_market.exchange.random_streams import begin_stream
from marl_market.market.latency import Delay, Latency
from tests.builders import environment, market_spec

SEATS, MARKETS, STEPS, LAGS = 8, 32, 200, range(-3, 4)


def pair(**changes: Any) -> Any:
    return market_spec(further_instruments={"second": market_spec(name="second", **changes)}, **changes)


@compiled
def first_words(markets, steps, words):  # type: ignore[no-untyped-def]
    """Write the first state of every stream of the seats of markets in each step, (markets, seats, steps)."""
    for i in range(markets.size):
        for j in range(markets[i].seat_count):
            for k in range(steps):
                begin_stream(markets[i].seat[j], k - steps // 2)
                words[i, j, k] = markets[i].seat[j].random


def test_all_keys_of_a_session_are_different() -> None:
    late = Latency(entry=Delay(floor_ns=1e6, exponential_ns=1e6))
    batch = BatchMarket(environment([Group("noise", ZeroIntelligence(), SEATS, latency=late)], spec=pair()), 4)
    batch.reset(range(4))
    assert batch.connections is not None
    keys = [
        batch.instruments["random_key"].ravel(),
        batch.instruments["seat"]["random_key"][..., :SEATS].ravel(),
        batch.connections.connection["random_key"][..., :SEATS].ravel(),
        batch._memory.keys[:, -SEATS:].ravel(),
    ]
    everything = np.concatenate(keys)
    assert everything.size == 4 * (2 * (1 + 2 * SEATS) + SEATS)
    assert np.unique(everything).size == everything.size


def test_all_streams_of_instruments_seats_and_steps_are_different() -> None:
    batch = BatchMarket(environment([Group("noise", ZeroIntelligence(), SEATS)], spec=pair()), 4)
    batch.reset(range(4))
    records = batch.instruments.reshape(-1)
    words = np.zeros((records.size, SEATS, 1000), np.uint64)
    first_words(records, 1000, words)
    assert np.unique(words).size == words.size


@pytest.fixture(scope="module")
def flows() -> dict[str, NDArray[np.float64]]:
    """Return what two instruments of the same constants show in each step, (instruments, steps, markets) each."""
    batch = BatchMarket(
        environment([Group("noise", ZeroIntelligence(), SEATS)], spec=pair(session_steps=STEPS)), MARKETS
    )
    batch.reset(range(MARKETS))
    rows: dict[str, list[Any]] = {"commands": [], "signed_lots": [], "mid": []}
    action = np.zeros((MARKETS, 0, batch.environment.action_size), np.float32)
    for _ in range(STEPS):
        batch.step(action)
        events, count = batch.instruments["event"], batch.instruments["event_count"]
        taken = (events["kind"] == EventKind.FILLED) & (events["liquidity"] == Liquidity.TAKER)
        taken &= np.arange(events.shape[2]) < count[..., None]
        rows["commands"].append(batch.instruments["seat"]["command_count"][..., :SEATS].sum(-1))
        rows["signed_lots"].append((taken * events["side"] * events["quantity_lots"]).sum(-1))
        rows["mid"].append(batch.instruments["public"]["reference_ticks"].copy())
    found = {name: np.stack(values, axis=1).astype(np.float64) for name, values in rows.items()}
    return {**found, "mid": np.diff(found["mid"], axis=1)}


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("name", ["commands", "signed_lots", "mid"])
def test_the_flows_of_two_instruments_are_not_correlated(
    flows: dict[str, NDArray[np.float64]], name: str, lag: int
) -> None:
    first, second = flows[name] - flows[name].mean(2, keepdims=True)  # not what all sessions have in common
    ahead, behind = (second, first) if lag >= 0 else (first, second)
    earlier, later = ahead[: len(ahead) - abs(lag)], behind[abs(lag) :]
    assert earlier.std() > 0
    # Over 6,000 and more steps chance alone stays within 0.05; with one stream for both it was 0.85 to 0.99 at lag 1.
    assert abs((earlier * later).mean() / (first.std() * second.std())) < 0.05
