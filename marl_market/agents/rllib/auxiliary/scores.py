"""How well a head foretells, beside what one knows without looking."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr
from scipy.stats import rankdata

from marl_market.agents.interfaces import Floats
from marl_market.agents.rllib.auxiliary.heads import head_loss
from marl_market.agents.rllib.auxiliary.task import Head


def scores_of(head: Head, output: Floats, target: Floats) -> dict[str, float]:
    """Return the loss of outputs (N, outputs), and how much better they are than the mean or the commonest class.

    For numbers that is the share of variance explained, mean over those that vary. For classes it is the share of
    decisions whose highest score is right, beside the share of the commonest class (`base_rate`), and by how much the
    loss is lower than that of who knows the share of each class and no more (`explained_entropy`, McFadden 1974,
    "Conditional logit analysis of qualitative choice behavior"); for two classes also the area under the ROC curve
    (`auc`), which is 0.5 for who knows nothing. What cannot be told is left out: targets
    (N, numbers) that are NaN, and scores of a target that does not vary.
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
    shares = np.bincount(classes) / classes.size
    metrics["base_rate"] = float(shares.max())
    if shares.max() < 1:
        metrics["explained_entropy"] = 1.0 - metrics["loss"] / float(entr(shares).sum())
    if head.outputs == 2 and 0 < classes.sum() < classes.size:
        metrics["auc"] = area_under_curve(output[:, 1] - output[:, 0], classes == 1)
    return metrics


def area_under_curve(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Return how probably a positive has a higher score than a negative, ties counting half (Mann and Whitney)."""
    ranks, count = rankdata(score), int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))
