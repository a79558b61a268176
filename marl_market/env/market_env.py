"""MarketEnv: one market as a PettingZoo parallel environment."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from marl_market.env.batch_market import BatchMarket, Environment
from marl_market.env.playable import ActionError, require_playable
from marl_market.env.scheme import ActionSpace, choices_of

Observation = NDArray[np.float32]
Action = NDArray[np.generic] | int


class MarketEnv(ParallelEnv[str, Observation, Action]):
    """The B = 1 face of `BatchMarket`.

    | Agents       | one for each seat of the external groups, "<group>_<number>"; all others play themselves |
    | Observations | Box of shape (observation size,), float32, see `marl_market.env.observations`            |
    | Actions      | the space of the group's action scheme: Box in [-1, 1], Discrete or MultiDiscrete        |
    | Rewards      | the reward scheme's, see `marl_market.env.rewards`                                       |

    Where actions are discrete, each info has an "action_mask" of the choices that do something now, in the form that
    the space's `sample` takes: one int8 array, or a tuple of them for MultiDiscrete.

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
        schemes = [environment.action_of(group.name) for group in environment.groups for _ in range(group.count)]
        self._schemes = {names[seat]: schemes[seat] for seat in self._seats}
        self._spaces: dict[str, ActionSpace] = {agent: scheme.space for agent, scheme in self._schemes.items()}
        self.agents: list[str] = []
        self._observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (environment.observation_size,), np.float32)
        self._action = np.zeros((1, len(self._seats), environment.action_size), np.float32)
        self._session = np.random.SeedSequence()
        self._never = dict.fromkeys(self.possible_agents, False)
        self._always = dict.fromkeys(self.possible_agents, True)

    def observation_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's observations."""
        return self._observation_space

    def action_space(self, agent: str) -> ActionSpace:
        """Return the space of an agent's actions."""
        return self._spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Open a session and return the first observations and infos."""
        if seed is not None:
            self._session = np.random.SeedSequence(seed)
        word = int(self._session.spawn(1)[0].generate_state(1, np.uint64)[0])
        observation = self.batch.reset([word])
        self.agents = list(self.possible_agents)
        return self._share(observation), self._infos()

    def step(
        self, actions: dict[str, Action]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play one action for each agent.

        Raises ActionError, before anything is played, for a missing agent, a wrong shape or a value that is not
        finite, and RuntimeError when the session is over.
        """
        if not self.agents:
            raise RuntimeError("the session is over (or has not begun): call reset before step")
        for row, (agent, space) in zip(self._action[0], self._spaces.items(), strict=True):
            try:
                action = np.asarray(actions[agent], np.float32)
            except KeyError:
                raise ActionError(f"actions has no entry for {agent!r}; every agent acts each step") from None
            except (ValueError, TypeError):
                raise self._refusal(agent, actions[agent]) from None
            if action.shape != (space.shape or ()):
                raise self._refusal(agent, actions[agent])
            row[: action.size] = action
        try:
            step = self.batch.step(self._action)
        except ActionError:
            require_playable(self._action, self.batch.choices, self.possible_agents)  # by name
            raise
        rewards = step.reward[0].tolist()
        reward = {agent: rewards[seat] for agent, seat in zip(self.possible_agents, self._seats, strict=True)}
        ended = self._always if step.truncated else self._never
        if step.truncated:
            self.agents = []
        return self._share(step.observation), reward, self._never.copy(), ended.copy(), self._infos()

    def _refusal(self, agent: str, action: object) -> ActionError:
        """Return the error of an action that is no row of the right size."""
        wanted = f"{self._schemes[agent].size} numbers" if self._spaces[agent].shape else "one number"
        return ActionError(f"action of {agent!r} is {action!r}; it must be {wanted}")

    def _share(self, observation: NDArray[np.float32]) -> dict[str, Observation]:
        """Give each agent its own row of a copy."""
        return dict(zip(self.possible_agents, observation[0].copy(), strict=True))

    def _infos(self) -> dict[str, dict[str, Any]]:
        """Return each agent's info: its action mask, where its actions have one."""
        mask = self.batch.mask[0].astype(np.int8)
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.possible_agents}
        for row, (agent, scheme) in zip(mask, self._schemes.items(), strict=True):
            choices = choices_of(self._spaces[agent])
            if choices is None or scheme.mask is None:
                continue
            parts = np.split(row[: choices.sum()], np.cumsum(choices)[:-1])
            several = isinstance(self._spaces[agent], gymnasium.spaces.MultiDiscrete)
            infos[agent]["action_mask"] = tuple(parts) if several else parts[0]
        return infos

    def render(self) -> None:
        """Show nothing: this face has no render mode."""

    def close(self) -> None:
        """Release nothing."""
