import numpy as np
import pytest

from marl_market.env.batch_market import BatchMarket
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.privileged_positions import PrivilegedPositions
from tests.builders import actions, environment, market_spec


def test_a_seat_sees_the_positions_of_all_others_and_nothing_beyond_them() -> None:
    parts = {"clock": Clock(), "privileged_positions": PrivilegedPositions(others=7), "last": Clock()}
    batch = BatchMarket(environment(observation=parts, spec=market_spec(session_steps=30)), 2)
    batch.reset([1, 2])
    for action in actions(batch, 30):
        observation = batch.step(action).observation
    scale = 10 * batch.markets["public"]["size_scale_lots"]
    position = batch.markets["seat"]["account"]["position"] / scale[:, None]
    for market in range(2):
        for place, seat in enumerate(batch.external):
            others = np.delete(position[market, :6], seat)
            np.testing.assert_allclose(observation[market, place, 1:8], [*others, 0, 0], rtol=1e-6)
            assert (others != 0).sum() >= 3
    assert (observation[..., 0] == 0).all()
    assert (observation[..., 8] == 0).all()


def test_with_more_seats_than_numbers_the_first_are_observed() -> None:
    parts = {"privileged_positions": PrivilegedPositions(others=2), "last": Clock()}
    batch = BatchMarket(environment(observation=parts), 1)
    batch.reset([1])
    for action in actions(batch, 12):
        observation = batch.step(action).observation
    seat = batch.markets[0]["seat"]["account"]["position"][:2]
    expected = [*(seat / (10 * batch.markets[0]["public"]["size_scale_lots"])), 0]
    np.testing.assert_allclose(observation[0], [expected, expected], rtol=1e-6)


def test_it_observes_one_seat_or_more() -> None:
    with pytest.raises(ValueError, match=r"observation.privileged_positions.others is 0; it must be 1 or more"):
        PrivilegedPositions(others=0)
