"""The rollouts of seats as RLlib's episode objects, without a Python call per step."""

from __future__ import annotations

from typing import Any

import numpy as np
from ray.rllib.core.columns import Columns
from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
from ray.rllib.env.single_agent_episode import SingleAgentEpisode

from marl_market.agents.rllib.internals import lookback, set_steps, tree_map
from marl_market.agents.rllib.native.elapsed_time import CONTINUATION
from marl_market.agents.rllib.native.rl_module_policy import unflatten_module_state
from marl_market.agents.rllib.networks.action_distribution import as_space
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.agents.rollout import Rollout
from marl_market.env.interface.spaces import ActionSpace


def add_seat(
    episode: MultiAgentEpisode,
    agent: str,
    rollout: Rollout,
    row: int,
    space: ActionSpace,
    module: Any = None,
    discount: float | None = None,
) -> None:
    """Add one row of a rollout to a market's episode, as a copy and under the name `agent`.

    It equals the episode of `marl_market.env.parallel_env.MarketEnv`: a step for each decision, with the sum of the
    rewards until the next; terminated where the seat left the market, at the close terminated or truncated as
    `rollout.close_terminates` says. A seat without decisions is not in the episode. `module` is the one that played,
    for the structure of its hidden state.

    With a `discount` of a step, the rewards of slept steps are discounted by their distance from the decision, and the
    column `CONTINUATION` has discount ** (steps to the next decision - 1), see
    `marl_market.agents.rllib.native.elapsed_time`.

    Raises TypeError for a rollout of a policy that played inside the compiled step.
    """
    if not rollout.has_actions:
        raise TypeError(f"rollout of {agent!r} has no actions; only external agents have episodes")
    active = np.flatnonzero(rollout.active[:, row])
    if active.size == 0:
        return
    terminated, close = np.flatnonzero(rollout.terminated[:, row]), len(rollout.active)
    observed = np.append(active, terminated[0] + 1 if terminated.size else close)
    columns = {**rollout.extra, **({} if rollout.action_mask is None else {ACTION_MASK: rollout.action_mask})}
    outputs = {name: lookback(values[active, row]) for name, values in columns.items()}
    if Columns.STATE_OUT in columns:
        state = unflatten_module_state(columns[Columns.STATE_OUT][active, row], module)
        outputs[Columns.STATE_OUT] = lookback(tree_map(lambda tensor: tensor.numpy(), state))
    reward = rollout.reward[:, row]
    if discount is not None:
        # Steps since the last decision; before the first there is no reward.
        steps = np.arange(close)
        since = steps - active[np.maximum(np.searchsorted(active, steps, side="right") - 1, 0)]
        reward = reward * np.float32(discount) ** np.maximum(since, 0).astype(np.float32)
        outputs[CONTINUATION] = lookback((discount ** (np.diff(observed) - 1.0)).astype(np.float32))
    over = bool(terminated.size) or rollout.close_terminates
    episode.agent_episodes[agent] = SingleAgentEpisode(
        observations=lookback(rollout.observation[observed, row]),
        infos=lookback([{}] * observed.size),
        actions=lookback(as_space(rollout.action[active, row], space)),
        rewards=lookback(np.add.reduceat(reward, active)),
        terminated=over,
        truncated=not over,
        extra_model_outputs=outputs,
        len_lookback_buffer=0,
        agent_id=agent,
        module_id=episode.module_for(agent),
        multi_agent_episode_id=episode.id_,  # type: ignore[arg-type]  # RLlib's own ids are strings
    )
    set_steps(episode, agent, observed.tolist(), close)
