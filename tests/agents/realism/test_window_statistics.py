"""Statistics of windows worked out by hand, and distances that rank markets."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.realism.window_statistics import (
    BINS,
    DISTRIBUTIONS,
    NUMBERS,
    TOLERANCE,
    Reference,
    Windows,
)
from marl_market.env.interface.records import TAPE_ROW


def rows(**columns: Any) -> NDArray[np.void]:
    """Return records (steps, 1) of quotes 99 at 101 for 3 and 1 lots but for the columns given."""
    found = np.zeros(len(next(iter(columns.values()))), TAPE_ROW)
    base = {"reference_ticks": 100.0, "bid_price_ticks": 99, "ask_price_ticks": 101, "bid_quantity_lots": 3}
    for name, values in {**base, "ask_quantity_lots": 1, **columns}.items():
        found[name] = values
    return found[:, None]


def test_the_series_of_a_tape() -> None:
    tape = rows(reference_ticks=[100.0, 102.0, 101.5], ask_quantity_lots=[1, 3, 0], bought_lots=[5, 0, 1])
    found = Windows.of(tape, 1).series
    assert found["spread"][:, 0] == pytest.approx([2, 2, np.nan], nan_ok=True)
    assert found["imbalance"][:, 0] == pytest.approx([0.5, 0.0, np.nan], nan_ok=True)
    assert found["change"][:, 0] == pytest.approx([np.nan, 2.0, -0.5], nan_ok=True)
    assert found["signed_lots"][:, 0].tolist() == [5, 0, 1]


def test_volatility_and_sign_memory() -> None:
    tape = rows(reference_ticks=[100.0, 103.0, 99.0, 99.0], bought_lots=[2, 0, 0, 1], sold_lots=[0, 5, 1, 1])
    found = Windows.of(tape, 1).number
    assert found["volatility"] == pytest.approx([np.sqrt((9 + 16 + 0) / 3)])
    assert found["sign_memory"] == pytest.approx([(-1 + 1) / 2]), "a step without a sign is in no pair"
    assert np.isnan(Windows.of(rows(bought_lots=[1, 0, 1, 0]), 1).number["sign_memory"][0])


def test_windows_are_ordered_by_their_place_and_then_by_market() -> None:
    two = np.concatenate([rows(trades=[9, 1, 2, 3, 4]), rows(trades=[9, 5, 6, 7, 8])], axis=1)
    found = Windows.of(two, 2).series["trades"]
    assert found.tolist() == [[1, 5, 3, 7], [2, 6, 4, 8]]


def test_a_tape_has_no_distance_from_itself(alike: NDArray[np.void]) -> None:
    windows = Windows.of(alike, 8)
    reference = Reference.of(windows)
    assert reference.distances(windows) == pytest.approx(dict.fromkeys((*DISTRIBUTIONS, *NUMBERS), 0.0), abs=1e-12)
    assert reference.contributions(windows) == pytest.approx(np.zeros(8), abs=1e-12)


def test_distances_and_contributions_worked_out_by_hand() -> None:
    real = Windows.of(rows(trades=[0, 1] * 20, bought_lots=[1, 2] * 20, reference_ticks=np.arange(40) % 3), 4)
    reference = Reference.of(real)
    assert reference.edges["trades"].tolist() == [0, 1]
    assert reference.share["trades"].tolist() == [0.5, 0.5, 0.0, 0.0]
    tape = rows(trades=[0, 0, 0, 7, 0, 1, 0, 1], bought_lots=1, reference_ticks=100.0)
    windows = Windows.of(tape, 2)
    found = reference.distances(windows)
    # shares (5, 2, 1, 0) / 8 against (4, 4, 0, 0) / 8
    assert found["trades"] == pytest.approx((1 + 2 + 1) / 8 / 2)
    # lots of 1 alone, of which the real market has half
    assert found["signed_lots"] == pytest.approx(0.5)
    assert set(found) == {*DISTRIBUTIONS, *NUMBERS}
    # all are further than the tolerance from the real shares, so that contributions have the distance as their mean
    assert reference.contributions(windows).mean() == pytest.approx(np.mean(list(found.values())))
    # the first window has (3, 0, 1, 0) / 4 of trades, signs (+, -, +): (1/4 + 1/2 + 1/4) / 2; the second none of it
    only = dataclasses.replace(reference, share={**reference.share}, edges={"trades": reference.edges["trades"]})
    trades = Windows({"trades": windows.series["trades"]}, {})
    assert only.contributions(trades) == pytest.approx([0.5, 0.0])


def test_near_the_real_share_a_contribution_is_small() -> None:
    real = Windows.of(rows(trades=[0, 1] * 200, bought_lots=[1, 2] * 200, reference_ticks=np.arange(400) % 3), 4)
    reference = Reference.of(real)
    share = 0.5 + 0.5 * TOLERANCE
    trades = np.where(np.arange(1000) < 1000 * share, 0.0, 1.0)[:, None]
    found = dataclasses.replace(reference, edges={"trades": reference.edges["trades"]}).contributions(
        Windows({"trades": trades}, {})
    )
    assert found == pytest.approx([0.5 * (share - 0.5)])


def test_what_is_not_there_has_a_share_of_its_own() -> None:
    real = Windows.of(rows(trades=[0, 1] * 20, bought_lots=[1, 2] * 20, reference_ticks=np.arange(40) % 3), 4)
    reference = Reference.of(real)
    nothing = Windows.of(np.zeros((20, 1), TAPE_ROW), 1)
    found = reference.distances(nothing)
    assert found["spread"] == found["imbalance"] == found["sign_memory"] == 1.0
    assert np.isfinite(reference.contributions(nothing)).all()


def test_another_session_of_the_market_is_closer_than_another_market(
    real: Any, alike: NDArray[np.void], different: NDArray[np.void]
) -> None:
    reference = Reference.of(Windows.of(real[1], 80))
    near, far = (np.mean(list(reference.distances(Windows.of(each, 8)).values())) for each in (alike, different))
    assert near < 0.5 * far


def test_features_are_shares_and_standardized_numbers(real: Any) -> None:
    windows = Windows.of(real[1], 8)
    reference = Reference.of(windows)
    found = reference.features(windows)
    assert found[:, -2:].mean(0) == pytest.approx([0, 0], abs=1e-9)
    assert found[:, -2:].std(0) == pytest.approx([1, 1])
    assert found[:, :-2].sum(1) == pytest.approx(len(DISTRIBUTIONS))
    assert found.shape[1] <= len(DISTRIBUTIONS) * (BINS + 1) + len(NUMBERS)
    unseen = reference.features(Windows.of(np.zeros((20, 1), TAPE_ROW), 1))
    assert np.isfinite(unseen).all()


def test_too_few_windows_and_statistics_that_are_never_there_are_named() -> None:
    with pytest.raises(ValueError, match="real windows is 2; it must be 4 or more"):
        Reference.of(Windows.of(rows(trades=[1] * 40), 2))
    with pytest.raises(ValueError, match="the real sign_memory is 'never there'"):
        Reference.of(Windows.of(rows(trades=[1] * 40, reference_ticks=np.arange(40)), 4))
