"""Grids of scripted makers with the limits of a learner, to be tuned on its market."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

from marl_market.agents.scripted.avellaneda_stoikov import AvellanedaStoikov
from marl_market.agents.scripted.fixed_spread import FixedSpread
from marl_market.agents.scripted.glft import GLFT
from marl_market.agents.scripted.inventory_skew import InventorySkew
from marl_market.env.population.group import Agent

SPREADS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
DECAYS = (1.0, 2.0, 4.0, 8.0)
AVERSIONS = (0.001, 0.01, 0.1)
SIZES = (0.25, 0.5, 1.0)
"""Sizes of a quote as shares of the position limit."""


def maker_candidates(position_limit: float) -> dict[str, dict[str, Agent]]:
    """Return the candidates of each kind of maker by the label of their parameters, by the name of the kind.

    Args:
        position_limit: of all of them, in size scales of the market.
    """
    sizes = {"size": [share * position_limit for share in SIZES]}

    def glft(decay: float, risk_aversion: float, size: float) -> Agent:
        return GLFT(risk_aversion, decay, inventory_limit=round(position_limit / size), size=size)

    def limited(kind: Callable[..., Agent]) -> Callable[..., Agent]:
        return lambda **parameters: kind(position_limit=position_limit, **parameters)

    return {
        "fixed_spread": _grid(limited(FixedSpread), {"spread": SPREADS, **sizes}),
        "inventory_skew": _grid(limited(InventorySkew), {"decay": DECAYS, "penalty": (0.0, 0.1, 0.3), **sizes}),
        "avellaneda_stoikov": _grid(limited(AvellanedaStoikov), {"decay": DECAYS, "risk_aversion": AVERSIONS, **sizes}),
        "glft": _grid(glft, {"decay": DECAYS, "risk_aversion": AVERSIONS, **sizes}),
    }


def _grid(kind: Callable[..., Agent], values: Mapping[str, Sequence[float]]) -> dict[str, Agent]:
    found = {}
    for chosen in product(*values.values()):
        parameters = dict(zip(values, chosen, strict=True))
        found[", ".join(f"{name} {value:g}" for name, value in parameters.items())] = kind(**parameters)
    return found
