import json
import math

import numpy as np
import pytest

from marl_market.evaluation.realism.assessment import Assessment, Row, assess
from marl_market.evaluation.realism.best_quotes import seconds_of
from marl_market.evaluation.realism.catalogue import NUMBERS, SETS
from marl_market.evaluation.realism.floor import floor_of
from marl_market.evaluation.realism.predictive import examples, predictive_error
from marl_market.evaluation.realism.score import score
from marl_market.evaluation.realism.shapes import shape_of
from marl_market.market.tape import FLOW, QUOTE, TRADE, Tape
from tests.evaluation.realism.toy import BUY, LIMIT, MARKET, SELL, ns, path, tape


def market(seed: int, wide: int = 0, seconds: int = 1200) -> Tape:
    """Return a market in which the side with more lots is where the mid goes next."""
    random = np.random.default_rng(seed)
    steps = random.choice([-1, 1], seconds)
    quotes = np.zeros(seconds, QUOTE)
    quotes["time_ns"] = ns(np.arange(seconds))
    mid = 10_000 + np.cumsum(np.append(0, steps[:-1]))
    half = 1 + random.integers(0, 2 + wide, seconds)
    quotes["bid_price_ticks"], quotes["ask_price_ticks"] = mid - half, mid + half
    quotes["bid_quantity_lots"], quotes["ask_quantity_lots"] = 5 + 3 * steps, 5 - 3 * steps
    flow = np.zeros(2 * seconds, FLOW)
    flow["time_ns"] = ns(np.sort(random.random(2 * seconds)) * seconds)
    flow["kind"] = np.where(random.random(2 * seconds) < 0.2, MARKET, LIMIT)
    flow["side"] = random.choice([BUY, SELL], 2 * seconds)
    flow["price_ticks"], flow["quantity_lots"] = 10_000, random.integers(1, 9, 2 * seconds)
    flow["offset_ticks"] = random.integers(0, 9, 2 * seconds)
    return Tape(0.01, 1.0, quotes, np.zeros(0, TRADE), flow, sessions=ns([[0, seconds]]))


def test_the_floor_is_other_data_or_alternate_blocks() -> None:
    real, other = market(1), market(2)
    given = floor_of(real, other)
    assert (given.one, given.other, given.kind) == (other, real, "other real data")
    blocks = floor_of(real)
    assert blocks.kind == "alternate blocks of 300 s of the data"
    assert (blocks.one.sessions / 1e9).tolist() == [[0, 300], [600, 900]]
    assert (seconds_of(blocks.one), seconds_of(blocks.other)) == (600, 600)
    assert len(blocks.one.flow) + len(blocks.other.flow) == len(real.flow)


def test_the_floor_of_equal_tapes_is_zero() -> None:
    found = assess(market(1), market(2), market(2))
    assert {row.floor for row in found.rows if row.distance in ("l1", "ks", "mean_l1", "mean_ks")} == {0.0}
    assert {row.floor for row in found.rows if row.distance == "difference" and math.isfinite(row.floor)} == {0.0}


def test_an_assessment_has_a_row_a_distance_a_mean_and_a_number() -> None:
    simulated, real = market(1, wide=3), market(2)
    found = assess(simulated, real)
    rows = {(row.fact, row.distance): row for row in found.rows}
    measured = score(simulated, real)
    assert rows["spread", "l1"].value == measured.l1["spread"]
    assert rows["eight", "mean_ks"].value == measured.mean(SETS["eight"])[1]
    assert {fact for fact, distance in rows if distance == "difference"} == set(NUMBERS)
    spread = rows["mean_spread", "difference"]
    assert spread.value == pytest.approx(spread.simulated - spread.real)  # type: ignore[operator]
    assert spread.low < spread.value < spread.high
    assert spread.low > 0
    assert set(found.missing) == set(measured.missing)
    assert set(found.shapes) <= set(measured.l1)
    for row in found.rows:
        assert not row.value < row.low
        assert not row.value > row.high


def test_an_assessment_survives_json() -> None:
    found = assess(market(1), market(2))
    again = Assessment.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.shapes == found.shapes
    assert [row.to_json() for row in again.rows] == [row.to_json() for row in found.rows]
    with pytest.raises(KeyError):
        Assessment.from_dict({"rows": []})


def test_a_row_is_one_json_object() -> None:
    row = Row("spread", "l1", 0.5, 0.25, math.nan, 0.125)
    expected = {"fact": "spread", "distance": "l1", "value": 0.5, "low": 0.25, "high": None, "floor": 0.125}
    assert json.loads(row.to_json()) == expected


def test_what_predicts_a_market_is_learned_on_a_like_one() -> None:
    judged = market(3, seconds=20_000)
    known, moves = examples(judged)
    assert known.shape == (len(moves), 8)
    like, unlike = market(4, seconds=20_000), path(np.cumsum(np.tile([1, 1, 1, -1, -1, -1], 300)) + 10_000)
    assert predictive_error(like, judged) < float(np.abs(moves).mean()) < predictive_error(unlike, judged)
    assert math.isnan(predictive_error(tape(), judged))


def test_the_move_to_come_is_predicted_from_the_imbalance_alone() -> None:
    # Over 10 s the mid makes the one step that the imbalance tells, and nine that nothing tells.
    known, moves = examples(market(5, seconds=20_000))
    weights = np.linalg.lstsq(known, moves, rcond=None)[0]
    assert weights[1] == pytest.approx(1 / 0.6, rel=0.1)


def test_a_shape_has_the_shares_of_both_samples() -> None:
    whole = shape_of(np.array([1, 2, 2, 9]), np.array([1, 1, 2, 3]))
    assert whole.edges == (0.5, 1.5, 2.5, 3.5)
    assert whole.real == (0.5, 0.25, 0.25)
    assert whole.simulated == (0.25, 0.5, 0.25)
    one = shape_of(np.array([0.5]), np.array([0.5, 0.5]))
    assert sum(one.real) == sum(one.simulated) == 1.0
    wide = shape_of(np.arange(10_000), np.arange(10_000))
    assert len(wide.real) <= 60
    assert sum(wide.real) == pytest.approx(1.0)
