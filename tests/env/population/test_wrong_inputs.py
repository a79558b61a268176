"""Wrong values given in Python or by a config: one ConfigError that names field, value and what would be right."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.quotes import Quotes
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.signatures import PARAM_VALUES
from marl_market.env.observations.book import Book
from marl_market.env.population.group import External, Group
from marl_market.env.population.traits import Traits
from marl_market.env.rewards.profit import Profit
from marl_market.market.validation import ConfigError
from tests.builders import environment


@dataclass(frozen=True)
class Parameters:
    values: Any
    trader = ZeroIntelligence.trader
    traits = Traits()

    def parameters(self, spec: Any, seats: int) -> Any:
        return self.values


class NoTraits:
    trader = None

    def parameters(self, spec: Any, seats: int) -> Any:
        return ()


@pytest.mark.parametrize("count", [2.5, "two", 0, -1, True, None, math.nan])
def test_a_count_is_a_whole_number(count: Any) -> None:
    with pytest.raises(
        ConfigError, match=re.escape(f"population.own.count is {count!r}; it must be a whole number of 1")
    ):
        Group("own", External(), count)


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        (External, "population.own.agent is the class External; it must be an instance, External(...)"),
        (NoTraits(), "without traits; it must be an agent"),
        (None, "population.own.agent is None"),
    ],
)
def test_an_agent_is_an_instance_with_all_that_an_agent_has(agent: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(text)):
        Group("own", agent)


def test_a_trader_is_decorated() -> None:
    class Plain(External):
        @staticmethod
        def trader(public: Any, seat: Any, params: Any) -> int:  # type: ignore[override]
            return 0

    with pytest.raises(ConfigError, match=r"population\.own\.agent\.trader is 'trader'; it must be a function"):
        Group("own", Plain())


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"observation": [Book()]}, "observation is [Book("),
        ({"observation": {}}, "observation has 0 numbers; it must have 1 to"),
        ({"observation": {"book": Book}}, "observation.book is the class Book; it must be an instance, Book(...)"),
        ({"observation": {"book": Profit()}}, "observation.book is Profit("),
        ({"reward": []}, "reward is []; it must be a mapping of names to schemes, such as {'profit': Profit()}"),
        ({"reward": {"profit": Profit}}, "reward.profit is the class Profit"),
        ({"action": Quotes}, "action is the class Quotes"),
        ({"action": Book()}, "action is Book("),
        ({"groups": [External()]}, "population is External()"),
        (
            {"groups": [Group("own", External(), 10**12)]},
            "seats of the population is 1000000000000; it must be 1024 or less",
        ),
        ({"debug": "maybe"}, "debug is 'maybe'; it must be true or false"),
    ],
)
def test_an_environment_is_made_of_instances_by_name(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        environment(**changes)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((1.0, math.nan), "parameter 1 of population.own is nan; it must be finite"),
        ((math.inf,), "parameter 0 of population.own is inf"),
        (
            (0.0,) * (PARAM_VALUES + 1),
            f"population.own has {PARAM_VALUES + 1} parameters, at most {PARAM_VALUES} (PARAM_",
        ),
        (("a",), "parameters of population.own are ('a',)"),
        (3.0, "parameters of population.own is 3.0"),
        (None, "parameters of population.own is None"),
    ],
)
def test_parameters_are_finite_numbers(values: Any, text: str) -> None:
    market = environment([Group("own", Parameters(values)), Group("out", External())])
    with pytest.raises(ConfigError, match=re.escape(text)):
        BatchMarket(market, 1)
    batch = BatchMarket(environment([Group("own", ZeroIntelligence()), Group("out", External())]), 2)
    with pytest.raises(ConfigError, match=re.escape(text)):
        batch.set_params("own", [0], values)


def test_a_debugged_environment_steps_in_one_thread() -> None:
    assert BatchMarket(replace(environment(), debug=True), 2, threads=2).threads == 1
