"""Trading rules of a venue."""

from __future__ import annotations

from dataclasses import dataclass

from marl_market.market.validation import is_whole, require

SELF_TRADE = ("cancel_resting", "cancel_incoming", "decrement", "allow")
"""Self-trade prevention, in the order of `marl_market.exchange.codes.SelfTrade`."""


@dataclass(frozen=True)
class Rules:
    """Trading rules of the venue.

    Attributes:
        self_trade: self-trade prevention where an order matches one of its own seat: cancel_resting, cancel_incoming,
            decrement (both shrink by the smaller quantity) or allow.
        price_band_ticks: farthest a limit price may be from the reference price, and a market order may reach; 0 has
            no band.
        opening_auction_steps: length of the call auction that opens the session.
        closing_auction_steps: length of the call auction that closes it.
        halt_move_ticks: move of the last price within a window that halts trading; 0 never does.
        halt_window_steps: length of that window.
        halt_steps: length of a trading halt.
    """

    self_trade: str = "cancel_resting"
    price_band_ticks: int = 0
    opening_auction_steps: int = 0
    closing_auction_steps: int = 0
    halt_move_ticks: int = 0
    halt_window_steps: int = 60
    halt_steps: int = 30

    def __post_init__(self) -> None:
        own, known = self.self_trade, f"one of {', '.join(SELF_TRADE)}"
        require(own in SELF_TRADE, "market.rules.self_trade", own, known)
        for name in ("price_band_ticks", "opening_auction_steps", "closing_auction_steps", "halt_move_ticks"):
            value = getattr(self, name)
            require(is_whole(value, 0), f"market.rules.{name}", value, "a whole number of zero or more")
        for name in ("halt_window_steps", "halt_steps"):
            value = getattr(self, name)
            require(is_whole(value, 1), f"market.rules.{name}", value, "a whole number of one or more")
