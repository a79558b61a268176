"""A market of known tables is played, and its tables are estimated from its tape."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from marl_market.calibration.estimates.conditional_flow import conditional_flow
from marl_market.calibration.reactive_market import ReactiveMarket
from marl_market.calibration.search.simulator import Simulator
from marl_market.calibration.targets import order_flow
from marl_market.market.jumping_value import JumpingValue
from marl_market.market.reactive_flow import AGES, ATOMS, DEPTHS, KNOTS, PLACES, REGIMES, SIZE_CLASSES, SPREADS
from marl_market.market.tape import Tape
from tests.agents.scripted.reactive_seat import spec_with

SECONDS = 400.0
HAZARD, FLEETING, FOLLOWING = 0.4, 0.3, 0.45


@cache
def market() -> ReactiveMarket:
    sizes = np.full((PLACES, ATOMS), 50.0)
    sizes[0, : ATOMS // 4] = 20.0
    tables: dict[str, Any] = {
        "spread_edges": (2, 3, 4, 5, 6, 8, 10),
        "offset_ticks": np.broadcast_to(np.linspace(2, 14, KNOTS), (REGIMES, SPREADS, KNOTS)),
        "limit_size_lots": sizes,
        "market_size_lots": np.full((DEPTHS, ATOMS), 9.0),
        "cancel_hazard": np.full((SIZE_CLASSES, SPREADS, AGES, PLACES), HAZARD),
        "fleeting": np.full((SIZE_CLASSES, SPREADS, PLACES), FLEETING),
        "fleeting_life": np.geomspace(0.0005, 0.008, 33),
        "place_edges": (1, 3, 5, 7, 9),
        "following": FOLLOWING,
    }
    spec = spec_with(**tables)
    spec = replace(spec, step_ns=10_000_000, capacity="medium", fundamental=JumpingValue(volatility=0.1))
    plain = ReactiveMarket(spec, maker_seats=16, taker_seats=4)
    return plain.with_values({"makers.following": 0.01, "makers.fleeing": 0.05, "makers.canceling": 1.0,
                              "makers.joining": 0.02})  # fmt: skip


@cache
def played(seed: int = 1) -> Tape:
    return Simulator(market(), warmup_seconds=60.0)({}, seed, SECONDS)


@pytest.mark.slow
def test_what_orders_depend_on_is_recovered() -> None:
    tape = played()
    flow = order_flow(tape)
    found = conditional_flow(tape, flow)
    rates = market().spec.flow
    assert flow.limit_rate == pytest.approx(rates.limit_rate, rel=0.25)
    near = found.table("limit_size_lots")[0]
    assert (near == 20.0).mean() == pytest.approx(0.25, abs=0.05)
    assert np.isin(near, (20.0, 50.0)).mean() > 0.9, "others have traded a part before they rest"
    assert set(found.table("limit_size_lots")[-1].tolist()) == {50.0}
    sizes, counts = np.unique(found.table("market_size_lots"), return_counts=True)
    assert sizes[counts.argmax()] == 9.0
    assert FOLLOWING < found.following < 0.8, "orders of other seats follow at once, too"
    assert found.table("fleeting")[-1].mean() == pytest.approx(FLEETING, abs=0.04)
    assert found.fleeting_life[KNOTS // 2] == pytest.approx(0.002, rel=0.2)
    middle = found.table("offset_ticks")[1, 3, KNOTS // 2]
    assert middle == pytest.approx(8.0, abs=1.0)
    hazard = found.table("cancel_hazard")[-1, 3, 2:6, 1:4]
    assert np.median(hazard) == pytest.approx(HAZARD, rel=0.25)


@pytest.mark.slow
def test_the_same_seed_plays_the_same_market() -> None:
    simulate = Simulator(market(), warmup_seconds=10.0)
    assert simulate({}, 3, 20.0).digest() == simulate({}, 3, 20.0).digest()
    assert simulate({}, 3, 20.0).digest() != simulate({}, 4, 20.0).digest()


def test_free_parameters_are_named_by_their_part() -> None:
    names = market().free_parameters()
    assert {"belief.learning", "activity.on_trade", "makers.reach", "takers.caution", "fundamental.volatility"} <= set(
        names
    )
    changed = market().with_values({"belief.learning": 0.3, "fundamental.jump_rate": 1.5})
    assert changed.values()["belief.learning"] == 0.3
    assert [group.agent.belief.learning for group in changed.groups()] == [0.3, 0.3]
    assert changed.spec.fundamental == JumpingValue(volatility=0.1, jump_rate=1.5)
    with pytest.raises(
        ValueError, match=r"parameter is 'belief.learn'; it must be a free parameter .* belief.learning"
    ):
        market().with_values({"belief.learn": 0.3})
