"""Supervised learning from an expert's rollouts, for any network: one loop, two losses, two scores.

A continuous action is fitted by its mean (least squares, the maximum likelihood mean of a normal policy): the standard
deviation stays, since a policy as certain as its expert would not explore later. Choices are fitted by cross entropy,
their negative log-likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from marl_market.agents.imitation.behavior_cloning import BCConfig
from marl_market.agents.rollout import Floats, Rollout
from marl_market.market.seeding import Stream, generator

Columns = dict[str, torch.Tensor]
Forward = Callable[[torch.Tensor], torch.Tensor]
"""From observations (N, D) to mean actions (N, A), or to the scores of all choices (N, C)."""

CHECK_EVERY = 50
"""Gradient steps between two looks at the held-out loss."""
MASKED = -1e9
MIN_VARIANCE = 1e-8
"""Variance up to which a number counts as constant and has no explained variance."""


def dataset_of(rollouts: Sequence[Rollout], choices: Sequence[int]) -> Columns:
    """Return the active steps of rollouts in columns of N rows: observation, action, loss_mask and mask.

    An illegal choice had no effect and is left out of the loss; `choices` are the numbers of choices of each number of
    the action, empty for continuous actions.
    """
    parts: dict[str, list[NDArray[Any]]] = {}
    for rollout in rollouts:
        if not rollout.has_actions:
            raise TypeError("a rollout has no actions; only those of external agents can be cloned")
        active = rollout.active
        loss_mask = rollout.extra["loss_mask"][active]
        action = rollout.action[active]
        if rollout.action_mask is not None:
            mask = rollout.action_mask[:-1][active].astype(np.bool_)
            loss_mask = loss_mask & _allowed(action, mask, choices)
            parts.setdefault("mask", []).append(mask)
        parts.setdefault("observation", []).append(rollout.observation[:-1][active])
        parts.setdefault("action", []).append(action)
        parts.setdefault("loss_mask", []).append(loss_mask)
    return {name: torch.from_numpy(np.concatenate(values)) for name, values in parts.items()}


def fit(
    loss: Callable[[Columns], torch.Tensor],
    parameters: Iterable[torch.nn.Parameter],
    dataset: Columns,
    held_out: Columns,
    config: BCConfig,
    seed: int,
    error: Callable[[Columns], Sequence[float]] | None = None,
) -> int:
    """Minimize `loss` of minibatches of `dataset` by Adam; return the number of gradient steps.

    Of the weights at each check those with the lowest `error` of `held_out` are kept: numbers of which later ones
    decide where the first are equal; None: the loss. The same seed gives the same shuffles.
    """
    error = error or (lambda batch: (float(loss(batch)),))
    fitted = list(parameters)
    optimizer = torch.optim.Adam(fitted, config.learning_rate)
    check_every = min(CHECK_EVERY, config.patience)
    lowest: tuple[float, ...] = (math.inf,)
    best, best_step, step = [each.detach().clone() for each in fitted], 0, 0
    for step, rows in enumerate(_minibatches(len(dataset["observation"]), config, seed), start=1):
        optimizer.zero_grad()
        loss({name: values[rows] for name, values in dataset.items()}).backward()
        optimizer.step()
        if step % check_every == 0 or step == config.gradient_steps:
            with torch.no_grad():
                current = tuple(error(held_out))
            if current < lowest:
                lowest, best, best_step = current, [each.detach().clone() for each in fitted], step
        if step - best_step >= config.patience:
            break
    optimizer.zero_grad()
    with torch.no_grad():
        for parameter, kept in zip(fitted, best, strict=True):
            parameter.copy_(kept)
    return step


def _minibatches(count: int, config: BCConfig, seed: int) -> Iterator[torch.Tensor]:
    """Yield the rows of each gradient step, of shuffled passes over `count` rows."""
    random = generator(seed, Stream.CLONING)
    steps = 0
    while count > 0:
        for rows in torch.from_numpy(random.permutation(count)).split(config.minibatch_size):
            if steps == config.gradient_steps:
                return
            steps += 1
            yield rows


def fit_policy(
    forward: Forward,
    parameters: Iterable[torch.nn.Parameter],
    choices: Sequence[int],
    rollouts: Sequence[Rollout],
    config: BCConfig,
    seed: int,
    loss: Callable[[torch.Tensor, Columns], torch.Tensor] | None = None,
) -> dict[str, float]:
    """Fit a network to all but the last of `rollouts`; return its loss and score on the last, and the gradient steps.

    The score of a continuous action is the explained variance, mean over its numbers; that of choices is the accuracy,
    beside the frequency of the expert's most frequent choice. `loss`, of outputs and a batch, replaces the module's
    losses.
    """
    dataset, held_out = (dataset_of(part, choices) for part in (rollouts[:-1], rollouts[-1:]))
    if loss is None:
        loss = _squared_error if not choices else lambda scores, batch: _cross_entropy(scores, batch, choices)
    chosen = loss

    def error(batch: Columns) -> tuple[float, ...]:
        output = forward(batch["observation"])
        missed = (1.0 - _agreement(output, batch, choices)["clone_accuracy"],) if choices else ()
        return (*missed, float(chosen(output, batch)))

    def total(batch: Columns) -> torch.Tensor:
        return chosen(forward(batch["observation"]), batch)

    steps = fit(total, parameters, dataset, held_out, config, seed, error)
    with torch.no_grad():
        output = forward(held_out["observation"])
        metrics = {"clone_loss": float(chosen(output, held_out)), "clone_gradient_steps": float(steps)}
        if not choices:
            return {**metrics, "clone_explained_variance": _mean_explained_variance(output, held_out)}
        return {**metrics, **_agreement(output, held_out, choices)}


def explained_variance(predicted: torch.Tensor, actual: torch.Tensor) -> float:
    """Return 1 - mean squared error / variance of `actual`, both (N,): 0 for the mean as prediction, 1 for no error."""
    return float(1.0 - ((predicted - actual) ** 2).mean() / actual.var(correction=0))


def masked(scores: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return scores (N, C) in which illegal choices are never the highest."""
    return torch.where(batch["mask"], scores, MASKED) if "mask" in batch else scores


def _squared_error(mean: torch.Tensor, batch: Columns) -> torch.Tensor:
    error = (mean - batch["action"]) ** 2 * batch["loss_mask"]
    return error.sum() / batch["loss_mask"].sum().clamp(min=1)


def _cross_entropy(scores: torch.Tensor, batch: Columns, choices: Sequence[int]) -> torch.Tensor:
    total = scores.new_zeros(())
    for number, part in enumerate(masked(scores, batch).split(list(choices), dim=1)):
        each = functional.cross_entropy(part, batch["action"][:, number].long(), reduction="none")
        # Not a product with zeros: outside the loss mask a choice may have no probability at all.
        total = total + each[batch["loss_mask"][:, number]].sum()
    return total / batch["loss_mask"].sum().clamp(min=1)


def _mean_explained_variance(mean: torch.Tensor, batch: Columns) -> float:
    """Return the explained variance, mean over the numbers that vary; NaN if none does."""
    shares = []
    for number in range(mean.shape[1]):
        rows = batch["loss_mask"][:, number]
        done = batch["action"][rows, number]
        if len(done) > 1 and done.var() > MIN_VARIANCE:
            shares.append(explained_variance(mean[rows, number], done))
    return float(np.mean(shares)) if shares else math.nan


def _agreement(scores: torch.Tensor, batch: Columns, choices: Sequence[int]) -> dict[str, float]:
    """Return the accuracy of the best choices, and that of the expert's most frequent choice."""
    same = most = 0
    for number, part in enumerate(masked(scores, batch).split(list(choices), dim=1)):
        rows = batch["loss_mask"][:, number]
        done = batch["action"][rows, number].long()
        same += int((part[rows].argmax(dim=1) == done).sum())
        most += int(done.bincount().max()) if len(done) else 0
    count = max(1, int(batch["loss_mask"].sum()))
    return {"clone_accuracy": same / count, "clone_base_rate": most / count}


def _allowed(action: Floats, mask: NDArray[np.bool_], choices: Sequence[int]) -> NDArray[np.bool_]:
    """Return which numbers of actions (N, A) name a choice that `mask` (N, C) allows."""
    first = np.concatenate([[0], np.cumsum(choices)[:-1]]).astype(np.int64)
    return np.take_along_axis(mask, action.astype(np.int64) + first, axis=1)
