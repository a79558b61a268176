"""MarketEnv and FocalEnv can be copied, deep-copied, pickled, cloned, spawned and forked; their state is a value."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pytest

from marl_market.env.parallel_env import MarketEnv
from marl_market.env.vector_env import FocalEnv
from tests.env.test_batch_state import STEPS, fundamental, late, plain, visitors
from tests.processes import in_another_process

Env = MarketEnv | FocalEnv

BUILT: dict[str, Callable[[], Env]] = {
    "market": lambda: MarketEnv(plain()),
    "market_late": lambda: MarketEnv(late()),
    "market_fundamental": lambda: MarketEnv(fundamental()),
    "market_visitors": lambda: MarketEnv(visitors()),
    "market_fixed": lambda: MarketEnv(visitors(), fixed_agents=True),
    "market_rendered": lambda: MarketEnv(plain(), render_mode="ansi"),
    "focal": lambda: FocalEnv(plain(), markets=3),
    "focal_visitors": lambda: FocalEnv(visitors(), markets=2),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "clone": lambda env: env.clone(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
    "cloudpickle": lambda env: cloudpickle.loads(cloudpickle.dumps(env)),
}


def play(env: Env, steps: int) -> list[bytes]:
    """Play steps with the same actions, over the end of a session; return all results."""
    random, results = np.random.default_rng(7), []
    spaces = env.action_space if isinstance(env, FocalEnv) else [env.action_space(each) for each in env.possible_agents]
    for _ in range(steps):
        if isinstance(env, FocalEnv):
            result: Any = env.step(drawn(spaces, random))
        elif env.agents:
            played = {agent: drawn(space, random) for agent, space in zip(env.possible_agents, spaces, strict=True)}
            result = env.step({agent: played[agent] for agent in env.agents})
        else:
            result = env.reset()
        rendered = env.render() if env.render_mode is not None else None
        results.append(pickle.dumps((plain_values(result), rendered)))
    return results


def drawn(space: Any, random: np.random.Generator) -> Any:
    if hasattr(space, "n"):
        return int(random.integers(space.n))
    if hasattr(space, "nvec"):
        return random.integers(space.nvec)
    if np.issubdtype(space.dtype, np.integer):  # Gymnasium batches choices as a Box of whole numbers
        return random.integers(space.low, space.high + 1)
    return random.uniform(-1.0, 1.0, space.shape).astype(np.float32)


def plain_values(result: Any) -> Any:
    """Return nested results without arrays, whose pickles depend on their strides."""
    if isinstance(result, dict):
        return {name: plain_values(value) for name, value in result.items()}
    if isinstance(result, tuple | list):
        return [plain_values(value) for value in result]
    return result.tobytes() if isinstance(result, np.ndarray) else result


@pytest.fixture(params=BUILT)
def env(request: pytest.FixtureRequest) -> Env:
    built = BUILT[request.param]()
    built.reset(seed=5)
    play(built, STEPS // 3)
    return built


def test_copies_continue_exactly_and_independently(env: Env) -> None:
    copies = {name: copied(env) for name, copied in COPIES.items()}
    state = env.get_state()
    expected = play(env, 2 * STEPS)
    for name, other in copies.items():
        assert play(other, 2 * STEPS) == expected, name
    env.set_state(pickle.loads(pickle.dumps(state)))
    assert play(env, 2 * STEPS) == expected
    other = next(iter(copies.values()))
    other.set_state(state)
    del env, copies
    assert play(other, 2 * STEPS) == expected


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("build", BUILT.values(), ids=BUILT)
def test_an_environment_copied_before_its_reset_plays_as_any_other(build: Callable[[], Env], copied: Any) -> None:
    env, other = build(), copied(build())
    env.reset(seed=5)
    other.reset(seed=5)
    assert play(other, 6) == play(env, 6)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("name", ["market_visitors", "focal"])
def test_another_process_continues_exactly(name: str, method: str) -> None:
    env = BUILT[name]()
    env.reset(seed=5)
    play(env, 5)
    found = in_another_process(method, play, env, STEPS)
    assert found == play(env, STEPS)
