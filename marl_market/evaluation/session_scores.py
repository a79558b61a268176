"""Scores of the sessions of an evaluation: the rows that comparisons over training seeds are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from marl_market.evaluation.match import Match

SCORES = ("reward", "pnl", "closing_pnl")
"""Scores of a group in a session, means over its seats: reward in reward units, the others in currency."""
COLUMNS = ("group", "policy", "seed", *SCORES)


def session_scores(match: Match, group: str, policy: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Return one row a session, with `COLUMNS`, of a group that played `policy` in sessions of these seeds."""
    seats = match.environment.seats_of(group)
    values = {"reward": match.reward, "pnl": match.profit, "closing_pnl": match.closing_profit}
    means = {name: each[:, seats].mean(axis=1) for name, each in values.items()}
    return pd.DataFrame({"group": group, "policy": policy, "seed": np.array(seeds, np.uint64), **means})
