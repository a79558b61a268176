"""Warnings of groups whose orders are refused, or that send none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marl_market.agents.scripted.drift_adversary import DriftAdversary
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.population.group import Group
from marl_market.evaluation.order_warnings import MOST_ORDERS, order_warnings
from marl_market.exchange.codes import Reason
from tests.builders import environment

GROUPS = [Group("noise", ZeroIntelligence(), 2), Group("makers", ZeroIntelligence(), 2)]


def warned(orders: Sequence[int], **rejected: int) -> dict[str, str]:
    """Return the warnings where seats of both groups sent `orders`, and the first seat of makers had some rejected."""
    sent, rejections = np.array([orders, orders]), np.zeros((2, 4, len(Reason)), np.int64)
    for name, count in rejected.items():
        rejections[:, 2, Reason[name]] = count
    return order_warnings(environment(GROUPS), sent, rejections)


def test_a_group_of_which_nearly_all_orders_are_rejected_is_named_with_the_commonest_reason() -> None:
    most = round(20 * MOST_ORDERS)
    assert warned([1, 1, 10, 10], QUANTITY_NOT_POSITIVE=most - 2, PRICE_OUT_OF_RANGE=2) == {
        "makers": "population.makers had 90% of its 40 orders rejected, most as QUANTITY_NOT_POSITIVE: "
        "a quantity must be one lot or more, and no NaN"
    }
    assert warned([1, 1, 10, 10], QUANTITY_NOT_POSITIVE=most - 1) == {}


def test_a_group_that_sends_nothing_is_named_unless_it_only_moves_the_fundamental_value() -> None:
    silent = "population.makers sent no order in 2 sessions; an agent that trades must submit one"
    assert warned([1, 0, 0, 0]) == {"makers": silent}
    adversary = environment([*GROUPS, Group("adversary", DriftAdversary(), 1)])
    assert order_warnings(adversary, np.array([[1, 1, 1, 1, 0]]), np.zeros((1, 5, len(Reason)), np.int64)) == {}
