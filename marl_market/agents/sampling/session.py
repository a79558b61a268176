"""One session of a batch of markets: the only loop of reset, actions and steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marl_market.agents.rollout import Flags, Floats
from marl_market.agents.sampling.group_actor import GroupActor
from marl_market.env.batch_market import BatchMarket, Step
from marl_market.env.recording.recorder import Recorder


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
    """
    for actor in actors:
        actor.on_episode_start()
    external = [actor for actor in actors if actor.is_external]
    batch.reset(seeds)
    for recorder in recorders:
        recorder.open()
    action = np.zeros((batch.markets.size, batch.external.size, batch.environment.action_size), np.float32)
    truncated = False
    while not truncated:
        drawn = None if noise is None else noise()
        extra = {actor.group: actor.act(action, drawn) for actor in external}
        active = batch.active.copy()
        result = batch.step(action)
        for recorder in recorders:
            recorder.record()
        if on_step is not None:
            on_step(SessionStep(active, action, extra, result))
        truncated = result.truncated
