"""The settings of a process that learns with RLlib; nothing here happens on import."""

from __future__ import annotations

import logging
import os

import numba
import torch


def prepare_process(torch_threads: int = 1) -> None:
    """Set the number of torch's threads and let Ray and RLlib report errors only.

    More than one thread pays only in a process that has the machine to itself; beside one other busy process two
    threads were measured at half the speed of one. Call it before `ray.init`, which reads the environment.
    """
    # RLlib sets the level of its own logger when it is imported: any earlier, and it would win.
    from marl_market.agents.rllib.internals import silence_deprecations

    for name in ("ray", "ray.rllib", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)
    silence_deprecations()
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Numba starts its threads at its first parallel call, which sets the number for all of OpenMP: once, so before.
    numba.get_num_threads()
    torch.set_num_threads(torch_threads)
