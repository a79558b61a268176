"""Gymnasium's episode statistics for seats that arrive late or depart early."""

from __future__ import annotations

import time
from typing import Any

from gymnasium.wrappers.vector import RecordEpisodeStatistics


class RecordSeatStatistics(RecordEpisodeStatistics):
    """Gymnasium's `RecordEpisodeStatistics` for a `FocalEnv` whose seats come and leave.

    There an episode is the stay of one seat. Gymnasium's own wrapper has the same episodes and returns, but adds the
    rows in which a seat waits for its next arrival to the length of the next episode; here lengths are the steps that
    the seat was in the market.
    """

    def step(self, actions: Any) -> Any:
        """Step the environment; the info of an ended episode is "episode", as in Gymnasium."""
        results: Any = super().step(actions)
        waits = results[-1]["elapsed_steps"] == 0
        self.episode_lengths[waits] = 0
        self.episode_start_times[waits] = time.perf_counter()
        return results
