"""What holds for every test: the same examples of hypothesis, a token for Ray; and one torch thread where asked for."""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

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


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Let a module's tests learn with one thread; imported here, since most tests need neither torch nor RLlib."""
    import torch

    from marl_market.agents.rllib.learners.process import prepare_process

    before = torch.get_num_threads()
    prepare_process(torch_threads=1)
    yield
    torch.set_num_threads(before)
