"""The global random streams that RLlib draws from, pinned while it learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def global_streams(sequence: np.random.SeedSequence, device: torch.device) -> Iterator[None]:
    """Run with NumPy's and torch's global streams at `sequence`; then put them back.

    RLlib shuffles minibatches from the one and samples actions of policies from the other, or from the stream of
    `device`, which nothing else reads.
    """
    numpy_before, torch_before = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    np.random.set_state(np.random.RandomState(np.random.MT19937(sequence)).get_state())  # noqa: NPY002
    # Not torch.manual_seed, which seeds every kind of device and takes as long as an update.
    word = int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
    torch.default_generator.manual_seed(word)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(word)
    try:
        yield
    finally:
        np.random.set_state(numpy_before)  # noqa: NPY002
        torch.set_rng_state(torch_before)
