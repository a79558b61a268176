"""Tapes of markets without a learner, as files and as rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.batch_market import BatchMarket
from marl_market.env.population.group import Group
from marl_market.env.recording.tape import TapeRecorder
from marl_market.market.tape import Tape
from marl_market.market.tape_file import save_tape
from tests.builders import environment, market_spec
from tests.tiny_run import learning, one_torch_thread, train  # noqa: F401  # fixtures

STEPS, REAL_STEPS = 400, 4000


def played(seed: int, steps: int = STEPS, **agent: Any) -> tuple[Tape, NDArray[np.void]]:
    """Return the tape and the TAPE_ROW records (steps, 1) of a session of order flow alone."""
    spec = market_spec(session_steps=steps)
    batch = BatchMarket(environment([Group("noise", ZeroIntelligence(**agent), 4)], spec=spec), 1, records_tape=True)
    batch.reset([seed])
    recorder = TapeRecorder(batch)
    recorder.open()
    for _ in range(steps):
        batch.step(np.zeros((1, 0, batch.environment.action.size), np.float32))
        recorder.record()
    return recorder.tape(), batch.tape.copy()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.void]]:
    """Return a tape file that plays the real market, and its rows."""
    path = tmp_path_factory.mktemp("real") / "tape.npz"
    tape, rows = played(1, REAL_STEPS)
    save_tape(path, tape)
    return path, rows


@pytest.fixture(scope="session")
def alike() -> NDArray[np.void]:
    """Return another session of the same market."""
    return played(2)[1]


@pytest.fixture(scope="session")
def different() -> NDArray[np.void]:
    """Return a session with a tenth of the order flow."""
    return played(2, share=0.1)[1]
