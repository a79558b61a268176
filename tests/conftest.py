"""For every test: equal examples of hypothesis, a token for Ray, garbage in new memory.

On request: one torch thread, and the files of real data.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from marl_market.env.step import memory
from marl_market.env.step.outputs import Outputs

GARBAGE = 0xA5
ROOT = Path(__file__).parents[1]

settings.register_profile(
    "deterministic",
    derandomize=True,
    deadline=None,
    database=None,
    # The first example of a process compiles.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("deterministic")

# Without a token of their own, two processes that start Ray at once would both write the one in the home folder.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@pytest.fixture(scope="session", autouse=True)
def _garbage_in_unwritten_memory() -> Iterator[None]:
    """Fill the memory that copies of batches are made in, which is mostly zero in a process that has just begun."""
    with pytest.MonkeyPatch.context() as patch:
        unwritten_markets, unwritten_copy = memory.unwritten_in_cache_lines, Outputs.unwritten_copy

        def markets(shape: tuple[int, ...], dtype: np.dtype[np.void]) -> NDArray[np.void]:
            array = unwritten_markets(shape, dtype)
            array.base[:] = GARBAGE  # type: ignore[index]
            return array

        def outputs(source: Outputs) -> Outputs:
            copied = unwritten_copy(source)
            copied._block[:] = GARBAGE
            return copied

        patch.setattr(memory, "unwritten_in_cache_lines", markets)
        patch.setattr(Outputs, "unwritten_copy", outputs)
        yield


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Let a module's tests learn with one thread; imported here, since most tests need neither torch nor RLlib."""
    import torch

    from marl_market.agents.rllib.learners.process import prepare_process

    before = torch.get_num_threads()
    prepare_process(torch_threads=1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Return the path of a real data file; skips the test where it is missing."""
    folder = Path(os.environ.get("MARL_MARKET_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"real data {name} is missing in {folder}; set MARL_MARKET_DATA")
        return folder / name

    return find
