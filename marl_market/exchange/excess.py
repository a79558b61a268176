"""Excess: amounts of an account beyond the limits of its market, which halt trading before anything could wrap.

See `marl_market.market.limits`. Between two checks of all accounts no amount moves by more than `largest_move`;
`unchecked_move` is what is left of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marl_market.exchange.codes import Phase
from marl_market.exchange.compiled import compiled
from marl_market.exchange.records import NEVER, NIL
from marl_market.market.spec import MarketSpec
from marl_market.market.units import from_steps

HALTED = int(Phase.HALTED)
LARGEST_TOTAL = 2**61
"""Most cash units of fees, and lots, that a market may collect and trade in a session."""


class ExcessError(ValueError):
    """An account holds more than the units of its market can count, see `marl_market.market.limits`.

    Attributes:
        seat: index of the account's seat.
    """

    def __init__(self, seat: int, account: str, place: str = "") -> None:
        """Name the seat, its account in words, and where and when, if known."""
        super().__init__(seat, account, place)
        self.seat = seat

    def __str__(self) -> str:
        seat, account, place = self.args
        return f"{place or f'seat {seat}'}: {account}"


@compiled
def accounts_fit(market):  # type: ignore[no-untyped-def]
    """Return whether all amounts of a market are within its limits; trading halts for good if not."""
    market.unchecked_move = market.largest_move
    largest, worst = np.int64(-1), np.int64(0)
    for i in range(market.seat_count):
        account = market.seat[i].account
        amount = max(abs(account.cash), abs(account.cost), abs(account.fees))
        if amount > largest:
            largest, worst = amount, np.int64(i)
    total = max(abs(market.fees_collected), market.public.session_lots)
    if largest <= market.largest_amount and total <= LARGEST_TOTAL:
        return True
    halt_for_good(market, worst)
    return False


@compiled
def check_values(market):  # type: ignore[no-untyped-def]
    """Halt trading for good where the value of an account's holding exceeds the largest amount of its market."""
    public = market.public
    twice_lot = np.float64(public.twice_mark_ticks) * np.float64(public.cash_per_tick_lot)
    for i in range(market.seat_count):
        lots = public.credit.initial_lots + market.seat[i].account.position
        if abs(np.float64(lots) * twice_lot) > 2.0 * market.largest_amount:
            halt_for_good(market, i)


@compiled
def halt_for_good(market, seat_index):  # type: ignore[no-untyped-def]
    """Halt trading for an excess of a seat's account; the first one counts."""
    if market.excess_seat == NIL:
        market.excess_seat = seat_index
    market.phase = HALTED
    market.halt_ends = NEVER


def excess_of(market: np.void, spec: MarketSpec) -> tuple[int, str]:
    """Return the seat with an excess in a market record of the instrument `spec`, and its account in words."""
    seat = int(market["excess_seat"])
    account, public = market["seat"][seat]["account"], market["public"]
    lots = int(public["credit"]["initial_lots"]) + int(account["position"])
    twice_value = lots * int(public["twice_mark_ticks"]) * spec.cash_per_tick_lot
    money = {
        "cash": from_steps(int(account["cash"]), spec.cash_unit),
        "fees": from_steps(int(account["fees"]), spec.cash_unit),
        "a holding of value": from_steps(twice_value, spec.cash_unit) / 2,
    }
    amounts = ", ".join(f"{name} {amount:,.2f}" for name, amount in money.items())
    most = from_steps(int(market["largest_amount"]), spec.cash_unit)
    return seat, (
        f"its account has {amounts} {spec.currency} ({from_steps(lots, spec.lot_size):,f} units); market {spec.name} "
        f"can count {most:,.2f} {spec.currency} at most: a larger cash_unit (now {spec.cash_unit}) or a shorter "
        "session would do"
    )


def require_no_excess(markets: NDArray[np.void], spec: MarketSpec) -> None:
    """Raise ExcessError where an account of the only one of `markets` is beyond its limits."""
    if markets["excess_seat"][0] != NIL:
        raise ExcessError(*excess_of(markets[0], spec))
