"""Distributions of samples as a few bins, to draw them over each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marl_market.evaluation.realism.distances import Sample

MOST_BINS = 60
DRAWN = (0.005, 0.995)
"""Quantiles of the real sample between which is drawn; what is beyond counts to the outermost bins."""


@dataclass(frozen=True)
class Shape:
    """Shares of bins.

    Attributes:
        edges: (bins + 1,) of the bins.
        real: (bins,) shares of the real sample.
        simulated: (bins,) shares of the simulated one.
    """

    edges: tuple[float, ...]
    real: tuple[float, ...]
    simulated: tuple[float, ...]


def shape_of(simulated: Sample, real: Sample) -> Shape:
    """Return the shape of two samples that are not empty."""
    low, high = np.quantile(real, DRAWN)
    if np.issubdtype(real.dtype, np.integer):
        low, high = np.floor(low), np.ceil(high)
        width = max(1, -(-(int(high - low) + 1) // MOST_BINS))
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.linspace(low, high if high > low else low + 1.0, MOST_BINS + 1)
    real_shares, simulated_shares = (
        np.histogram(np.clip(sample, edges[0], edges[-1]), edges)[0] / len(sample) for sample in (real, simulated)
    )
    return Shape(tuple(edges.tolist()), tuple(real_shares.tolist()), tuple(simulated_shares.tolist()))
