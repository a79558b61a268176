"""What seats lived through as RLlib's episode objects, without a Python call a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer

from marl_market.agents.rllib.native.rl_module_policy import shaped_state
from marl_market.agents.rllib.networks.action_distribution import as_space
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.agents.rollout import Rollout
from marl_market.env.interface.spaces import ActionSpace


def add_seat(
    episode: MultiAgentEpisode, agent: str, rollout: Rollout, row: int, space: ActionSpace, module: Any = None
) -> None:
    """Add to a market's episode what one row of `experience` lived through, as a copy and under the name `agent`.

    It is what `marl_market.env.parallel_env.MarketEnv` hands out: a step for each decision, with the sum of the rewards
    until the next; terminated where the seat left the market, truncated at the close. A seat that never decided is
    not in the episode. `module` is what played it, for the structure of its states, if it has any.

    Raises TypeError for seats whose mind played inside the step.
    """
    if not rollout.has_actions:
        raise TypeError(f"rollout of {agent!r} has no actions; only external agents have episodes")
    active = np.flatnonzero(rollout.active[:, row])
    if active.size == 0:
        return
    left, close = np.flatnonzero(rollout.terminated[:, row]), len(rollout.active)
    seen = np.append(active, left[0] + 1 if left.size else close)
    columns = {**rollout.extra, **({} if rollout.action_mask is None else {ACTION_MASK: rollout.action_mask})}
    outputs = {name: InfiniteLookbackBuffer(values[active, row]) for name, values in columns.items()}
    if Columns.STATE_OUT in columns:
        state = shaped_state(columns[Columns.STATE_OUT][active, row], module)
        outputs[Columns.STATE_OUT] = InfiniteLookbackBuffer(torch.utils._pytree.tree_map(torch.Tensor.numpy, state))
    episode.agent_episodes[agent] = SingleAgentEpisode(
        observations=InfiniteLookbackBuffer(rollout.observation[seen, row]),
        infos=InfiniteLookbackBuffer([{}] * seen.size),
        actions=InfiniteLookbackBuffer(as_space(rollout.action[active, row], space)),
        rewards=InfiniteLookbackBuffer(np.add.reduceat(rollout.reward[:, row], active)),
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
