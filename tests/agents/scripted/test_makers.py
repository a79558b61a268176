"""The rules of the market makers, in numbers worked out by hand or by another method."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from marl_market.agents.scripted.adaptive_pov import AdaptivePOV
from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.glft import GLFT
from marl_market.agents.scripted.glosten_milgrom_maker import GlostenMilgromMaker
from marl_market.agents.scripted.inventory_skew import InventorySkew
from marl_market.agents.scripted.ladder import Ladder
from tests.agents.scripted.trader_seat import LIMIT, SPEC, TraderSeat, quoted
from tests.builders import market_spec, order_flow, public_record


def test_fixed_spread_does_not_heed_its_position() -> None:
    maker = TraderSeat(FixedSpread(spread=2.0, size=0.5))
    for position in (0, 50, -50):
        assert maker.orders(public_record(), position) == [(LIMIT, 1, 996, 3), (LIMIT, -1, 1004, 3)]


@pytest.mark.parametrize("maker", [FixedSpread, InventorySkew, AvellanedaStoikov])
def test_a_position_limit_shrinks_the_quote_that_would_pass_it(maker: Any) -> None:
    def quantities(position: int, limit: float | None = 1.5) -> dict[int, int]:
        sent = TraderSeat(maker(size=1.0, position_limit=limit)).orders(public_record(), position)
        return {side: lots for _, side, _, lots in sent}

    assert quantities(0) == {1: 6, -1: 6}
    assert quantities(5) == {1: 4, -1: 6}, "nine lots are the limit"
    assert quantities(-9) == {1: 6}
    assert quantities(12) == {-1: 6}
    assert quantities(1000, None) == {1: 6, -1: 6}
    with pytest.raises(ValueError, match=r"position_limit is 0\.0; it must be above zero"):
        quantities(0, 0.0)


def test_a_ladder_has_evenly_spaced_levels_of_one_size() -> None:
    sent = TraderSeat(Ladder(spread=1.0, spacing=0.5, levels=3, size=1.0)).orders(public_record())
    assert [price for _, side, price, _ in sent if side > 0] == [998, 996, 994]
    assert [price for _, side, price, _ in sent if side < 0] == [1002, 1004, 1006]
    assert {quantity for *_, quantity in sent} == {6}


def test_the_longest_ladder_fits_the_commands_of_a_step() -> None:
    assert len(TraderSeat(Ladder(levels=7)).orders(public_record())) == 14


@pytest.mark.parametrize(("position", "bid", "ask"), [(0, 997, 1003), (12, 996, 1001), (-12, 999, 1004)])
def test_inventory_skew_moves_both_quotes_by_two_eta_for_each_size_held(position: int, bid: int, ask: int) -> None:
    # eta .1: 2 * .1 * 4 ticks for each six lots; half of 2/2 + .1 price scales is 2.2 ticks
    maker = TraderSeat(InventorySkew(penalty=0.1, decay=2.0))
    assert [price for _, _, price, _ in maker.orders(public_record(), position)] == [bid, ask]


FINE = market_spec(session_steps=100, flow=order_flow(spread_ticks=10_000.0, volatility_ticks=2_000.0, market_rate=2.8))
"""The market of Avellaneda and Stoikov with 10,000 ticks to the unit: sigma 2 a session, A 140."""
PAPER = GLFT(risk_aversion=0.1, decay=1.5, inventory_limit=20)


def glft_quotes(inventory: int, step: int, agent: GLFT = PAPER) -> dict[int, float]:
    """Return the distance of bid (1) and ask (-1) from the mid price in the paper's units."""
    lots = int(FINE.lots(1.0))
    public = public_record(reference_ticks=1e6, step=step)
    sent = TraderSeat(agent, FINE).orders(public, inventory * lots)
    return {side: side * (1e6 - price) / 1e4 for _, side, price, _ in sent}


def test_glft_quotes_are_the_known_ones_of_this_market() -> None:
    flat, long = glft_quotes(0, 0), glft_quotes(1, 0)
    assert flat[1] == flat[-1] == pytest.approx(0.6716, abs=2e-4)
    assert (long[1] - long[-1]) / 2 == pytest.approx(0.0525, abs=2e-4)


@pytest.mark.parametrize("step", [0, 60, 95, 99])
@pytest.mark.parametrize("inventory", [0, 3, -7, 19])
def test_glft_quotes_solve_the_equations_of_the_paper(inventory: int, step: int) -> None:
    gamma, k, limit = 0.1, 1.5, 20
    eta = 140 * (1 + gamma / k) ** -(1 + k / gamma)
    held = np.arange(-limit, limit + 1)
    matrix = np.diag(k * gamma * 4 / 2 * held**2.0) - eta * (np.eye(41, k=1) + np.eye(41, k=-1))
    value = np.log(expm(-matrix * (1 - step / 100)) @ np.ones(41))
    here = inventory + limit
    bid = (value[here] - value[here + 1]) / k + math.log(1 + gamma / k) / gamma
    ask = (value[here] - value[here - 1]) / k + math.log(1 + gamma / k) / gamma
    quotes = glft_quotes(inventory, step)
    assert quotes[1] == pytest.approx(bid, abs=1.1e-4)
    assert quotes[-1] == pytest.approx(ask, abs=1.1e-4)


def test_glft_quotes_no_side_beyond_its_limit() -> None:
    assert set(glft_quotes(20, 0)) == {-1}
    assert set(glft_quotes(-25, 0)) == {1}


def test_glft_names_a_limit_that_is_never_reached() -> None:
    with pytest.raises(ValueError, match=r"glft.inventory_limit is 30; it must be lower"):
        replace(PAPER, risk_aversion=5.0, inventory_limit=30).parameters(FINE, 1)


def test_adaptive_pov_follows_spread_and_volume() -> None:
    maker = TraderSeat(AdaptivePOV(rate=0.5, min_size=0.2, half_life_seconds=1.0, levels=3))
    public = quoted(996, 1004)
    public["step_lots"] = (10, 6)
    sent = maker.orders(public)  # spread 4 -> 6, volume 0 -> 8
    assert [price for _, side, price, _ in sent if side > 0] == [997, 994, 991]
    assert [price for _, side, price, _ in sent if side < 0] == [1003, 1006, 1009]
    assert {quantity for *_, quantity in sent} == {4}
    public["step_lots"] = (0, 0)
    for _ in range(5):
        sent = maker.orders(public)
    assert {quantity for *_, quantity in sent} == {1}, "at least the minimum size"


GM = GlostenMilgromMaker(informed_share=0.2, half_range=25.0)
"""Values of 900 or 1100."""


def spread(maker: TraderSeat, bought: int, sold: int) -> tuple[int, int]:
    public: Any = public_record()
    public["step_lots"] = (bought, sold)
    (_, _, bid, _), (_, _, ask, _) = maker.orders(public)
    return bid, ask


def test_glosten_milgrom_spread_is_the_informed_share_of_the_range_and_moves_with_each_order() -> None:
    maker = TraderSeat(GM)
    assert spread(maker, 60, 0) == (980, 1020), "what was traded before its first quote says nothing"
    # one buy: odds 3/2; after another 9/4, after a sell 1
    assert spread(maker, 6, 0) == (1000, math.ceil(900 + 200 * 9 / 13))
    assert spread(maker, 0, 6) == (980, 1020)
    assert spread(maker, 12, 0) == (math.floor(900 + 200 * 3 / 5), math.ceil(900 + 200 * 27 / 35))


def test_glosten_milgrom_starts_from_its_prior_and_is_never_quite_certain() -> None:
    bid, ask = spread(TraderSeat(replace(GM, probability=0.75)), 0, 0)  # odds 3, 4.5 and 2
    assert (bid, ask) == (math.floor(900 + 200 * 2 / 3), math.ceil(900 + 200 * 9 / 11))
    maker = TraderSeat(replace(GM, max_belief=0.9))
    spread(maker, 0, 0)
    bid, ask = spread(maker, 6000, 0)  # odds 9, 13.5 and 6
    assert (bid, ask) == (math.floor(900 + 200 * 6 / 7), math.ceil(900 + 200 * 13.5 / 14.5))


@pytest.mark.parametrize(
    ("agent", "name", "value"),
    [
        (FixedSpread, "spread", 0.0),
        (Ladder, "levels", 8),
        (Ladder, "size", -1.0),
        (InventorySkew, "penalty", -0.1),
        (GLFT, "inventory_limit", 31),
        (GLFT, "risk_aversion", 0.0),
        (AdaptivePOV, "rate", 1.5),
        (GlostenMilgromMaker, "informed_share", 1.0),
        (GlostenMilgromMaker, "max_belief", 0.5),
    ],
)
def test_a_parameter_that_is_none_is_named(agent: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"\w+\.{name} is {value}; it must be"):
        agent(**{name: value})
    assert SPEC.price_scale_ticks == 4.0
