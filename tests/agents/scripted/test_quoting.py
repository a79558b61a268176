from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.quoting import best_excluding_own
from tests.agents.scripted.trader_seat import CANCEL_ALL, LIMIT, TraderSeat, quoted
from tests.builders import public_record, show_levels

TIGHT = FixedSpread(spread=4.0, size=0.5)  # eight ticks to either side, three lots


def test_quotes_are_rounded_away_from_each_other_and_replace_the_old_ones() -> None:
    sent = TraderSeat(TIGHT).commands(public_record(reference_ticks=1000.5))
    assert sent == [(CANCEL_ALL, 0, 0, 0), (LIMIT, 1, 992, 3), (LIMIT, -1, 1009, 3)]


def test_a_quote_stops_a_tick_before_the_best_of_the_others() -> None:
    public = public_record()
    show_levels(public, bids=[(970, 5)], asks=[(980, 5)])
    public["reference_ticks"] = 1000.0
    assert TraderSeat(TIGHT).orders(public) == [(LIMIT, 1, 979, 3), (LIMIT, -1, 1008, 3)]
    show_levels(public, bids=[(1020, 5)], asks=[(1030, 5)])
    public["reference_ticks"] = 1000.0
    assert TraderSeat(TIGHT).orders(public) == [(LIMIT, 1, 992, 3), (LIMIT, -1, 1021, 3)]


def test_its_own_old_quote_does_not_hold_it_back() -> None:
    public = public_record()
    show_levels(public, bids=[(960, 5)], asks=[(980, 4), (985, 7)])
    public["reference_ticks"] = 1000.0
    trader = TraderSeat(TIGHT)
    trader.rest(2, -1, 980, 4)
    assert trader.orders(public)[0] == (LIMIT, 1, 984, 3)
    trader.rest(5, -1, 985, 7)
    assert trader.orders(public)[0] == (LIMIT, 1, 992, 3), "no other seat offers"
    assert best_excluding_own(public, trader.seat, -1) > 2**30
    assert best_excluding_own(public, trader.seat, 1) == 960


def test_part_of_a_level_is_enough_to_hold_it_back() -> None:
    public = quoted(900, 980, 5)
    public["reference_ticks"] = 1000.0
    trader = TraderSeat(TIGHT)
    trader.rest(0, -1, 980, 4)
    assert trader.orders(public)[0] == (LIMIT, 1, 979, 3)
