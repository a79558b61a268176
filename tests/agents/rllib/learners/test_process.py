import subprocess
import sys

import pytest
import torch

from marl_market.agents.rllib.learners.process import prepare_process

QUIET_LEARNING = """
from marl_market.agents.rllib.learners.process import prepare_process
prepare_process()
import numpy as np
from tests.agents.rllib.synthetic import ACTION_SIZE, OBSERVATION_SIZE, collect
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.env.interface.spaces import continuous
learner = PPO().build(GroupSpec(OBSERVATION_SIZE, continuous(ACTION_SIZE)), seed=0)
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


PARALLEL_KERNEL = """
import numba, numpy, torch
from marl_market.agents.rllib.learners.process import prepare_process

@numba.njit(parallel=True)
def count(numbers):
    for i in numba.prange(numbers.size):
        numbers[i] += 1

prepare_process(torch_threads=1)
torch.ones(2).sum()  # torch takes its number of threads over when it first computes
torch.get_num_threads()
count(numpy.zeros(8))
print(torch.get_num_threads())
"""


def test_a_parallel_kernel_leaves_the_threads_of_torch_alone() -> None:
    run = subprocess.run([sys.executable, "-c", PARALLEL_KERNEL], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["1"]


@pytest.mark.slow
def test_a_prepared_process_learns_in_silence() -> None:
    prepared = subprocess.run([sys.executable, "-c", QUIET_LEARNING], capture_output=True, text=True, check=True)
    assert prepared.stdout + prepared.stderr == ""
    noisy = QUIET_LEARNING.replace("prepare_process()\n", "")
    unprepared = subprocess.run([sys.executable, "-c", noisy], capture_output=True, text=True, check=True)
    assert "WARNING" in unprepared.stderr
