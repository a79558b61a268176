import math

import numpy as np
import pytest

from marl_market.env.rewards.asymmetric_inventory import AsymmetricInventory
from marl_market.env.rewards.differential_sharpe import DifferentialSharpe
from marl_market.env.rewards.drawdown import Drawdown
from marl_market.env.rewards.inventory import Inventory
from marl_market.env.rewards.profit import Profit
from marl_market.env.rewards.realized import Realized
from marl_market.env.rewards.shortfall import Shortfall
from marl_market.env.rewards.spread_captured import SpreadCaptured
from tests.env.calls import Scored

UNIT = Scored.UNIT
TICK_LOT = 10000


def test_profit_is_the_change_of_cash_and_of_the_position_at_the_mark() -> None:
    scored = Scored(Profit(scale=2.0))
    bought = scored.step(2000, cash=-3 * 1000 * TICK_LOT - 70, position=3)
    assert bought == pytest.approx(-70 / (2 * UNIT))
    assert scored.step(2005) == pytest.approx(3 * 2.5 * TICK_LOT / (2 * UNIT))
    assert scored.step(2005) == 0.0


def test_realized_ignores_what_is_open_and_counts_fees_when_they_are_paid() -> None:
    scored, cost = Scored(Realized(scale=2.0)), 3 * 1000 * TICK_LOT
    assert scored.step(2000, cash=-cost - 70, position=3, fees=70, cost=cost) == pytest.approx(-70 / (2 * UNIT))
    assert scored.step(3000) == 0.0
    sold = {"cash": 90000 - 100, "fees": 100, "position": 0, "cost": 0}
    assert scored.step(3000, **sold) == pytest.approx((90000 - 30) / (2 * UNIT))
    assert scored.step(3000) == 0.0


def test_differential_sharpe_follows_moody_and_saffell() -> None:
    scheme = DifferentialSharpe(adaptation=0.1, scale=1.0, least_deviation=0.05)
    scored = Scored(scheme)
    mean = square = 0.0
    cash = 0
    for profit in np.random.default_rng(1).normal(0.2, 1.0, 40):
        cash += round(profit * UNIT)
        gained = round(profit * UNIT) / UNIT
        deviation = math.sqrt(max(square - mean**2, 0.05**2))
        expected = (square * (gained - mean) - 0.5 * mean * (gained**2 - square)) / deviation**3
        assert scored.step(cash=cash) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        mean += 0.1 * (gained - mean)
        square += 0.1 * (gained**2 - square)


def test_differential_sharpe_is_the_derivative_of_the_sharpe_ratio() -> None:
    profits = [0.5, -0.2, 0.3]

    def ratio(last_adaptation: float) -> float:
        mean = square = 0.0
        for profit, adaptation in zip(profits, (0.1, 0.1, last_adaptation), strict=True):
            mean += adaptation * (profit - mean)
            square += adaptation * (profit**2 - square)
        return mean / math.sqrt(square - mean**2)

    scored = Scored(DifferentialSharpe(adaptation=0.1, least_deviation=1e-9))
    cash = 0
    for profit in profits:
        cash += round(profit * UNIT)
        last = scored.step(cash=cash)
    assert last == pytest.approx((ratio(1e-6) - ratio(-1e-6)) / 2e-6, rel=1e-5)


def test_differential_sharpe_stays_bounded_after_calm() -> None:
    scored = Scored(DifferentialSharpe(adaptation=0.01, least_deviation=0.1))
    scored.step(cash=1)
    assert abs(scored.step(cash=round(UNIT))) < 1.0


def test_drawdown_charges_once_for_each_time_below_the_limit() -> None:
    scored = Scored(Drawdown(capital=20.0, share=0.25, penalty=7.0))  # may lose 5 units from the peak
    unit = round(UNIT)
    equity_and_reward = [
        (3, 0), (-2, 0), (-3, -7), (-9, 0), (2, 0), (-4, 0), (3, 0), (4, 0), (-1, 0), (-2, -7), (0, 0),
    ]  # fmt: skip
    for equity, expected in equity_and_reward:
        assert scored.step(cash=equity * unit) == expected, equity


def test_drawdown_counts_from_the_open_when_there_never_was_a_gain() -> None:
    scored = Scored(Drawdown(capital=20.0, share=0.25, penalty=7.0))
    assert [scored.step(cash=round(equity * UNIT)) for equity in (-5.0, -5.01, -5.02)] == [0.0, -7.0, 0.0]


@pytest.mark.parametrize("position", [0, 6, -6, 15])
def test_inventory_costs_the_square_of_the_position(position: int) -> None:
    scored = Scored(Inventory(aversion=0.5))
    assert scored.step(position=position) == pytest.approx(-0.5 * (position / 6) ** 2)
    assert scored.step() == pytest.approx(-0.5 * (position / 6) ** 2)


def test_asymmetric_inventory_takes_back_speculative_gains_only() -> None:
    scored = Scored(AsymmetricInventory(damping=0.6, scale=2.0))
    assert scored.step(1900, position=4) == 0.0  # bought in this step: no gain yet
    assert scored.step(1910, position=-2) == pytest.approx(-0.6 * 4 * 5 * TICK_LOT / (2 * UNIT))
    assert scored.step(1916, position=-2) == 0.0  # a loss is not dampened
    assert scored.step(1914, position=0) == pytest.approx(-0.6 * 2 * 1 * TICK_LOT / (2 * UNIT))
    assert scored.step(1990) == 0.0


def test_spread_captured_measures_each_fill_from_the_reference_at_the_start_of_its_step() -> None:
    scored = Scored(SpreadCaptured(scale=2.0))
    cash = -3 * 998 * TICK_LOT - 50 + 2 * 1003 * TICK_LOT - 30
    captured = (3 * (1000.5 - 998) + 2 * (1003 - 1000.5)) * TICK_LOT
    assert scored.step(2000, 1000.5, cash=cash, position=1, fees=80) == pytest.approx(captured / (2 * UNIT))
    assert scored.step(2400, 1200.0) == 0.0
    assert scored.step(2400, 1200.0, cash=cash + 1199 * TICK_LOT, position=0) == pytest.approx(
        -1 * TICK_LOT / (2 * UNIT)
    )


def test_shortfall_charges_fills_against_arrival_and_the_rest_at_the_close() -> None:
    scored = Scored(Shortfall(target=0.5, scale=2.0))  # buy 3 lots
    scored.public["session_steps"] = 3
    cost = -2 * 1002 * TICK_LOT - 40
    assert scored.step(2010, 1000.0, cash=cost, position=2) == pytest.approx(-(2 * 2 * TICK_LOT + 40) / (2 * UNIT))
    assert scored.step(2040, 1020.0) == 0.0
    assert scored.step(2050, 1022.0) == pytest.approx(-1 * 25 * TICK_LOT / (2 * UNIT))


def test_shortfall_of_a_session_is_real_less_paper_profit() -> None:
    scored = Scored(Shortfall(target=-1.0))  # sell 6 lots
    scored.public["session_steps"] = 4
    cash, position, total = 0, 0, 0.0
    for reference, price, lots, mark_twice in ((1000, 998, 2, 1998), (999, 1001, 1, 1990), (990, 985, 2, 1960)):
        cash += price * lots * TICK_LOT - 11
        position -= lots
        total += scored.step(mark_twice, reference, cash=cash, position=position)
    total += scored.step(1961, 980.0)
    real = cash + position * 980.5 * TICK_LOT
    paper = -6 * (980.5 - 1000) * TICK_LOT
    assert total == pytest.approx((real - paper) / UNIT)


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Profit(scale=0), "reward.profit.scale is 0"),
        (lambda: Profit(scale=-1.0), "reward.profit.scale is -1.0"),
        (lambda: Realized(scale=-1), "reward.realized.scale is -1"),
        (lambda: DifferentialSharpe(adaptation=1.0), "reward.differential_sharpe.adaptation is 1.0"),
        (lambda: DifferentialSharpe(least_deviation=0.0), "reward.differential_sharpe.least_deviation is 0.0"),
        (lambda: Drawdown(share=0.0), "reward.drawdown.share is 0.0"),
        (lambda: Inventory(aversion=-0.1), "reward.inventory.aversion is -0.1"),
        (lambda: AsymmetricInventory(damping=1.5), "reward.asymmetric_inventory.damping is 1.5"),
        (lambda: SpreadCaptured(scale=0), "reward.spread_captured.scale is 0"),
        (lambda: Shortfall(target=0.0), "reward.shortfall.target is 0.0"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(build: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()  # type: ignore[operator]
