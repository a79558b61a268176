import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marl_market.evaluation.realism import signature
from marl_market.evaluation.realism.assessment import assess
from tests.evaluation.realism.test_assessment import market
from tests.evaluation.realism.toy import MARKET, SELL, path, tape


def test_a_path_counts_from_the_beginning_of_its_window() -> None:
    quotes = [(float(second), 100 + second, 102 + second, 3, 1) for second in range(130)]
    toy = tape(quotes, flow=[(30.5, MARKET, SELL, 100, 0, 7)], sessions=[(0.0, 130.0)])
    found = signature.paths(toy)
    assert found.shape == (2, 60, 3)
    assert found[0, :, 0].tolist() == [2.0 * second for second in range(60)]
    assert found[0, [28, 29, 30, 59], 1].tolist() == [0.0, 0.0, -7.0, -7.0]
    assert found[1, :, 1].tolist() == [0.0] * 60
    assert set(found[:, :, 2].ravel()) == {0.5}
    split = path(np.arange(100, 230), sessions=[(0, 61), (61, 130)])
    assert signature.paths(split).shape == (2, 60, 3)


def test_the_score_of_a_like_market_is_lower() -> None:
    pytest.importorskip("pysiglib", reason="pysiglib is not installed: pip install marl_market[signature]")
    real = market(1)
    like, unlike = market(2), path(10_000 + 5 * np.arange(1200))
    assert signature.expected_signature_score(like, real) < signature.expected_signature_score(unlike, real)
    assert math.isnan(signature.expected_signature_score(tape(), real))
    row = assess(like, real, signature=True).rows[-1]
    assert (row.fact, row.distance) == ("paths", "signature_score")
    assert row.value == signature.expected_signature_score(like, real)


def test_without_the_package_the_error_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary: Callable[..., Any] = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "pysiglib":
            raise ImportError(name)
        return ordinary(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install marl_market\[signature\]"):
        signature.expected_signature_score(tape(), tape())
