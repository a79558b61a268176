import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from marl_market.market.fees import Fees
from marl_market.market.order_flow import QUANTILES, OrderFlow
from marl_market.market.spec import MAXIMUM_PRICE_TICKS, MarketSpec
from marl_market.market.validation import ConfigError

RISING = tuple(float(value) for value in range(1, QUANTILES + 1))


def make_flow(**changes: Any) -> OrderFlow:
    return OrderFlow(
        **{
            "limit_rate": 10.0,
            "market_rate": 1.0,
            "cancel_rate": 9.0,
            "limit_size_lots": RISING,
            "market_size_lots": RISING,
            "limit_offset_ticks": RISING,
            "spread_ticks": 2.0,
            "volatility_ticks": 1.0,
            "depth_lots": 100.0,
            **changes,
        }
    )


def make_spec(**changes: Any) -> MarketSpec:
    fields = {"name": "toy", "tick_size": 0.01, "lot_size": 1.0, "initial_price": 100.0, "flow": make_flow()}
    return MarketSpec(**{**fields, **changes})


def test_derived_integers() -> None:
    spec = make_spec()
    assert spec.initial_price_ticks == 10_000
    assert spec.cash_per_tick_lot == 10_000
    assert spec.step_seconds == 1.0


def test_a_satoshi_at_a_cent_needs_a_finer_cash_unit() -> None:
    assert make_spec(lot_size=1e-8, cash_unit=1e-10).cash_per_tick_lot == 1
    with pytest.raises(
        ConfigError, match=r"^market toy: tick_size \* lot_size 1E-10 is not a whole multiple of 1e-06$"
    ):
        make_spec(lot_size=1e-8)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tick_size", 0.0),
        ("tick_size", "abc"),
        ("candle_steps", (1, 10, "abc")),
        ("session_steps", "abc"),
        ("tick_size", math.nan),
        ("lot_size", -1.0),
        ("initial_price", math.inf),
        ("cash_unit", 0.0),
        ("step_ns", 0),
        ("session_steps", 0),
        ("warmup_steps", -1),
        ("initial_price", 100.005),
        ("initial_price", (MAXIMUM_PRICE_TICKS + 1) / 100),
    ],
)
def test_an_impossible_market_raises_by_name(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        make_spec(**{field: value})


@pytest.mark.parametrize("field", ["limit_rate", "market_rate", "cancel_rate"])
def test_rates_may_be_zero_but_not_negative(field: str) -> None:
    assert getattr(make_flow(**{field: 0.0}), field) == 0.0
    with pytest.raises(ConfigError, match=rf"^market\.flow\.{field} is -1\.0; it must be zero or more a second$"):
        make_flow(**{field: -1.0})


@pytest.mark.parametrize("field", ["spread_ticks", "volatility_ticks", "depth_lots"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_sizes_of_the_book_are_above_zero_and_only_the_volatility_may_be_zero(field: str, value: float) -> None:
    if (field, value) == ("volatility_ticks", 0.0):
        assert make_flow(volatility_ticks=value).volatility_ticks == 0.0
        return
    with pytest.raises(ConfigError, match=rf"^market\.flow\.{field} is {value}"):
        make_flow(**{field: value})


@pytest.mark.parametrize("field", ["limit_size_lots", "market_size_lots", "limit_offset_ticks"])
@pytest.mark.parametrize("values", [RISING[:-1], RISING[::-1], (*RISING[:-1], math.nan)])
def test_quantiles_are_seventeen_and_never_fall(field: str, values: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=rf"market\.flow\.{field} .* 17 finite numbers that never fall"):
        make_flow(**{field: values})


def test_sizes_are_above_zero_while_offsets_may_improve_the_best_price() -> None:
    shifted = [value - 1 for value in RISING]
    assert make_flow(limit_offset_ticks=shifted).limit_offset_ticks == tuple(shifted)
    with pytest.raises(ConfigError, match="limit_size_lots"):
        make_flow(limit_size_lots=shifted)


def test_a_list_of_integers_becomes_a_tuple_of_floats() -> None:
    flow = make_flow(limit_size_lots=list(range(1, QUANTILES + 1)))
    assert flow.limit_size_lots == RISING
    assert all(isinstance(value, float) for value in flow.limit_size_lots)
    assert flow == make_flow()


@pytest.mark.parametrize(
    ("field", "value"),
    [("maker_rate", -0.2), ("taker_rate", 0.2), ("maker_per_unit", math.nan), ("taker_per_unit", math.inf)],
)
def test_absurd_fees_raise(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"market\.fees\.{field}"):
        Fees(**{field: value})


def test_a_spec_is_a_value() -> None:
    spec = make_spec()
    assert replace(spec, name="other") != spec == make_spec()
    with pytest.raises(FrozenInstanceError):
        spec.name = "other"  # type: ignore[misc]
