"""What is measured of one session, real or simulated: numbers, and samples whose distributions are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Description:
    """The measurements of a session.

    Attributes:
        numbers: one value a stylized fact.
        samples: (observations,) values by name.
    """

    numbers: Mapping[str, float]
    samples: Mapping[str, NDArray[Any]]


Simulate = Callable[[Mapping[str, float], int, float], Any]
"""Plays parameters with a seed for a length in seconds; its result is what `Describe` reads, such as a Tape."""

Describe = Callable[[Any], Description]
"""Measures a session."""

Resample = Callable[[Any, np.random.Generator], Any]
"""Draws a block-bootstrap resample of a session (Kunsch 1989), which is measured as the session is."""


def pooled(described: Sequence[Description]) -> Description:
    """Return the mean of each number and the union of each sample over sessions of equal length."""
    first = described[0]
    return Description(
        {name: float(np.mean([each.numbers[name] for each in described])) for name in first.numbers},
        {name: np.concatenate([each.samples[name] for each in described]) for name in first.samples},
    )
