"""How far the paths of two markets are apart as a whole: the expected signature score.

A path is `WINDOW_SECONDS` of a session, each second: the mid's move since its beginning and the signed volume of market
orders since then, both in deviations of the real ones over a window, the imbalance of the best quotes, and time. With
the signature kernel k (Salvi et al. 2021) over a Gaussian kernel, simulated paths x and real paths y, the score is

    E[k(x, x')] - 2 E[k(x, y)]

(Issa et al. 2023), lower for nearer markets. It has no zero of its own: compare it with that of real data, the floor.
It needs the package pysiglib, the extra `signature`.
"""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import Real, best_quotes, grid
from marl_market.evaluation.realism.market_orders import market_orders
from marl_market.market.tape import Tape

WINDOW_SECONDS = 60
MOST_PATHS = 100
"""Paths of a tape: of more, as many, evenly chosen."""
FEWEST_PATHS = 3


def expected_signature_score(simulated: Tape, real: Tape) -> float:
    """Return the score; NaN where a tape has fewer than `FEWEST_PATHS`.

    Raises ImportError, naming the extra, where pysiglib is not installed.
    """
    try:
        from pysiglib import RBFKernel, expected_sig_score
    except ImportError as error:
        raise ImportError("the signature score needs pysiglib: pip install marl_market[signature]") from error
    ours, theirs = paths(simulated), paths(real)
    if min(len(ours), len(theirs)) < FEWEST_PATHS:
        return math.nan
    scale = np.append(np.maximum(theirs[:, -1, :2].std(0), 1.0), 1.0)
    # Without a bounded kernel of points, the few largest moves would be the whole score.
    kernel = RBFKernel(sigma=1.0)
    scores = expected_sig_score(ours / scale, theirs / scale, dyadic_order=0, static_kernel=kernel, time_aug=True)
    return float(np.asarray(scores).ravel()[0])


def paths(tape: Tape) -> Real:
    """Return the paths of a tape, shape (paths, seconds, 3): mid and volume since the beginning, and imbalance."""
    best, orders = best_quotes(tape), market_orders(tape)
    time_ns, rows, session = grid(tape, 1.0)
    starts = np.flatnonzero(np.append(True, session[1:] != session[:-1])) if len(session) else session
    first = np.arange(len(session)) - np.repeat(starts, np.diff(np.append(starts, len(session))))
    begins = np.flatnonzero(first % WINDOW_SECONDS == 0)
    begins = begins[begins + WINDOW_SECONDS <= len(session)]
    begins = begins[session[begins + WINDOW_SECONDS - 1] == session[begins]]
    begins = begins[:: max(1, -(-len(begins) // MOST_PATHS))]
    volume = np.append(0, np.cumsum(orders.side * orders.lots))[np.searchsorted(orders.time_ns, time_ns, side="right")]
    imbalance = (best.bid_lots - best.ask_lots) / (best.bid_lots + best.ask_lots)
    seconds = begins[:, None] + np.arange(WINDOW_SECONDS)
    columns = [each[seconds] - each[begins][:, None] for each in (best.mid[rows], volume)]
    return np.stack([*columns, imbalance[rows][seconds]], axis=2).astype(np.float64)
