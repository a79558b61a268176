"""Observations of the market history, in a running market."""

import numpy as np

from marl_market.env.batch_market import BatchMarket
from marl_market.env.observations.candles import Candles
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.events import Events
from marl_market.env.observations.fills import Fills
from marl_market.env.observations.flow_imbalance import FlowImbalance
from marl_market.env.observations.orders import Orders
from marl_market.exchange.codes import EventKind, Liquidity
from marl_market.exchange.records import SEAT_ORDERS
from tests.builders import actions, environment, market_spec

PARTS = {"events": Events(), "candles": Candles(), "orders": Orders(), "fills": Fills(), "flow": FlowImbalance()}


def test_each_part_lies_where_the_environment_says_and_lives() -> None:
    batch = BatchMarket(environment(observation=PARTS, spec=market_spec(session_steps=40)), 2)
    batch.reset([1, 2])
    observed = np.array([batch.step(action).observation.copy() for action in actions(batch, 40)])
    assert np.isfinite(observed).all()
    offset = 0
    for name, part in PARTS.items():
        assert np.ptp(observed[..., offset : offset + part.size]) > 0, name
        offset += part.size
    assert offset == observed.shape[-1]


def test_the_newest_observed_fill_is_the_last_one_of_the_step() -> None:
    batch = BatchMarket(environment(observation={"fills": Fills()}, spec=market_spec(session_steps=40)), 1)
    batch.reset([5])
    checked = 0
    for action in actions(batch, 40):
        observation = batch.step(action).observation[0]
        market = batch.markets[0]
        events = market["event"][: market["event_count"]]
        for place, seat in enumerate(batch.external):
            own = events[(events["kind"] == EventKind.FILLED) & (events["seat"] == seat)]
            if own.size:
                made, taken, recency = observation[place, :3]
                side = float(own[-1]["side"])
                assert (made, taken) == ((side, 0) if own[-1]["liquidity"] == Liquidity.MAKER else (0, side))
                assert recency == 1.0
                checked += 1
    assert checked > 5


def test_queue_positions_are_the_lots_that_came_earlier() -> None:
    batch = BatchMarket(environment(observation={"orders": Orders()}, spec=market_spec(session_steps=40)), 1)
    batch.reset([5])
    queued = 0
    for action in actions(batch, 40):
        batch.step(action)
        market = batch.markets[0]
        link, references = market["book"]["link"], market["seat"]["order"].size
        own = [
            (seat * SEAT_ORDERS + slot, int(market["seat"][seat]["ahead_lots"][slot]))
            for seat in batch.external
            for slot in range(SEAT_ORDERS)
            if int(market["seat"][seat]["live"]) >> slot & 1
        ]
        for reference, ahead_lots in own:
            ahead, reference = 0, int(link[reference]["previous"])
            while reference < references:
                earlier = market["seat"][reference // SEAT_ORDERS]["order"][reference % SEAT_ORDERS]
                ahead, reference = ahead + int(earlier["leaves_quantity"]), int(link[reference]["previous"])
            assert ahead_lots == ahead
            queued += ahead > 0
    assert queued > 0


def test_a_market_without_observations_of_its_history_keeps_none() -> None:
    batch = BatchMarket(environment(observation={"clock": Clock(), "flow": FlowImbalance()}), 1)
    batch.reset([1])
    assert batch.markets["public"]["event_count"][0] == 0
