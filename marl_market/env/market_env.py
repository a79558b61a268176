"""MarketEnv: one market as a PettingZoo parallel environment."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from marl_market.env.batch_market import ActionError, BatchMarket, Environment

Observation = NDArray[np.float32]


class MarketEnv(ParallelEnv[str, Observation, Observation]):
    """The B = 1 face of `BatchMarket`.

    | Agents       | one for each seat of the external groups, "<group>_<number>"; all others play themselves |
    | Observations | Box of shape (observation size,), float32, see `marl_market.env.observations`            |
    | Actions      | Box of shape (action size,) in [-1, 1], float32, see `marl_market.env.actions`           |
    | Rewards      | the reward scheme's, see `marl_market.env.rewards`                                       |

    A session ends by truncation, after `session_steps` steps. `reset(seed=...)` fixes all that is random; a reset
    without a seed goes on to another session of the last one.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "marl_market_v0", "is_parallelizable": True, "render_modes": []}
    render_mode = None

    def __init__(self, environment: Environment) -> None:
        """Build the market; raises ValueError where no seat is external."""
        self.batch = BatchMarket(environment, markets=1)
        if self.batch.external.size == 0:
            raise ValueError("population has no external group; MarketEnv needs a seat whose actions come from outside")
        names = [f"{group.name}_{number}" for group in environment.groups for number in range(group.count)]
        self._seats: list[int] = self.batch.external.tolist()
        self.possible_agents = [names[seat] for seat in self._seats]
        self.agents: list[str] = []
        self._observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (environment.observation_size,), np.float32)
        self._action_space = gymnasium.spaces.Box(-1.0, 1.0, (environment.action.size,), np.float32)
        self._action_shape = (len(self._seats), environment.action.size)
        self._session = np.random.SeedSequence()
        self._never = dict.fromkeys(self.possible_agents, False)
        self._always = dict.fromkeys(self.possible_agents, True)

    def observation_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's observations."""
        return self._observation_space

    def action_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's actions."""
        return self._action_space

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Open a session and return the first observations and empty infos."""
        if seed is not None:
            self._session = np.random.SeedSequence(seed)
        word = int(self._session.spawn(1)[0].generate_state(1, np.uint64)[0])
        observation = self.batch.reset([word])
        self.agents = list(self.possible_agents)
        return self._share(observation), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Observation]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play one action for each agent.

        Raises ActionError, before anything is played, for a missing agent, a wrong shape or a value that is not
        finite, and RuntimeError when the session is over.
        """
        if not self.agents:
            raise RuntimeError("the session is over (or has not begun): call reset before step")
        try:
            action = np.array([actions[agent] for agent in self.possible_agents], np.float32)
        except (KeyError, ValueError, TypeError):
            raise self._refusal(actions) from None
        if action.shape != self._action_shape:
            raise self._refusal(actions)
        step = self.batch.step(action[None])
        rewards = step.reward[0].tolist()
        reward = {agent: rewards[seat] for agent, seat in zip(self.possible_agents, self._seats, strict=True)}
        ended = self._always if step.truncated else self._never
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.possible_agents}
        if step.truncated:
            self.agents = []
        return self._share(step.observation), reward, self._never.copy(), ended.copy(), infos

    def _refusal(self, actions: dict[str, Observation]) -> ActionError:
        """Return the error that names the first agent whose action is missing or is no row of the right size."""
        size = self._action_shape[1]
        for agent in self.possible_agents:
            if agent not in actions:
                return ActionError(f"actions has no entry for {agent!r}; every agent acts each step")
            try:
                fits = np.array(actions[agent], np.float32).shape == (size,)
            except (ValueError, TypeError):
                fits = False
            if not fits:
                break
        return ActionError(f"action of {agent!r} is {actions[agent]!r}; it must be {size} numbers")

    def _share(self, observation: NDArray[np.float32]) -> dict[str, Observation]:
        """Give each agent its own row of a copy."""
        return dict(zip(self.possible_agents, observation[0].copy(), strict=True))

    def render(self) -> None:
        """Show nothing: this face has no render mode."""

    def close(self) -> None:
        """Release nothing."""
