"""What seats lived through as RLlib's episode objects, without a Python call a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer

from marl_market.agents.interfaces import Experience
from marl_market.agents.rllib.native.rl_module_policy import shaped_state
from marl_market.agents.rllib.networks.action_distribution import as_space
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.env.interface.spaces import ActionSpace


def add_seat(
    episode: MultiAgentEpisode, agent: str, experience: Experience, row: int, space: ActionSpace, module: Any = None
) -> None:
    """Add to a market's episode what one row of `experience` lived through, as a copy and under the name `agent`.

    It is what `marl_market.env.parallel_env.MarketEnv` hands out: a step for each decision, with the sum of the rewards
    until the next; terminated where the seat left the market, truncated at the close. A seat that never decided is
    not in the episode. `module` is what played it, for the structure of its states, if it has any.

    Raises TypeError for seats whose mind played inside the step.
    """
    trajectory = experience.trajectory
    if trajectory is None:
        raise TypeError(f"experience of {agent!r} has no trajectory; only seats that act from outside have episodes")
    decided = np.flatnonzero(trajectory.decided[:, row])
    if decided.size == 0:
        return
    left, close = np.flatnonzero(trajectory.left[:, row]), len(trajectory.decided)
    seen = np.append(decided, left[0] + 1 if left.size else close)
    columns = {**trajectory.columns, **({} if trajectory.mask is None else {ACTION_MASK: trajectory.mask})}
    outputs = {name: InfiniteLookbackBuffer(values[decided, row]) for name, values in columns.items()}
    if Columns.STATE_OUT in columns:
        state = shaped_state(columns[Columns.STATE_OUT][decided, row], module)
        outputs[Columns.STATE_OUT] = InfiniteLookbackBuffer(torch.utils._pytree.tree_map(torch.Tensor.numpy, state))
    episode.agent_episodes[agent] = SingleAgentEpisode(
        observations=InfiniteLookbackBuffer(trajectory.observation[seen, row]),
        infos=InfiniteLookbackBuffer([{}] * seen.size),
        actions=InfiniteLookbackBuffer(as_space(trajectory.action[decided, row], space)),
        rewards=InfiniteLookbackBuffer(np.add.reduceat(experience.reward[:, row], decided)),
        terminated=bool(left.size),
        truncated=not left.size,
        extra_model_outputs=outputs,
        len_lookback_buffer=0,
        agent_id=agent,
        module_id=episode.module_for(agent),
        multi_agent_episode_id=episode.id_,  # type: ignore[arg-type]  # RLlib's own ids are strings
    )
    # Which of the agent's steps stands at which of the market's.
    places: list[int | str] = [MultiAgentEpisode.SKIP_ENV_TS_TAG] * (close + 1)
    for number, step in enumerate(seen.tolist()):
        places[step] = number
    episode.env_t_to_agent_t[agent] = InfiniteLookbackBuffer(places)
