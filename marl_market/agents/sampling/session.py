"""One session of a batch of markets: the only loop of reset, actions and steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Flags, Floats
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.recorder import Recorder
from marl_market.env.step.faults import NonFiniteError, group_of, place_of_seat, policy_of
from marl_market.env.step.outputs import Step


class SessionStep(NamedTuple):
    """One step of all markets; `action` and `result` are overwritten by the next step.

    Attributes:
        active: (markets, seats), the agent acted in the step.
        action: (markets, external seats, action size).
        extra: further columns of the decisions of each external group, by name.
        result: the result of `BatchMarket.step`.
    """

    active: Flags
    action: Floats
    extra: Mapping[str, Mapping[str, NDArray[Any]]]
    result: Step


def play_session(
    batch: BatchMarket,
    actors: Sequence[GroupActor],
    seeds: Sequence[int] | NDArray[np.integer],
    *,
    noise: Callable[[], Floats] | None = None,
    recorders: Sequence[Recorder] = (),
    on_step: Callable[[SessionStep], None] | None = None,
) -> None:
    """Play one session of every market, from the reset to the close.

    Args:
        batch: the markets.
        actors: of all external groups, and of compiled groups whose parameters are set per session.
        seeds: of each market.
        noise: exploration noise of a step, (markets, external seats, action size); None for greedy actions.
        recorders: called after the reset and after each step.
        on_step: called after the recorders of a step.

    Raises NonFiniteError where an observation, a reward or the action of a policy is not finite.
    """
    for actor in actors:
        actor.on_episode_start()
    external = [actor for actor in actors if actor.is_external]
    batch.reset(seeds)
    for recorder in recorders:
        recorder.open()
    action = np.zeros((batch.markets.size, batch.external.size, batch.environment.action_size), np.float32)
    truncated, step = False, 0
    while not truncated:
        drawn = None if noise is None else noise()
        extra = {actor.group: actor.act(action, drawn) for actor in external}
        active = batch.active.copy()
        try:
            result = batch.step(action)
        except ActionError as error:
            raise policy_error(batch, action, step) or error from None
        for recorder in recorders:
            recorder.record()
        if on_step is not None:
            on_step(SessionStep(active, action, extra, result))
        truncated, step = result.truncated, step + 1


def policy_error(batch: BatchMarket, action: Floats, step: int) -> NonFiniteError | None:
    """Return the error of the first number of actions that is not finite, None if all are; see `play_session`."""
    for market, row, number in np.argwhere(~np.isfinite(action))[:1].tolist():
        seat = int(batch.external[row])
        place = f"{place_of_seat(batch.environment, seat, step)}, number {number}, value {action[market, row, number]}"
        return NonFiniteError(policy_of(group_of(batch.environment, seat)), market, place)
    return None
