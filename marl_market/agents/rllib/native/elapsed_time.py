"""Discount by elapsed time for unmodified algorithms of RLlib, where a decision timing lets agents sleep.

RLlib discounts by one step from decision to decision. `MarketEnvRunner` has discounted the rewards of slept steps by
their distance, and says by the column `CONTINUATION` of an episode what is left of the value after k steps beyond
RLlib's own discount: discount ** (k - 1). Every target of RLlib's, generalized advantages, V-trace and temporal
differences alike, multiplies the next value by 1 - terminated, so the connector puts the rest of the discount there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils.replay_buffers import MultiAgentEpisodeReplayBuffer

CONTINUATION = "continuation"


def discount_by_elapsed_time(*_: Any) -> ElapsedTime:
    """Return the connector: say `config.learners(learner_connector=discount_by_elapsed_time)`.

    DQN needs `ElapsedReplayBuffer` besides; RLlib's SAC takes no replay buffer but its own, and has no such discount.
    """
    return ElapsedTime()


class ElapsedTime(ConnectorV2):
    """Write into the column of terminations how much of the next value the elapsed time leaves."""

    def __call__(self, *, batch: dict[str, Any], episodes: list[Any], **_: Any) -> dict[str, Any]:
        """Return the batch with terminations (decisions,) of 1 - continuation, 1 where the episode terminated."""
        # RLlib's on-policy pipelines have appended one step for the value at the end, which the loss leaves out.
        appended = Columns.LOSS_MASK in batch
        batch.pop(Columns.TERMINATEDS, None)
        for episode in self.single_agent_episode_iterator(episodes, agents_that_stepped_only=False):
            terminated = _terminations(episode, len(episode) - appended)
            items = [*terminated, *([0.0] * appended)]
            self.add_n_batch_items(batch, Columns.TERMINATEDS, items, len(items), episode)
        return batch


def _terminations(episode: SingleAgentEpisode, decisions: int) -> Sequence[float]:
    """Return 1 - continuation of the first `decisions` of an episode, and 1 for the last one of a terminated one."""
    if CONTINUATION not in episode.extra_model_outputs:
        raise ValueError(
            f"the episode of {episode.agent_id} has no column {CONTINUATION!r}; MarketEnvRunner writes it where the "
            "environment has a decision timing, and ElapsedReplayBuffer keeps it"
        )
    left = np.asarray(episode.get_extra_model_outputs(CONTINUATION, slice(0, decisions)), np.float32)
    terminated = 1 - left
    if episode.is_terminated:
        terminated[-1] = 1.0
    return [float(value) for value in terminated]


class ElapsedReplayBuffer(MultiAgentEpisodeReplayBuffer):
    """RLlib's replay buffer of episodes, whose samples keep the column `CONTINUATION`."""

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        """Return sampled episodes of one decision each; raises ValueError for several decisions (`n_step`)."""
        if kwargs.get("n_step") not in (None, 1):
            raise ValueError(
                f"n_step is {kwargs['n_step']}; ElapsedReplayBuffer needs 1, since decisions differ in length"
            )
        return super().sample(*args, **{**kwargs, "include_extra_model_outputs": True})
