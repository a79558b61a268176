"""How well what is learned on one tape predicts another (train on simulated, test on real: Yoon et al. 2019, TimeGAN).

Ordinary least squares of the mid's move over the next `HORIZON_SECONDS`, each second, on what is known then: the
imbalance at the best, and of the last 1 and 10 s the order-flow imbalance, the signed volume of market orders and the
mid's move. DeepMarket (Berti and Kasneci 2025) judges simulated markets by such a score, of networks.
"""

from __future__ import annotations

import math

import numpy as np

from marl_market.evaluation.realism.best_quotes import HALF_TICKS, Real, best_quotes, grid
from marl_market.evaluation.realism.market_orders import market_orders
from marl_market.evaluation.realism.order_flow_imbalance import contributions
from marl_market.evaluation.realism.remembered import remembered
from marl_market.market.tape import Tape

HORIZON_SECONDS = 10
LOOK_BACK_SECONDS = (1, 10)
FEWEST = 50
"""Seconds from which a prediction is learned or judged."""


def predictive_error(learned_on: Tape, judged_on: Tape) -> float:
    """Return the mean absolute error in ticks; NaN where a tape has fewer than `FEWEST` seconds of its own."""
    (known, moves), (seen, expected) = examples(judged_on), examples(learned_on)
    if min(len(moves), len(expected)) < FEWEST:
        return math.nan
    weights = np.linalg.lstsq(seen, expected, rcond=None)[0]
    return float(np.abs(known @ weights - moves).mean())


@remembered
def examples(tape: Tape) -> tuple[Real, Real]:
    """Return what is known each second, shape (seconds, features) with a constant, and the move to come, in ticks."""
    best, orders = best_quotes(tape), market_orders(tape)
    time_ns, rows, session = grid(tape, 1.0)
    back, size = max(LOOK_BACK_SECONDS), len(rows) - HORIZON_SECONDS - max(LOOK_BACK_SECONDS)
    if size <= 0:
        return np.zeros((0, 0)), np.zeros(0)
    now = np.arange(back, back + size)
    volume = np.append(0, np.cumsum(orders.side * orders.lots))
    running = (
        np.cumsum(contributions(tape))[rows],
        volume[np.searchsorted(orders.time_ns, time_ns, side="right")],
        best.mid[rows] / HALF_TICKS,
    )
    imbalance = (best.bid_lots - best.ask_lots) / (best.bid_lots + best.ask_lots)
    changes = [total[now] - total[now - seconds] for total in running for seconds in LOOK_BACK_SECONDS]
    move = (best.mid[rows[now + HORIZON_SECONDS]] - best.mid[rows[now]]) / HALF_TICKS
    within = session[now - back] == session[now + HORIZON_SECONDS]
    return np.column_stack([np.ones(size), imbalance[rows[now]], *changes])[within], move[within]
