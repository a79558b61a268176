"""Layout of the parts of an observation in a running market."""

from dataclasses import dataclass
from itertools import chain

import numpy as np

from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import encoder
from marl_market.env.observations.clock import Clock
from tests.builders import actions, environment, market_spec
from tests.env.calls import observe


def test_every_seat_sees_its_own_account_and_the_same_market() -> None:
    batch = BatchMarket(environment(spec=market_spec(session_steps=30)), 2)
    own = batch.environment.observation["account"].size
    batch.reset([1, 2])
    for action in actions(batch, 30):
        observation = batch.step(action).observation
        for market, row in zip(batch.markets, observation, strict=True):
            for place, seat in enumerate(batch.external):
                record, public = market["seat"][seat].copy(), market["public"].copy()
                parts = [observe(part, public, record) for part in batch.environment.observation.values()]
                assert row[place].tolist() == list(chain(*parts))
            assert np.array_equal(row[0, own:], row[1, own:])
    assert not np.array_equal(observation[0, 0, :own], observation[0, 1, :own])


@encoder
def write_mind_row(public, seat, observation):  # type: ignore[no-untyped-def]
    """Write a number that differs from seat to seat."""
    observation[0] = np.float32(seat.random_key % np.uint64(1000))


@dataclass(frozen=True)
class Private:
    encoder = write_mind_row
    tracks_history = False
    shared = False
    size = 1


@dataclass(frozen=True)
class Shared(Private):
    shared = True


def test_a_shared_part_is_encoded_once_and_stands_where_the_config_puts_it() -> None:
    parts = {"shared": Shared(), "private": Private(), "clock": Clock()}
    batch = BatchMarket(environment(observation=parts), 1)
    first, second = batch.reset([1])[0]
    keys = (batch.markets[0]["seat"]["random_key"][batch.external] % 1000).astype(np.float32)
    assert keys[0] != keys[1]
    assert first.tolist() == [keys[0], keys[0], 1.0]
    assert second.tolist() == [keys[0], keys[1], 1.0]
