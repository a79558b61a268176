"""Every random stream has a name of its own, and no two streams of a seed draw the same."""

import re
from pathlib import Path

import numpy as np

from marl_market.market.seeding import Stream, derive_keys, derive_seeds, fresh_seed, generator, seed_sequence

INDICES = 50
"""Iterations, updates, generations and so on of each stream that are compared."""


def test_the_streams_are_those_of_a_session_a_learner_and_a_run() -> None:
    assert [stream.name for stream in Stream] == [
        "SESSION", "FUNDAMENTAL", "EPISODE", "SAMPLE", "EXPLORATION", "EVALUATION", "PRETRAINING", "LEARNER", "SEAT",
        "WEIGHTS", "UPDATE", "REPLAY", "GENERATION", "CLONING", "SNAPSHOT", "BOOTSTRAP", "ASSIGNMENT", "VALIDATION",
        "RECORDING", "SESSION_REWARD", "TUNING", "CALIBRATION_SESSION", "CALIBRATION_POINT",
    ]  # fmt: skip
    assert len(set(Stream)) == len(Stream.__members__), "two names of one stream"


def test_all_streams_of_a_seed_are_different_with_every_index() -> None:
    words = [
        seed_sequence(seed, stream, *index).generate_state(2, np.uint64).tobytes()
        for seed in (0, 1)
        for stream in Stream
        for index in [(), *((number,) for number in range(INDICES))]
    ]
    assert len(set(words)) == len(words) == 2 * len(Stream) * (INDICES + 1)


def test_what_is_derived_comes_from_the_named_stream() -> None:
    words = seed_sequence(3, Stream.SAMPLE, 7).generate_state(4, np.uint64)
    np.testing.assert_array_equal(derive_keys(3, Stream.SAMPLE, 7, count=4), words)
    assert derive_seeds(3, Stream.LEARNER, 2) == seed_sequence(3, Stream.LEARNER).generate_state(2).tolist()
    drawn = generator(3, Stream.EXPLORATION, 1).random(3)
    np.testing.assert_array_equal(drawn, np.random.default_rng(seed_sequence(3, Stream.EXPLORATION, 1)).random(3))
    assert fresh_seed() != fresh_seed()


def test_only_this_module_makes_a_stream_from_a_seed() -> None:
    package = Path(__file__).parents[2] / "marl_market"
    makers = re.compile(r"SeedSequence\(|spawn_key|default_rng\((?!chain)")  # a chain holds sequences of its own
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.name != "seeding.py"
        for line in path.read_text().splitlines()
        if makers.search(line)
    ]
    assert found == []
