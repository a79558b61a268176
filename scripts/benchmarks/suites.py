"""All suites, in the order in which they are measured."""

from benchmarks import (
    calibration,
    crowd,
    env,
    evolution,
    exchange,
    kernels,
    learners,
    learning,
    realism,
    sampler,
    workers,
)

MEASURED = (exchange, env, sampler, workers, learners, evolution, crowd, kernels, realism, calibration, learning)
SUITES = {suite.__name__.rpartition(".")[2]: suite for suite in MEASURED}
