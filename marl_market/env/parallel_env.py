"""MarketEnv: one market as a PettingZoo parallel environment."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from marl_market.env.actions.validation import ActionError, action_error
from marl_market.env.batch_market import BatchMarket, Step
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.episode_seeds import Sessions
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.interface.spaces import ActionSpace, flatten_action, unflatten_mask
from marl_market.env.live_agents import LiveAgents
from marl_market.env.rendering.market_view import MarketView
from marl_market.env.rendering.text import render_text

Observation = NDArray[np.float32]
Action = NDArray[np.generic] | int | tuple[Any, ...]


class MarketEnv(ParallelEnv[str, Observation, Action]):
    """The B = 1 face of `BatchMarket`.

    | Agents       | one for each seat of the external groups, "<group>_<number>"; all others play themselves |
    | Observations | Box of shape (observation size,), float32, see `marl_market.env.observations`            |
    | Actions      | the space of the group's action scheme: Box in [-1, 1], Discrete, MultiDiscrete, Tuple   |
    | Rewards      | the reward scheme's, see `marl_market.env.rewards`                                       |

    Where actions are discrete, each info has an "action_mask" of the choices that do something now, in the form that
    the space's `sample` takes: one int8 array, or a tuple of them for MultiDiscrete and Tuple.

    An agent is among `agents` while its seat is in the market. It is terminated when it leaves, in the step that also
    brings its last reward and observation, and does not come back. Where actions have a pace, an agent that sleeps is
    given neither observation, reward nor info, and an action for it is not played; when it wakes, its reward is the sum
    of all steps since it last acted, and its info says how many those were: "elapsed_steps". As long as no agent is
    there and awake, the market goes on by itself, within the same call.

    A session ends by truncation, after `session_steps` steps. `reset(seed=...)` fixes all that is random; a reset
    without a seed goes on to another session of the last one.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "marl_market_v0",
        "is_parallelizable": True,
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 4,
    }

    def __init__(self, environment: EnvironmentSpec, render_mode: str | None = None) -> None:
        """Build the market; raises ValueError where no seat is external or there is no such render mode.

        A `render_mode` of "ansi" or "rgb_array" says what `render` returns.
        """
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode is {render_mode!r}; it must be None or one of {self.metadata['render_modes']}"
            )
        self.batch = BatchMarket(environment, markets=1)
        if self.batch.external.size == 0:
            raise ValueError("population has no external group; MarketEnv needs a seat whose actions come from outside")
        names = [agent for group in environment.groups for agent in environment.agents_of(group.name)]
        self._seats: list[int] = self.batch.external.tolist()
        self.possible_agents = [names[seat] for seat in self._seats]
        schemes = [environment.action_of(group.name) for group in environment.groups for _ in range(group.count)]
        self._schemes = {names[seat]: schemes[seat] for seat in self._seats}
        self._spaces: dict[str, ActionSpace] = {agent: scheme.space for agent, scheme in self._schemes.items()}
        self.agents: list[str] = []
        self.render_mode = render_mode
        watched = dict(zip(self._seats, self.possible_agents, strict=True))
        self._view = None if render_mode is None else MarketView(self.batch, watched)
        self._observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (environment.observation_size,), np.float32)
        mixed = [isinstance(self._spaces[agent], gymnasium.spaces.Tuple) for agent in self.possible_agents]
        self._shapes = [
            (self._schemes[agent].size,) if several else self._spaces[agent].shape or ()
            for agent, several in zip(self.possible_agents, mixed, strict=True)
        ]
        self._masked = [
            (place, agent, size)
            for place, agent in enumerate(self.possible_agents)
            if (size := mask_size_of(self._schemes[agent])) > 0
        ]
        self._sessions = Sessions(1)
        self._roster = LiveAgents(self.batch)
        self._full = True
        self._idle = np.zeros((1, len(self._seats), environment.action_size), np.float32)
        row = (environment.action_size,)
        # The shape of every action, where they share one.
        self._row = row if set(self._shapes) == {row} and not any(mixed) else None
        self._sleeps = environment.timing.choices > 0
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
            self._sessions.begin([seed])
        observation = self.batch.reset(self._sessions.following())
        if self._view is not None:
            self._view.record()
        self._roster.open()
        self._full = self._roster.is_full()
        if self._full:
            self.agents = list(self.possible_agents)
            return self._share(observation), self._infos()
        truncated = False
        while not self._roster.active.any() and not truncated:
            truncated = self._advance(self._idle).truncated
        observations, _, _, _, infos = self._emit_results(truncated)
        return observations, infos

    def step(
        self, actions: dict[str, Action]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play one action for each agent that is awake.

        Raises ActionError, before anything is played, for a missing agent, a wrong shape or a value that is not
        finite, and RuntimeError when the session is over.
        """
        if not self.agents:
            raise RuntimeError("the session is over (or has not begun): call reset before step")
        played = self._read(actions)
        if not self._full:
            return self._go_on(self._advance(played))
        step = self._play(played)
        self._full = self._roster.is_full()
        if not self._full:
            self._roster.update(step)
            return self._go_on(step)
        rewards = map(step.reward[0].tolist().__getitem__, self._seats)
        reward = dict(zip(self.possible_agents, rewards, strict=True))
        ended = self._always if step.truncated else self._never
        if step.truncated:
            self.agents = []
        return self._share(step.observation), reward, self._never.copy(), ended.copy(), self._infos()

    def _read(self, actions: dict[str, Action]) -> NDArray[np.float32]:
        """Return what the batch plays (1, seats, numbers), which is nothing for agents that are not awake."""
        if self._full and self._row is not None:
            try:
                rows = [actions[agent] for agent in self.possible_agents]
                if {row.shape for row in rows} == {self._row}:  # type: ignore[union-attr]
                    return np.concatenate(rows, dtype=np.float32).reshape(self._idle.shape)
            except (AttributeError, KeyError, TypeError):
                pass  # what is wrong, or merely another kind of sequence, is for the loop below to say
        played = self._idle.copy()
        for place in self._roster.active.nonzero()[0].tolist():
            agent = self.possible_agents[place]
            try:
                action = flatten_action(actions[agent], self._spaces[agent])
            except (KeyError, ValueError, TypeError):
                raise self._refusal(agent, actions) from None
            if action.shape != self._shapes[place]:
                raise self._refusal(agent, actions)
            played[0, place, : action.size] = action
        return played

    def _play(self, played: NDArray[np.float32]) -> Step:
        """Step the market; raises ActionError by an agent's name."""
        try:
            step = self.batch.step(played)
        except ActionError:
            raise action_error(played, self.batch.num_choices, self.possible_agents) from None  # by the agent's name
        if self._view is not None:
            self._view.record()
        return step

    def _advance(self, played: NDArray[np.float32]) -> Step:
        """Step the market and take over what it brings to whom."""
        step = self._play(played)
        self._roster.update(step)
        return step

    def _go_on(self, step: Step) -> tuple[Any, ...]:
        """Let the market go on until an agent decides or the session is over; return what is handed out then."""
        while not self._roster.active.any() and not step.truncated:
            step = self._advance(self._idle)
        return self._emit_results(step.truncated)

    def _emit_results(self, truncated: bool) -> tuple[Any, ...]:
        """Return what a step returns, after steps in which not every seat took part."""
        roster = self._roster
        handed = np.flatnonzero(roster.seen & (roster.active | roster.left | truncated)).tolist()
        seen = np.flatnonzero(roster.seen).tolist()
        names, observation, infos = self.possible_agents, self.batch.observation[0].copy(), self._infos()
        observations = {names[place]: observation[place] for place in handed}
        rewards = {names[place]: float(roster.reward[place]) for place in handed}
        terminations = {names[place]: bool(roster.left[place]) for place in seen}
        truncations = {names[place]: truncated and not roster.left[place] for place in seen}
        if self._sleeps:
            for place in handed:
                infos[names[place]]["elapsed_steps"] = int(roster.elapsed[place])
        self.agents = [] if truncated else [names[place] for place in seen if not roster.left[place]]
        roster.emit_results()
        self._full = roster.is_full()
        return observations, rewards, terminations, truncations, {names[place]: infos[names[place]] for place in handed}

    def _refusal(self, agent: str, actions: dict[str, Action]) -> ActionError:
        """Return the error of an agent whose action is missing or is no row of the right size."""
        if agent not in actions:
            return ActionError(f"actions has no entry for {agent!r}; every agent acts each step")
        wanted = f"{self._schemes[agent].size} numbers" if self._spaces[agent].shape else "one number"
        if isinstance(self._spaces[agent], gymnasium.spaces.Tuple):
            wanted = f"a tuple as of {self._spaces[agent]}"
        return ActionError(f"action of {agent!r} is {actions[agent]!r}; it must be {wanted}")

    def _share(self, observation: NDArray[np.float32]) -> dict[str, Observation]:
        """Give each agent its own row of a copy."""
        return dict(zip(self.possible_agents, observation[0].copy(), strict=True))

    def _infos(self) -> dict[str, dict[str, Any]]:
        """Return each agent's info: its action mask, where its actions have one."""
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.possible_agents}
        if self._masked:
            mask = self.batch.mask[0].astype(np.int8)
            for place, agent, size in self._masked:
                infos[agent]["action_mask"] = unflatten_mask(mask[place, :size], self._spaces[agent])
        return infos

    def render(self) -> str | NDArray[np.uint8] | None:
        """Return the market as text, as an image (height, width, 3), or None, as the render mode says.

        Raises RuntimeError before the first reset.
        """
        if self._view is None:
            return None
        if not self._view.seconds:
            raise RuntimeError("there is nothing to render yet: call reset before render")
        if self.render_mode == "ansi":
            return render_text(self._view)
        from marl_market.env.rendering.image import render_image  # matplotlib is slow to import

        return render_image(self._view)

    def close(self) -> None:
        """Release nothing."""
