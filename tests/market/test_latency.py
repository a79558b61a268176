"""Delays, and their validation."""

import math
from typing import Any

import pytest

from marl_market.market.latency import Delay, Latency


def test_a_delay_is_the_sum_of_its_parts() -> None:
    delay = Delay(floor_ns=100, uniform_ns=40, exponential_ns=7, lognormal_ns=10, sigma=0.5)
    assert delay.mean_ns == pytest.approx(100 + 20 + 7 + 10 * math.exp(0.125))
    assert delay.longest_ns == pytest.approx(100 + 40 + 16 * 7 + 10 * math.exp(2.6))
    assert (Delay(floor_ns=5).mean_ns, Delay(floor_ns=5).longest_ns, Delay().longest_ns) == (5, 5, 0)


@pytest.mark.parametrize(("nanoseconds", "steps"), [(0, 0), (1, 1), (100, 1), (101, 2)])
def test_a_delay_in_steps_is_rounded_up(nanoseconds: int, steps: int) -> None:
    assert Delay(floor_ns=nanoseconds).steps(100) == steps


def test_what_takes_time_delays() -> None:
    assert not Latency().delays
    assert Latency(entry=Delay(1)).delays
    assert Latency(data=Delay(uniform_ns=1)).delays
    assert Latency(compute_ns=1).delays
    assert Latency(entry=Delay(3), compute_ns=4).entry_mean_ns == 7


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"floor_ns": -1}, r"delay\.floor_ns is -1; it must be between 0 and 3600000000000"),
        ({"uniform_ns": math.inf}, r"delay\.uniform_ns is inf; it must be between"),
        ({"exponential_ns": math.nan}, r"delay\.exponential_ns is nan; it must be between"),
        ({"sigma": 3.5}, r"delay\.sigma is 3\.5; it must be at most 3"),
        ({"exponential_ns": 1e12}, r"delay can be 1\.6e\+13 ns long; it must be at most"),
    ],
)
def test_a_delay_that_cannot_be_is_named(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Delay(**fields)


def test_a_charge_that_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match=r"latency\.compute_ns is -2; it must be between 0 and"):
        Latency(compute_ns=-2)
