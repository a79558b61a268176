"""Every field of what describes a run is part of its identity, but those named in MAY_CHANGE."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pytest

from marl_market.agents.scripted.momentum import Momentum
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.population.group import Group
from marl_market.market.spec import MarketSpec
from marl_market.training.identity import MAY_CHANGE, identity_of
from marl_market.training.settings import Training
from tests.builders import environment, market_spec


class Another:
    """A value that no field has: what an identity does with it is all that counts."""

    def __init__(self, value: float = 1.0) -> None:
        self.value = value


def identity(described: Any = None, training: Training | None = None, seed: int = 1) -> dict[str, str]:
    return identity_of(described or environment(), training or Training(threads=1), seed)


def changed(value: Any, name: str, other: object) -> Any:
    """Return a copy of a frozen dataclass with one field set to anything, without its checks."""
    copied = object.__new__(type(value))
    for each in fields(value):
        object.__setattr__(copied, each.name, getattr(value, each.name))
    object.__setattr__(copied, name, other)
    return copied


@pytest.mark.parametrize("name", [each.name for each in fields(Group)])
def test_every_field_of_a_group_matters(name: str) -> None:
    group = Group("noise", ZeroIntelligence(), 4)
    before = identity(environment(groups=[group]))
    after = identity(changed(environment(groups=[group]), "groups", [changed(group, name, Another())]))
    assert before != after


@pytest.mark.parametrize("name", [each.name for each in fields(EnvironmentSpec) if each.name != "groups"])
def test_every_field_of_an_environment_matters(name: str) -> None:
    assert identity() != identity(changed(environment(), name, Another()))


@pytest.mark.parametrize("name", [each.name for each in fields(MarketSpec)])
def test_every_field_of_a_market_matters_but_its_provenance(name: str) -> None:
    described = environment()
    after = identity(changed(described, "spec", changed(described.spec, name, Another())))
    assert (after == identity()) is (f"market.{name}" in MAY_CHANGE)


@pytest.mark.parametrize("name", [each.name for each in fields(Training)])
def test_of_a_training_only_its_markets_matter(name: str) -> None:
    training = Training(threads=1)
    assert (identity() == identity(training=changed(training, name, 12345))) is (name != "markets")


def test_a_name_that_may_change_is_one_of_a_field() -> None:
    named = {f"training.{each.name}" for each in fields(Training)} | {
        f"market.{each.name}" for each in fields(MarketSpec)
    }
    assert named >= MAY_CHANGE


@dataclass(frozen=True)
class Nested:
    parts: Any = field(default_factory=list)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(5000), np.append(np.zeros(4999), 1.0)), ([Another(1.0)], [Another(2.0)]), ((1, 2), (2, 1)),
        ({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 1}), ([Nested([1])], [Nested([2])]), (Another(), Nested()),
        (Momentum(), ZeroIntelligence()), (LimitGrid, Nested), (float("nan"), 0.0), (1, 1.0), ("1", 1),
    ],
)  # fmt: skip
def test_a_value_at_any_depth_matters_and_equal_ones_are_equal(one: Any, other: Any) -> None:
    described = environment()
    first, again, second = (identity(changed(described, "action", Nested(each))) for each in (one, one, other))
    assert first == again
    assert first != second


def test_an_object_without_a_repr_is_the_same_in_every_process() -> None:
    text = identity(changed(environment(), "action", Another(2.5)))["action"]
    assert text == "Another(value=2.5)"
    assert not any(re.search(r"0x[0-9a-f]{6}", each) for each in identity().values())


def test_the_seed_matters() -> None:
    assert identity(seed=1) != identity(seed=2)


def test_notes_on_the_market_do_not() -> None:
    assert identity(environment(spec=replace(market_spec(), provenance=None))) == identity()
