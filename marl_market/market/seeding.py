"""Random streams: every one of a session, a learner and a run, by name; the only place that makes one from a seed.

Why names: a stream is the pair of a seed and a key that begins with its name, so that two streams of one seed never
share a number, and none is made by adding a constant to another's key.
"""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray


@unique
class Stream(IntEnum):
    """The random streams, by what they are drawn for; further indices in brackets."""

    SESSION = 0  # keys of a session's markets, seats and connections
    FUNDAMENTAL = 1  # path of the fundamental value [instrument]
    EPISODE = 2  # seeds of the sessions of an environment that is reset without a seed [session]
    SAMPLE = 3  # seeds of the sessions of an iteration [iteration]
    EXPLORATION = 4  # exploration noise of an iteration [iteration]
    EVALUATION = 5  # seeds of the sessions of the final evaluation
    PRETRAINING = 6  # seed of the sessions of behavior cloning
    LEARNER = 7  # seeds of the learners of a run [group]
    SEAT = 8  # seeds of independent learners [seat]
    WEIGHTS = 9  # initial weights
    UPDATE = 10  # an update of a gradient learner [update]
    REPLAY = 11  # minibatch of an update drawn from the replay buffer [update]
    GENERATION = 12  # candidates of a generation of an evolutionary search [generation]
    CLONING = 13  # order of the dataset of behavior cloning
    SNAPSHOT = 14  # choice of historical policies [iteration]
    BOOTSTRAP = 15  # resamples of a confidence interval
    ASSIGNMENT = 16  # customer orders of a replicated experiment
    VALIDATION = 17  # seeds of the sessions of validations
    RECORDING = 18  # time of a recording at which the replay of a session begins
    SESSION_REWARD = 19  # session rewards of a run [group]
    TUNING = 20  # seeds of the sessions on which reference agents are tuned
    CALIBRATION_SESSION = 30  # seeds of the sessions of a calibration search [part of the search]
    CALIBRATION_POINT = 31  # points of a calibration search [part of the search]


def seed_sequence(seed: int, stream: Stream, *index: int) -> np.random.SeedSequence:
    """Return the seed sequence of one stream of `seed`."""
    return np.random.SeedSequence(int(seed), spawn_key=(int(stream), *index))


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """Return a random generator for one stream of `seed`."""
    return np.random.default_rng(seed_sequence(seed, stream, *index))


def derive_keys(seed: int, stream: Stream, *index: int, count: int) -> NDArray[np.uint64]:
    """Return `count` random words: seeds of sessions or keys of compiled streams."""
    return np.asarray(seed_sequence(seed, stream, *index).generate_state(count, np.uint64), np.uint64)


def derive_seeds(seed: int, stream: Stream, count: int) -> list[int]:
    """Return `count` seeds of 32 bits, as torch and other libraries take them."""
    return [int(word) for word in seed_sequence(seed, stream).generate_state(count, np.uint32)]


def fresh_seed() -> int:
    """Return a seed from the operating system's entropy."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
