"""The final evaluation: the trained against the untrained policy of each group, all others as trained, same seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from marl_market.agents.interfaces import Policy
from marl_market.env.environment import EnvironmentSpec
from marl_market.evaluation.comparison import compare_paired
from marl_market.evaluation.match import Match, play_match, with_policies
from marl_market.evaluation.order_warnings import order_warnings
from marl_market.evaluation.outcomes import outcomes_of
from marl_market.evaluation.replay_impact import impact_of
from marl_market.evaluation.results import Conservation, Evaluation
from marl_market.evaluation.session_scores import session_scores
from marl_market.market.tape import Tape


def evaluate_training(
    environment: EnvironmentSpec,
    untrained: Mapping[str, Policy],
    trained: Mapping[str, Policy],
    seeds: Sequence[int],
    threads: int = 1,
    show: Callable[[int, int], None] = lambda played, sessions: None,
) -> tuple[Evaluation, Tape, pd.DataFrame]:
    """Return the evaluation, the tape of its first session and the scores of the learning groups in all of them.

    The evaluation has comparisons of all learning groups and outcomes of all groups.

    The score of a group in a session is the mean over its seats of the sum of rewards. `show` is called with the number
    of sessions played so far and of all.
    """
    sessions = len(seeds) * (1 + len(untrained))
    base = play_match(with_policies(environment, trained), seeds, threads)
    matches = [base]
    show(len(seeds), sessions)
    comparisons = []
    scores = [session_scores(base, name, "trained", seeds) for name in untrained]
    for name, policy in untrained.items():
        seats = environment.seats_of(name)
        before = play_match(with_policies(environment, {**trained, name: policy}), seeds, threads)
        matches.append(before)
        scores.append(session_scores(before, name, "untrained", seeds))
        show(len(seeds) * len(matches), sessions)
        comparisons.append(compare_paired(name, before.reward[:, seats].mean(1), base.reward[:, seats].mean(1)))
    warnings = order_warnings(environment, base.counts.orders, base.counts.rejections)
    impact = None if base.replay is None else impact_of(base.replay)
    evaluation = Evaluation(
        tuple(comparisons), outcomes_of(base), _conservation(matches), tuple(warnings.values()), impact
    )
    return evaluation, base.tape, pd.concat(scores, ignore_index=True) if scores else pd.DataFrame()


def _conservation(matches: Sequence[Match]) -> Conservation:
    """Return the conservation of all sessions of all matches."""
    position, cash = (
        int(sum(np.abs(getattr(match, name)).sum() for match in matches)) for name in ("position_error", "cash_error")
    )
    return Conservation(sum(match.position_error.size for match in matches), position, cash)
