from collections.abc import Iterator

import pytest
import torch

from marl_market.agents.rllib.process import prepare_process


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    prepare_process(torch_threads=1)
    yield
    torch.set_num_threads(before)
