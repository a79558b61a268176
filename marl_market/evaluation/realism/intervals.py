"""How far a distance or a number could be off by chance: intervals of blocks of time.

A distance is bootstrapped: each sample is cut into `BLOCKS` blocks of equally many values in time order, and blocks
are drawn with replacement (Carlstein 1986). A distance of resampled samples is larger than that of the samples
themselves, by the noise that the drawing adds, so the interval is that of the deviations from their mean, around the
distance. All samples share their draws: block k of one covers about the time of block k of another, so that the
interval of a mean over distances knows how they move together.

A number is estimated again without each of `PIECES` pieces of time (Quenouille 1949, the jackknife).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from marl_market.evaluation.realism.best_quotes import Real, Whole
from marl_market.evaluation.realism.distances import Binned, Sample, binned, in_conditions, ks_of, l1_of
from marl_market.market.seeding import Stream, generator
from marl_market.market.tape import Tape
from marl_market.market.tape_parts import parts

CONFIDENCE = 0.95
BLOCKS = 50
RESAMPLES = 200
PIECES = 10


@dataclass(frozen=True)
class Interval:
    """The ends of an interval that holds the true value with probability `CONFIDENCE`; NaN where it is unknown."""

    low: float
    high: float


def resampled(simulated: tuple[Sample, ...], real: tuple[Sample, ...], amounts: bool = False) -> Real:
    """Return L1 and KS distances of resampled samples, shape (2, RESAMPLES); with conditions where there are any."""
    ours, theirs = _draws()
    blocks = _blocks(len(simulated[0])), _blocks(len(real[0]))
    if len(real) == 1:
        return _distances(binned(simulated[0], real[0], amounts), blocks, (ours, theirs))
    total, weights = np.zeros((2, RESAMPLES)), np.zeros(RESAMPLES)
    for given, wanted in in_conditions(simulated[1], real[1]):
        if wanted.any():
            weight = theirs @ np.bincount(blocks[1][wanted], minlength=BLOCKS)
            apart = np.ones((2, RESAMPLES))
            if given.any():
                samples = binned(simulated[0][given], real[0][wanted], amounts)
                apart = _distances(samples, (blocks[0][given], blocks[1][wanted]), (ours, theirs))
            total, weights = total + weight * apart, weights + weight
    return total / weights


def around(value: float, resamples: Real) -> Interval:
    """Return the interval of a distance, within 0 and 1, given those of resampled samples."""
    deviations = resamples - resamples.mean()
    low, high = np.quantile(deviations, [(1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2])
    return Interval(max(0.0, value - float(low)), min(1.0, value - float(high)))


def deviations(tape: Tape, measure: Callable[[Tape], Mapping[str, float]]) -> dict[str, float]:
    """Return the standard deviation of each number, by the jackknife; NaN where a piece of time decides on it."""
    found = [measure(each) for each in _without_a_piece(tape)]
    if not found:
        return dict.fromkeys(measure(tape), math.nan)
    scale = math.sqrt((len(found) - 1) ** 2 / len(found))
    return {name: scale * float(np.std([each[name] for each in found], ddof=1)) for name in found[0]}


def of_number(value: float, *deviations: float) -> Interval:
    """Return the interval of a sum or difference of independent numbers of the given deviations, by Student's t."""
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, PIECES - 1)) * math.hypot(*deviations)
    return Interval(value - half, value + half)


def spans(tape: Tape, count: int) -> list[tuple[int, int]]:
    """Return `count` stretches of time that a tape consists of, each of as much time in sessions; none without time."""
    lengths = np.diff(tape.sessions).ravel()
    total = int(lengths.sum())
    if total < count:
        return []
    before = np.cumsum(lengths) - lengths
    marks = np.arange(count + 1) * total // count
    session = np.clip(np.searchsorted(before, marks, side="right") - 1, 0, None)
    session[-1] = len(lengths) - 1
    times = tape.sessions[session, 0] + marks - before[session]
    times[-1] += 1
    return list(zip(times[:-1].tolist(), times[1:].tolist(), strict=True))


def _without_a_piece(tape: Tape) -> list[Tape]:
    pieces = spans(tape, PIECES)
    return [
        parts(tape, [span for span in ((pieces[0][0], begin), (end, pieces[-1][1])) if span[1] > span[0]])
        for begin, end in pieces
    ]


def _draws() -> tuple[Real, Real]:
    """Return how often each block is drawn in each resample, shape (RESAMPLES, BLOCKS), of both samples."""
    random = generator(0, Stream.BOOTSTRAP)
    ours, theirs = random.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), (2, RESAMPLES)).astype(np.float64)
    return ours, theirs


def _blocks(count: int) -> Whole:
    """Return the block of each value."""
    return np.arange(count) * BLOCKS // max(count, 1)


def _distances(samples: tuple[Binned, Binned], blocks: tuple[Whole, Whole], draws: tuple[Real, Real]) -> Real:
    """Return the distances of both kinds."""
    found = []
    for kind, distance in zip(samples, (l1_of, ks_of), strict=True):
        present, code = np.unique(np.concatenate([kind.simulated, kind.real]), return_inverse=True)
        codes = code[: len(kind.simulated)], code[len(kind.simulated) :]
        found.append(distance(*(_shares(*each, len(present)) for each in zip(codes, blocks, draws, strict=True))))
    return np.stack(found)


def _shares(code: Whole, block: Whole, draws: Real, bins: int) -> Real:
    """Return the share of each bin in each resample, all 0 in one without values."""
    counts = np.bincount(block * bins + code, minlength=BLOCKS * bins).reshape(BLOCKS, bins)
    sizes = np.maximum(draws @ counts.sum(1), 1)
    return draws @ counts / sizes[:, None]
