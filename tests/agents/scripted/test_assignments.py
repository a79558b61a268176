"""Customer orders, and the quotes of the traders of induced-value auctions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.assignment import ANCHOR, LIMIT, SIDE, TAKEN, Assignments
from marl_market.agents.scripted.giveaway import Giveaway
from marl_market.agents.scripted.shaver import Shaver
from marl_market.agents.scripted.zi_constrained import ZIConstrained
from marl_market.agents.scripted.zi_unconstrained import ZIUnconstrained
from tests.agents.scripted.trader_seat import CANCEL_ALL, REPLACE, TraderSeat, quoted
from tests.agents.scripted.trader_seat import LIMIT as LIMIT_ORDER
from tests.builders import public_record, show_levels

BUYERS = Assignments(side="buy", limits=((10.2, 10.1), (9.9, 9.8)), quantity=0.5, patience_seconds=0.0)
SELLERS = replace(BUYERS, side="sell")


def fill_all(trader: TraderSeat, side: int = 1) -> None:
    trader.fill(side, 3)


def limits(trader: TraderSeat, steps: int) -> list[tuple[int, int] | None]:
    """Return side and price of a giveaway trader's quote in each step, everything filled in between."""
    quotes: list[tuple[int, int] | None] = []
    for _ in range(steps):
        sent = trader.orders(public_record())
        quotes.append((sent[0][1], sent[0][2]) if sent else None)
        if sent:
            trader.fill(sent[0][1], sent[0][3])
    return quotes


@pytest.mark.parametrize(("place", "first", "second"), [(0, 1020, 1010), (1, 990, 980), (2, 1020, 1010)])
def test_each_seat_works_through_its_own_row_of_the_schedule_and_stops(place: int, first: int, second: int) -> None:
    assert limits(TraderSeat(Giveaway(BUYERS), group_index=place), 4) == [(1, first), (1, second), None, None]
    assert limits(TraderSeat(Giveaway(SELLERS), group_index=place), 3) == [(-1, first), (-1, second), None]


def test_a_schedule_can_repeat() -> None:
    assert limits(TraderSeat(Giveaway(replace(BUYERS, repeats=True))), 5) == [(1, 1020), (1, 1010)] * 2 + [(1, 1020)]


def test_what_is_left_of_a_unit_is_offered_on_and_an_order_in_place_is_kept() -> None:
    trader = TraderSeat(Giveaway(BUYERS))
    assert trader.commands(public_record()) == [(CANCEL_ALL, 0, 0, 0), (LIMIT_ORDER, 1, 1020, 3)]
    trader.rest(4, 1, 1020, 3)
    assert trader.commands(public_record()) == []
    trader.fill(1, 1)
    trader.seat["order"][4]["leaves_quantity"] = 2
    assert trader.commands(public_record()) == []
    trader.seat["live"] = 0
    assert trader.orders(public_record()) == [(LIMIT_ORDER, 1, 1020, 2)]


def test_a_quote_is_replaced_by_the_next() -> None:
    trader = TraderSeat(Giveaway(BUYERS))
    trader.commands(public_record())
    trader.rest(4, 1, 1015, 3)
    assert trader.commands(public_record()) == [(REPLACE, 1, 1020, 3)]


def test_the_next_unit_waits_until_the_quote_of_the_one_before_is_gone() -> None:
    trader = TraderSeat(Giveaway(Assignments(patience_seconds=1e-9)))
    trader.commands(public_record())
    trader.rest(0, 1, 1000, 6)
    assert trader.commands(public_record()) == [(CANCEL_ALL, 0, 0, 0)]
    assert trader.commands(public_record()) == []
    trader.seat["live"] = 0
    assert [command[0] for command in trader.commands(public_record())] == [CANCEL_ALL, LIMIT_ORDER]


def test_in_each_round_one_unit_comes_at_an_even_time_and_replaces_the_one_before() -> None:
    rounds, steps = 400, 10
    trader = TraderSeat(Giveaway(replace(BUYERS, repeats=True, round_seconds=float(steps), requote_rate=1e-9)))
    came = []
    for step in range(rounds * steps):
        taken = trader.seat["agent"]["memory"][TAKEN]
        trader.commands(public_record(step=step))
        if trader.seat["agent"]["memory"][TAKEN] != taken:
            came.append(step)
        if step % 3 == 0 and trader.seat["agent"]["memory"][SIDE] != 0:
            fill_all(trader)
    assert [step // steps for step in came] == list(range(rounds))
    counts = np.bincount([step % steps for step in came], minlength=steps)
    assert np.abs(counts - rounds / steps).max() < 4 * np.sqrt(rounds / steps)


def test_drawn_assignments_lie_evenly_about_the_first_price_on_either_side() -> None:
    trader = TraderSeat(Giveaway(Assignments(width=5.0, patience_seconds=0.0)))
    trader.commands(public_record(reference_ticks=500.0))
    drawn = np.array([quote for quote in limits(trader, 3000) if quote])[1:]
    assert (drawn[:, 1].min(), drawn[:, 1].max()) == (480, 520)
    assert abs(drawn[:, 1].mean() - 500) < 4 * 40 / np.sqrt(12 * 3000)
    assert abs(drawn[:, 0].mean()) < 4 / np.sqrt(3000)


def test_an_assignment_is_canceled_after_its_patience_and_the_next_comes_after_its_interval() -> None:
    agent = Giveaway(Assignments(patience_seconds=4.0, interval_seconds=6.0, width=100.0))
    trader = TraderSeat(agent)
    working = []
    for _ in range(6000):
        trader.commands(public_record())
        working.append((float(trader.seat["agent"]["memory"][SIDE]), float(trader.seat["agent"]["memory"][LIMIT])))
    busy = np.array([side != 0 for side, _ in working])
    ends = sum(1 for now, then in zip(working[1:], working, strict=False) if then[0] and now != then)
    assert busy[1:].sum() / ends == pytest.approx(1 / (1 - np.exp(-0.25)), rel=0.1)
    idle = 1 / (1 - np.exp(-1 / 6)) - 1  # one is taken in the step that ends another, if its time has come
    assert (~busy[1:]).sum() / ends == pytest.approx(idle, rel=0.1)


def test_a_canceled_assignment_cancels_its_quote() -> None:
    trader = TraderSeat(Giveaway(Assignments(patience_seconds=1e-9, interval_seconds=1e9)))
    trader.seat["agent"]["memory"][[SIDE, LIMIT]] = (1.0, 1000.0)
    assert trader.commands(public_record()) == [(CANCEL_ALL, 0, 0, 0)]
    assert trader.commands(public_record()) == []


def test_a_trader_requotes_at_its_requote_rate() -> None:
    trader = TraderSeat(ZIConstrained(replace(BUYERS, requote_rate=0.5)))
    requotes = [bool(trader.commands(public_record())) for _ in range(3000)]
    assert np.mean(requotes) == pytest.approx(1 - np.exp(-0.5), abs=0.04)


def shouts(agent: Any, public: Any = None, steps: int = 4000) -> np.ndarray:
    trader = TraderSeat(agent)
    trader.seat["agent"]["memory"][ANCHOR] = 1000.0
    sent = [trader.orders(public if public is not None else public_record()) for _ in range(steps)]
    assert {len(orders) for orders in sent} == {1}
    return np.array([orders[0][2] for orders in sent])


def assert_even(prices: np.ndarray, lowest: int, highest: int) -> None:
    assert (prices.min(), prices.max()) == (lowest, highest)
    counts = np.bincount(prices - lowest)
    expected = prices.size / counts.size
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize(
    ("assignments", "lowest", "highest"), [(BUYERS, 1001, 1020), (replace(SELLERS, limits=((10.2,),)), 1020, 1040)]
)
def test_zi_c_shouts_evenly_up_to_its_limit_and_never_at_a_loss(
    assignments: Assignments, lowest: int, highest: int
) -> None:
    agent = ZIConstrained(assignments, price_range=(10.01, 10.4))
    assert_even(shouts(agent), lowest, highest)


def test_zi_u_shouts_evenly_over_the_whole_range() -> None:
    assert_even(shouts(ZIUnconstrained(BUYERS, price_range=(10.01, 10.4))), 1001, 1040)
    assert_even(shouts(ZIUnconstrained(SELLERS, reach=2.0)), 992, 1008)


@pytest.mark.parametrize(("price_range", "side", "price"), [((10.5, 11.0), "buy", 1020), ((9.0, 9.5), "sell", 1020)])
def test_zi_c_quotes_its_limit_where_the_range_is_all_beyond_it(
    price_range: tuple[float, float], side: str, price: int
) -> None:
    agent = ZIConstrained(replace(BUYERS, side=side), price_range=price_range)
    assert set(shouts(agent, steps=50)) == {price}


def test_zero_intelligence_cancels_after_a_trade_where_the_rules_say_so() -> None:
    rare = replace(BUYERS, requote_rate=1e-9)
    for cancels in (True, False):
        trader = TraderSeat(ZIConstrained(rare, cancels=cancels))
        assert trader.commands(public_record()) == []
        assert trader.commands(public_record(step_trades=1)) == [(CANCEL_ALL, 0, 0, 0)] * cancels


@pytest.mark.parametrize("agent", [ZIConstrained, ZIUnconstrained])
def test_zero_intelligence_improves_on_its_side_where_the_rules_say_so(agent: Any) -> None:
    for assignments, better in ((BUYERS, range(1016, 1041)), (SELLERS, range(1001, 1025))):
        trader = TraderSeat(agent(assignments, price_range=(10.01, 10.4), improves=True))
        sent = [trader.orders(quoted(1015, 1025)) for _ in range(300)]
        shouted = {orders[0][2] for orders in sent if orders}
        assert [] in sent, "a shout that is no better leaves the quote as it is"
        assert shouted
        assert shouted <= set(better)
        assert len(trader.orders(public_record())) == 1, "nothing to improve on"


@pytest.mark.parametrize(
    ("assignments", "price"),
    [
        (BUYERS, 999),
        (SELLERS, 1020),
        (replace(SELLERS, limits=((9.5,),)), 1001),
        (replace(BUYERS, limits=((9.5,),)), 950),
    ],
)
def test_the_shaver_improves_the_best_price_by_a_tick_within_its_limit(assignments: Assignments, price: int) -> None:
    assert TraderSeat(Shaver(assignments)).orders(quoted(998, 1002))[0][2] == price


def test_the_shaver_does_not_outbid_itself() -> None:
    shaver = TraderSeat(Shaver(BUYERS))
    assert shaver.orders(quoted(998, 1010)) == [(LIMIT_ORDER, 1, 999, 3)]
    shaver.rest(0, 1, 999, 3)
    public = public_record()
    show_levels(public, bids=[(999, 3), (998, 5)], asks=[(1010, 5)])
    assert shaver.commands(public) == []
    public["level"][0, 0]["quantity_lots"] = 4
    assert shaver.orders(public) == [(REPLACE, 1, 1000, 3)], "another seat has joined"


def test_the_original_shaver_outbids_itself_and_opens_at_the_ends_of_the_price_range() -> None:
    shaver = TraderSeat(Shaver(BUYERS, price_range=(0.01, 50.0), outbids_itself=True))
    shaver.commands(public_record())
    shaver.rest(0, 1, 999, 3)
    public = public_record()
    show_levels(public, bids=[(999, 3), (998, 5)], asks=[(1010, 5)])
    assert shaver.orders(public) == [(REPLACE, 1, 1000, 3)]
    for assignments, price in ((BUYERS, 1), (SELLERS, 5000)):
        shaver = TraderSeat(Shaver(assignments, price_range=(0.01, 50.0), outbids_itself=True))
        assert shaver.orders(public_record())[0][2] == price


@pytest.mark.parametrize(("assignments", "price"), [(BUYERS, 988), (replace(SELLERS, limits=((9.5,),)), 1012)])
def test_the_shaver_opens_an_empty_side_at_its_stub(assignments: Assignments, price: int) -> None:
    assert TraderSeat(Shaver(assignments, stub=3.0)).orders(public_record())[0][2] == price


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"side": "both"}, "assignments.side is 'both'; it must be one of buy, sell, either"),
        ({"limits": ((1.0,), (1.0, 2.0)), "side": "buy"}, "assignments.limits"),
        ({"limits": ((1.0,),)}, "assignments.side is 'either'; it must be buy or sell where limits are given"),
        ({"limits": ((1.0,) * 5000,), "side": "buy"}, "assignments.limits is '5000 prices'; it must be at most 4076"),
        ({"width": 0.0}, "assignments.width is 0.0; it must be above zero"),
        (
            {"interval_seconds": 1.0, "round_seconds": 30.0},
            "assignments.interval_seconds is 1.0; it must be zero where there are rounds",
        ),
        ({"requote_rate": -1.0}, "assignments.requote_rate is -1.0; it must be zero or more"),
    ],
)
def test_an_assignment_that_is_none_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Assignments(**changes)


def test_a_range_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"zi_constrained.price_range is \(2.0, 1.0\)"):
        parameters(ZIConstrained(price_range=(2.0, 1.0)))
    with pytest.raises(ValueError, match=r"zi_unconstrained.reach is 0.0; it must be above zero"):
        ZIUnconstrained(reach=0.0)
    with pytest.raises(ValueError, match=r"shaver.stub is 0.0; it must be above zero"):
        Shaver(stub=0.0)


def parameters(agent: Any) -> Sequence[float]:
    return TraderSeat(agent).params["value"]
