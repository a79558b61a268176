import subprocess
import sys

import pytest
import torch

from marl_market.agents.rllib.process import prepare_process

QUIET_LEARNING = """
from marl_market.agents.rllib.process import prepare_process
prepare_process()
import numpy as np
from tests.agents.rllib.synthetic import ACTION_SIZE, OBSERVATION_SIZE, collect
from marl_market.agents.rllib.ppo import PPO
learner = PPO().build(OBSERVATION_SIZE, ACTION_SIZE, seed=0)
learner.learn(collect(learner, np.random.default_rng(0)))
"""


def test_the_number_of_torch_threads_is_an_argument() -> None:
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            prepare_process(torch_threads=threads)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_a_prepared_process_learns_in_silence() -> None:
    prepared = subprocess.run([sys.executable, "-c", QUIET_LEARNING], capture_output=True, text=True, check=True)
    assert prepared.stdout + prepared.stderr == ""
    noisy = QUIET_LEARNING.replace("prepare_process()\n", "")
    unprepared = subprocess.run([sys.executable, "-c", noisy], capture_output=True, text=True, check=True)
    assert "WARNING" in unprepared.stderr
