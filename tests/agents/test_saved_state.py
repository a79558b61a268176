from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marl_market.agents.evolution.cma_es import CMAES
from marl_market.agents.evolution.saved_search import plain_search, restored_search
from marl_market.agents.saved_state import require_alike, require_taken_over

INITIAL: dict[str, Any] = {
    "weights": np.zeros((2, 3), np.float32), "seen": np.zeros((0, 0)), "replay": {}, "count": 0, "scale": 0.0,
    "varies": False, "kind": "a", "betas": (0.9, 0.99), "limit": None, "snapshots": [{"weights": np.zeros(2)}],
}  # fmt: skip


@pytest.mark.parametrize(
    "grown",
    [
        {}, {"weights": np.ones((2, 3), np.float32)}, {"seen": np.ones((5, 8))}, {"replay": {"obs": np.zeros(3)}},
        {"count": np.int64(7)}, {"scale": 1}, {"limit": 0.5}, {"snapshots": []},
        {"snapshots": [{"weights": np.ones(2)}] * 3},
    ],
)  # fmt: skip
def test_what_grows_while_an_agent_learns_is_alike(grown: dict[str, Any]) -> None:
    require_alike({**INITIAL, **grown}, INITIAL, "ppo")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("weights", np.zeros((3, 2), np.float32), r"ppo\.weights is float32 \(3, 2\); it must be float32 \(2, 3\)"),
        ("weights", np.zeros((2, 3)), r"ppo\.weights is float64 \(2, 3\); it must be float32"),
        ("weights", [[0.0]], r"ppo\.weights is list; it must be float32 \(2, 3\)"),
        ("seen", np.zeros(3), r"ppo\.seen is float64 \(3,\)"),
        ("replay", [], r"ppo\.replay is list; it must be a mapping"),
        ("count", "7", r"ppo\.count is '7'; it must be 0"),
        ("count", True, r"ppo\.count is True; it must be 0"),
        ("varies", 1, r"ppo\.varies is 1; it must be False"),
        ("betas", [0.9, 0.99], r"ppo\.betas is list; it must be tuple"),
        ("limit", "none", r"ppo\.limit is 'none'; it must be None"),
        ("snapshots", [{"weights": np.zeros(3)}], r"ppo\.snapshots\[0\]\.weights is float64 \(3,\)"),
        ("snapshots", [{}], r"ppo\.snapshots\[0\] is \[\]; it must be \['weights'\]"),
        ("more", 1, r"ppo is \['betas', .*'more'"),
    ],
)
def test_another_structure_is_named(name: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        require_alike({**INITIAL, name: value}, INITIAL, "ppo")
    with pytest.raises(ValueError, match=r"ppo is \["):
        require_alike({key: each for key, each in INITIAL.items() if key != "weights"}, INITIAL, "ppo")


def test_a_state_is_taken_over_bit_for_bit() -> None:
    state = {**INITIAL, "count": float("nan"), "scale": -0.0}
    require_taken_over(state, dict(state), "ppo")
    for name, value in (
        ("scale", 0.0), ("count", 0.0), ("betas", [0.9, 0.99]), ("kind", "b"), ("limit", 0), ("varies", 0),
        ("weights", np.zeros((2, 3))), ("weights", -np.zeros((2, 3), np.float32)), ("snapshots", []),
        ("replay", {1: 2}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=rf"ppo\.{name}"):
            require_taken_over(state, {**state, name: value}, "ppo")


@pytest.mark.parametrize("separable", [True, False])
def test_an_optimizer_of_another_size_or_kind_is_named(separable: bool) -> None:
    strategy = CMAES(separable=separable)
    first = strategy.initial(np.zeros(5), 1)
    state = strategy.tell(first, [1.0, 2.0, 3.0, 4.0])
    plain = plain_search(state)
    np.testing.assert_array_equal(strategy.ask(restored_search(first, plain), 4), strategy.ask(state, 4))
    for name, value in plain["optimizer"].items():
        if name == "_popsize":
            continue
        without = {key: each for key, each in plain["optimizer"].items() if key != name}
        for optimizer in (without, {**without, name: "x"}, {**without, name: np.zeros((2, 2, 2), complex)}):
            if value is None and optimizer.get(name) is not None and not isinstance(optimizer[name], str):
                continue
            with pytest.raises(ValueError, match="optimizer"):
                restored_search(first, {**plain, "optimizer": optimizer})
