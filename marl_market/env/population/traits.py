"""Traits of an agent: what the environment must provide for it and how its seats share parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from marl_market.market.validation import require

PRIVILEGES = ("events", "fundamental")
"""Names that `Traits.privileges` may hold."""

ParametersPer = Literal["group", "market", "seat"]


@dataclass(frozen=True)
class Traits:
    """Traits of an agent, a class attribute of every agent class; raises ValueError for a value that is none.

    Attributes:
        observes: whether the observation of its seats is encoded each step and its actions are decoded.
        warms_up: whether it acts before the session opens.
        privileges: data beyond the public record: "events", the public history is kept up to date; "fundamental",
            `seat.agent.signal` is the fundamental value in ticks.
        moves_fundamental: whether `seat.agent.drift` moves the fundamental value.
        parameters_per: sharing of a PARAMS record: one for all seats of the group, one in each market (the candidates
            of an evolution), or one for each seat of the group.
    """

    observes: bool = False
    warms_up: bool = False
    privileges: tuple[str, ...] = ()
    moves_fundamental: bool = False
    parameters_per: ParametersPer = "group"

    def __post_init__(self) -> None:
        for name in ("observes", "warms_up", "moves_fundamental"):
            require(isinstance(getattr(self, name), bool), f"traits.{name}", getattr(self, name), "true or false")
        known = isinstance(self.privileges, tuple) and set(self.privileges) <= set(PRIVILEGES)
        require(known, "traits.privileges", self.privileges, f"a tuple of some of {PRIVILEGES}")
        sharing = get_args(ParametersPer)
        require(self.parameters_per in sharing, "traits.parameters_per", self.parameters_per, f"one of {sharing}")
