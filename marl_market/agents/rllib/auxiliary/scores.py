"""Scores of the predictions of a head, beside those of a constant prediction."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr
from scipy.stats import rankdata

from marl_market.agents.rllib.auxiliary.heads import head_loss
from marl_market.agents.rllib.auxiliary.task import Head
from marl_market.agents.rollout import Floats


def scores_of(head: Head, output: Floats, target: Floats) -> dict[str, float]:
    """Return the loss of outputs (N, outputs), and scores that compare them with the mean or the commonest class.

    For numbers: the share of variance explained (`explained_variance`), mean over those that vary. For classes: the
    share of decisions whose highest score is right (`accuracy`), the share of the commonest class (`base_rate`), and
    the relative reduction of the loss of predicting the class frequencies (`explained_entropy`, McFadden 1974,
    "Conditional logit analysis of qualitative choice behavior"); for two classes also the area under the ROC curve
    (`auc`), 0.5 for a constant prediction. Targets (N, numbers) that are NaN, and scores of a target that does not
    vary, are left out.
    """
    known = np.isfinite(target).all(axis=1)
    output, target = output[known], target[known]
    if not known.any():
        return {}
    metrics = {"loss": float(head_loss(head, torch.from_numpy(output), torch.from_numpy(target)))}
    if not head.scores:
        variance = target.var(axis=0, dtype=np.float64)
        error = ((output - target) ** 2).mean(axis=0, dtype=np.float64)
        varies = variance > 0
        if varies.any():
            metrics["explained_variance"] = float((1.0 - error[varies] / variance[varies]).mean())
        return metrics
    classes = target[:, 0].astype(np.int64)
    metrics["accuracy"] = float((output.argmax(axis=1) == classes).mean())
    frequencies = np.bincount(classes) / classes.size
    metrics["base_rate"] = float(frequencies.max())
    if frequencies.max() < 1:
        metrics["explained_entropy"] = 1.0 - metrics["loss"] / float(entr(frequencies).sum())
    if head.outputs == 2 and 0 < classes.sum() < classes.size:
        metrics["auc"] = area_under_curve(output[:, 1] - output[:, 0], classes == 1)
    return metrics


def area_under_curve(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the probability that a positive scores higher than a negative, ties counting half (Mann and Whitney)."""
    ranks, count = rankdata(score), int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))
