"""MarketEnv: one market as a PettingZoo parallel environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from marl_market.env.actions.validation import ActionError, action_error
from marl_market.env.batch_market import BatchMarket
from marl_market.env.copies import Copyable
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.episode_seeds import EpisodeSeeds
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.interface.spaces import ActionSpace, flatten_action, unflatten_mask
from marl_market.env.live_agents import LiveAgents, SeatStatus
from marl_market.env.market_state import MarketState
from marl_market.env.rendering.market_view import MarketView
from marl_market.env.rendering.text import render_text
from marl_market.env.step.outputs import Step
from marl_market.market.validation import did_you_mean, require

Observation = NDArray[np.float32]
Action = NDArray[np.generic] | int | tuple[Any, ...]


class MarketEnv(Copyable, ParallelEnv[str, Observation, Action]):
    """A `BatchMarket` of one market, with PettingZoo's interface for its external agents.

    | Agents       | one for each seat of the external groups, "<group>_<number>"; the others are compiled    |
    | Observations | Box of shape (observation size,), float32, see `marl_market.env.observations`            |
    | Actions      | the space of the group's action scheme: Box in [-1, 1], Discrete, MultiDiscrete, Tuple;  |
    |              | numbers of a Box beyond [-1, 1] are clipped to it, other choices raise                   |
    | Rewards      | the reward scheme's, see `marl_market.env.rewards`                                       |

    Where actions are discrete, each info has an "action_mask" of the legal choices, in the form that the space's
    `sample` takes: one int8 array, or a tuple of them for MultiDiscrete and Tuple.

    An agent is in `agents` while its seat is in the market. It is terminated when it departs, in the step that also
    returns its last reward and observation, and does not come back. With a decision timing that lets agents sleep, a
    sleeping agent gets neither observation, reward nor info, and an action for it is ignored; when it wakes, its reward
    is the sum of all steps since it last acted, and its info has their number, "elapsed_steps". While no agent is
    active, the market steps on within the same call. PettingZoo's own tests and conversions allow for agents that come
    and leave, but not for agents that sleep.

    With `fixed_agents`, all agents are in `agents` from the reset to the end of the session, whatever the population's
    participation and decision timing, and a step is one step of the market: this is what PettingZoo's conversions,
    TorchRL and BenchMARL need. Each agent always has an observation, its last one, or zeros before its arrival, the
    reward of the step, and in its info

    | alive         | whether it is in the market                                                              |
    | acts          | whether its next action is played: it is in the market and awake; others are not read    |
    | elapsed_steps | steps since it last acted, 0 after a step in which it was not in the market              |

    At the end of the session agents that are not in the market are terminated. An action mask of an agent that does not
    act is all ones.

    `state()` is the whole market for a centralized critic, see `marl_market.env.market_state`.

    An episode is one session and ends after `session_steps` steps: by termination where the observation shows the
    clock, else by truncation, see `EnvironmentSpec.close_terminates`. `reset(seed=...)` seeds all randomness; a reset
    without a seed goes on to the next episode of the last seed.
    """

    changing = ("agents", "_has_begun", "_episodes", "_live_agents", "_status", "_full", "_view")
    metadata: ClassVar[dict[str, Any]] = {
        "name": "marl_market_v0",
        "is_parallelizable": True,
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self, environment: EnvironmentSpec, render_mode: str | None = None, fixed_agents: bool = False
    ) -> None:
        """Build the market; raises ValueError without an external seat or for an unknown render mode.

        `render` returns text for the `render_mode` "ansi", an image for "rgb_array".
        """
        require(isinstance(environment, EnvironmentSpec), "environment", environment, "an EnvironmentSpec")
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
        self._has_begun = False
        self.render_mode = render_mode
        rendered = dict(zip(self._seats, self.possible_agents, strict=True))
        self._view = None if render_mode is None else MarketView(self.batch, rendered)
        self._observation_space = environment.observation_space
        self._state = MarketState(environment)
        self.state_space = self._state.space
        self.fixed_agents = fixed_agents
        mixed = [isinstance(self._spaces[agent], gymnasium.spaces.Tuple) for agent in self.possible_agents]
        self._shapes = [
            (self._schemes[agent].size,) if is_mixed else self._spaces[agent].shape or ()
            for agent, is_mixed in zip(self.possible_agents, mixed, strict=True)
        ]
        self._masked = [
            (index, agent, size)
            for index, agent in enumerate(self.possible_agents)
            if (size := mask_size_of(self._schemes[agent])) > 0
        ]
        self._episodes = EpisodeSeeds(1)
        self._live_agents = LiveAgents(self.batch)
        self._status = SeatStatus(self.batch, self.batch.external)
        self._full = True
        self._idle = np.zeros((1, len(self._seats), environment.action_size), np.float32)
        row = (environment.action_size,)
        # The shape of every action, where they share one.
        self._row = row if set(self._shapes) == {row} and not any(mixed) else None
        self._sleeps = environment.timing.choices > 0
        self._close_terminates = environment.close_terminates
        self._never = dict.fromkeys(self.possible_agents, False)
        self._always = dict.fromkeys(self.possible_agents, True)

    def observation_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the observation space of an agent; raises KeyError for an unknown one."""
        if agent not in self._spaces:
            raise self._unknown(agent)
        return self._observation_space

    def action_space(self, agent: str) -> ActionSpace:
        """Return the action space of an agent; raises KeyError for an unknown one."""
        if agent not in self._spaces:
            raise self._unknown(agent)
        return self._spaces[agent]

    def _unknown(self, agent: Any) -> KeyError:
        known = did_you_mean(str(agent), self.possible_agents) or f"they are {self.possible_agents}"
        return KeyError(f"possible_agents has no {agent!r}; {known}")

    def state(self) -> NDArray[np.float32]:
        """Return the state of the whole market (size of `state_space`,), see `marl_market.env.market_state`.

        Raises RuntimeError before the first reset.
        """
        if not self._has_begun:
            raise RuntimeError("there is no state yet: call reset before state")
        row: NDArray[np.float32] = self._state.encode(self.batch)[0]
        return row

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Reset the market and return the first observations and infos.

        Raises ConfigError for a seed that is not a whole number, 0 or more.
        """
        if seed is not None:
            self._episodes.begin([seed])
        observation = self.batch.reset(self._episodes.next_seeds())
        self._has_begun = True
        if self._view is not None:
            self._view.open()
        self._live_agents.open()
        if self.fixed_agents:
            self._status.open()
            self._full, self.agents = self._status.full, list(self.possible_agents)
            return self._fixed_observations(), self._fixed_infos()
        self._full = self._live_agents.is_full()
        if self._full:
            self.agents = list(self.possible_agents)
            return self._observations(observation), self._infos()
        truncated = False
        while not self._live_agents.active.any() and not truncated:
            truncated = self._advance(self._idle).truncated
        observations, _, _, _, infos = self._results(truncated)
        return observations, infos

    def step(
        self, actions: dict[str, Action]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Step the market with one action for each active agent.

        Raises ActionError for a missing or an unknown agent, a wrong shape or an invalid value; the market is then
        unchanged. Raises RuntimeError before the first reset and after the end of the episode.
        """
        if not self.agents:
            raise RuntimeError("the session is over (or has not begun): call reset before step")
        played = self._read(actions)
        if self.fixed_agents:
            return self._step_fixed(self._play(played))
        if not self._full:
            return self._step_until_active(self._advance(played))
        step = self._play(played)
        self._full = self._live_agents.is_full()
        if not self._full:
            self._live_agents.update(step)
            return self._step_until_active(step)
        rewards = map(step.reward[0].tolist().__getitem__, self._seats)
        reward = dict(zip(self.possible_agents, rewards, strict=True))
        ended, other = (self._always if step.truncated else self._never).copy(), self._never.copy()
        terminated, truncated = (ended, other) if self._close_terminates else (other, ended)
        if step.truncated:
            self.agents = []
        return self._observations(step.observation), reward, terminated, truncated, self._infos()

    def _step_fixed(self, step: Step) -> tuple[Any, ...]:
        """Return the results of one step for all agents, whether they are in the market or not."""
        status, names = self._status, self.possible_agents
        status.update(step)
        self._full = status.full
        alive = dict(zip(names, status.alive[0].tolist(), strict=True))
        reward = dict(zip(names, step.reward[0, self._seats].tolist(), strict=True))
        # A seat that has left, or never came, has no value behind the close either way.
        truncations = {name: step.truncated and alive[name] and not self._close_terminates for name in names}
        terminations = {name: step.truncated and not truncations[name] for name in names}
        if step.truncated:
            self.agents = []
        return self._fixed_observations(), reward, terminations, truncations, self._fixed_infos()

    def _fixed_observations(self) -> dict[str, Observation]:
        """Return the last observation of each agent, zeros of those that have not arrived."""
        observation = self.batch.observation.copy()
        observation[~self._status.arrived] = 0.0
        return dict(zip(self.possible_agents, observation[0], strict=True))

    def _fixed_infos(self) -> dict[str, dict[str, Any]]:
        """Return each agent's info: status, and the action mask, where its actions have one."""
        status, infos = self._status, self._infos(self._status.acts[0])
        rows = zip(status.alive[0].tolist(), status.acts[0].tolist(), status.elapsed[0].tolist(), strict=True)
        for agent, (alive, acts, elapsed) in zip(self.possible_agents, rows, strict=True):
            infos[agent] |= {"alive": alive, "acts": acts, "elapsed_steps": elapsed}
        return infos

    def _read(self, actions: dict[str, Action]) -> NDArray[np.float32]:
        """Return the actions of the batch (1, seats, numbers), zeros for agents that are not active."""
        if self._full and self._row is not None and len(actions) == len(self.possible_agents):
            try:
                rows = [actions[agent] for agent in self.possible_agents]
                if {row.shape for row in rows} == {self._row}:  # type: ignore[union-attr]
                    return np.concatenate(rows, dtype=np.float32).reshape(self._idle.shape)
            except (AttributeError, KeyError, TypeError):
                pass  # the loop below raises for an invalid action and reads other kinds of sequences
        if not isinstance(actions, Mapping):
            raise ActionError(f"actions is {actions!r}; it must be a dict of one action for each agent")
        for agent in actions:
            if agent not in self._spaces:
                raise ActionError(f"actions has an entry of an unknown agent: {self._unknown(agent).args[0]}")
        played = self._idle.copy()
        active = self._status.acts[0] if self.fixed_agents else self._live_agents.active
        for index in active.nonzero()[0].tolist():
            agent = self.possible_agents[index]
            try:
                action = flatten_action(actions[agent], self._spaces[agent])
            except (KeyError, ValueError, TypeError):
                raise self._action_error(agent, actions) from None
            if action.shape != self._shapes[index]:
                raise self._action_error(agent, actions)
            played[0, index, : action.size] = action
        return played

    def _play(self, played: NDArray[np.float32]) -> Step:
        """Step the market; raises ActionError, naming the agent."""
        try:
            step = self.batch.step(played)
        except ActionError:
            raise action_error(played, self.batch.num_choices, self.possible_agents) from None  # with the agent's name
        if self._view is not None:
            self._view.record()
        return step

    def _advance(self, played: NDArray[np.float32]) -> Step:
        """Step the market and update the live agents."""
        step = self._play(played)
        self._live_agents.update(step)
        return step

    def _step_until_active(self, step: Step) -> tuple[Any, ...]:
        """Step the market until an agent is active or the episode ends; return the results of `step`."""
        while not self._live_agents.active.any() and not step.truncated:
            step = self._advance(self._idle)
        return self._results(step.truncated)

    def _results(self, over: bool) -> tuple[Any, ...]:
        """Return the results of `step` for the live agents after steps in which some of them slept or were absent."""
        state = self._live_agents
        terminated = state.terminated | (over and self._close_terminates)
        reported = np.flatnonzero(state.live & (state.active | state.terminated | over)).tolist()
        live = np.flatnonzero(state.live).tolist()
        names, observation, infos = self.possible_agents, self.batch.observation[0].copy(), self._infos()
        observations = {names[index]: observation[index] for index in reported}
        rewards = {names[index]: float(state.reward[index]) for index in reported}
        terminations = {names[index]: bool(terminated[index]) for index in live}
        truncations = {names[index]: over and not terminated[index] for index in live}
        if self._sleeps:
            for index in reported:
                infos[names[index]]["elapsed_steps"] = int(state.elapsed[index])
        self.agents = [] if over else [names[index] for index in live if not state.terminated[index]]
        state.clear_results()
        self._full = state.is_full()
        return (
            observations,
            rewards,
            terminations,
            truncations,
            {names[index]: infos[names[index]] for index in reported},
        )

    def _action_error(self, agent: str, actions: dict[str, Action]) -> ActionError:
        """Return the error of an agent's action that is missing or has another shape than its action space."""
        if agent not in actions:
            return ActionError(f"actions has no entry for {agent!r}; every agent acts each step")
        wanted = f"{self._schemes[agent].size} numbers" if self._spaces[agent].shape else "one number"
        if isinstance(self._spaces[agent], gymnasium.spaces.Tuple):
            wanted = f"a tuple as of {self._spaces[agent]}"
        return ActionError(f"action of {agent!r} is {actions[agent]!r}; it must be {wanted}")

    def _observations(self, observation: NDArray[np.float32]) -> dict[str, Observation]:
        """Return each agent's observation, a row of one copy."""
        return dict(zip(self.possible_agents, observation[0].copy(), strict=True))

    def _infos(self, acts: NDArray[np.bool_] | None = None) -> dict[str, dict[str, Any]]:
        """Return each agent's info: the action mask, where its actions have one; all ones unless it `acts`."""
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.possible_agents}
        if self._masked:
            mask = self.batch.mask[0].astype(np.int8)
            if acts is not None:
                mask[~acts] = 1
            for index, agent, size in self._masked:
                infos[agent]["action_mask"] = unflatten_mask(mask[index, :size], self._spaces[agent])
        return infos

    def render(self) -> str | NDArray[np.uint8] | None:
        """Return the market as text or as an image (height, width, 3), by the render mode; None without one.

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
