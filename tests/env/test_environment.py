from typing import Any

import pytest

from marl_market.env.actions.quotes import Quotes
from marl_market.env.observations.account import Account
from marl_market.env.observations.book import Book
from marl_market.env.observations.clock import Clock
from marl_market.env.population.group import External, Group
from tests.builders import environment


def test_seats_are_in_the_order_of_the_groups() -> None:
    description = environment([Group("a", External(), 2), Group("b", External(), 3)])
    assert description.seats == 5
    assert description.seats_of("a") == slice(0, 2)
    assert description.seats_of("b") == slice(2, 5)
    with pytest.raises(KeyError, match=r"no group 'c'; it has \['a', 'b'\]"):
        description.seats_of("c")


def test_an_observation_is_as_large_as_its_parts() -> None:
    assert environment(observation={"book": Book(), "account": Account()}).observation_size == 49


def test_the_close_terminates_where_a_part_of_the_observation_shows_the_clock() -> None:
    class Countdown(Clock):
        """A part of a user's own that shows the remaining time."""

    assert environment(observation={"book": Book(), "clock": Clock()}).close_terminates
    assert environment(observation={"own": Countdown()}).close_terminates
    assert not environment(observation={"clock": Book()}).close_terminates, "the name of a part says nothing"
    assert not environment(observation={"book": Book(), "account": Account()}).close_terminates


class Wide(Quotes):
    size = 17


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"groups": []}, "population is empty"),
        ({"groups": [Group("a", External()), Group("a", External())]}, r"two groups of one name: \['a', 'a'\]"),
        ({"observation": {}}, "observation has 0 numbers; it must have 1 to 768"),
        ({"observation": {str(n): Book() for n in range(20)}}, "observation has 800 numbers"),
        ({"action": Wide()}, "action has 17 numbers; it must have 1 to 16"),
    ],
    ids=["empty", "twice", "blind", "too_much_to_see", "too_much_to_do"],
)
def test_an_environment_names_what_it_cannot_be(changes: dict[str, Any], complaint: str) -> None:
    base = environment()
    fields = {"spec": base.spec, "groups": base.groups, "observation": base.observation}
    given: dict[str, Any] = {**fields, "action": base.action, "reward": base.reward, **changes}
    with pytest.raises(ValueError, match=complaint):
        type(base)(**given)


@pytest.mark.parametrize("count", [0, -1])
def test_a_group_has_a_seat(count: int) -> None:
    with pytest.raises(ValueError, match=rf"population.makers.count is {count}"):
        Group("makers", External(), count)
