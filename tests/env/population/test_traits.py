"""Traits of an agent: one declared value, in which a typo is an error."""

from types import SimpleNamespace
from typing import Any

import pytest

from marl_market.env.population.group import Group
from marl_market.env.population.traits import Traits


def test_an_agent_that_declares_nothing_is_a_plain_scripted_trader() -> None:
    assert Traits() == Traits(
        observes=False, warms_up=False, privileges=(), moves_fundamental=False, parameters_per="group"
    )


def test_a_typo_in_a_trait_is_an_error() -> None:
    wrong: dict[str, Any] = {"warm_up": True}
    with pytest.raises(TypeError, match="warm_up"):
        Traits(**wrong)


def test_an_agent_without_traits_is_named() -> None:
    agent: Any = SimpleNamespace(trader=None, parameters=lambda spec, seats: (), traits=None)
    with pytest.raises(ValueError, match=r"population.makers.agent.traits is None; it must be a value of Traits"):
        Group("makers", agent)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"observes": 1}, "traits.observes is 1; it must be true or false"),
        ({"warms_up": "yes"}, "traits.warms_up is 'yes'"),
        ({"moves_fundamental": None}, "traits.moves_fundamental is None"),
        ({"privileges": "events"}, "traits.privileges is 'events'; it must be a tuple of some of"),
        ({"privileges": ("positions",)}, r"traits.privileges is \('positions',\)"),
        ({"parameters_per": "agent"}, "traits.parameters_per is 'agent'; it must be one of"),
    ],
)
def test_a_wrong_trait_is_named(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Traits(**wrong)
