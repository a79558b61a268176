"""FocalEnv: the seats of one learning group as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.copies import Copyable
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.episode_seeds import EpisodeSeeds
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.interface.spaces import flatten_action
from marl_market.env.live_agents import SeatStatus
from marl_market.env.step.outputs import Step
from marl_market.market.validation import is_whole, require

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Stepped = tuple[Floats, Floats, Flags, Flags, dict[str, Any]]


class FocalEnv(Copyable, VectorEnv[Floats, NDArray[Any], NDArray[Any]]):
    """The external group of a `BatchMarket`, one sub-environment for each of its seats in each market.

    | Sub-environments | markets x seats of the group; seat s of market m is number m * seats + s                    |
    | Observations     | Box of shape (num_envs, observation size), float32, see `marl_market.env.observations`      |
    | Actions          | the space of the group's action scheme, batched by `gymnasium.vector.utils.batch_space`;    |
    |                  | numbers of a Box beyond [-1, 1] are clipped to it                                           |
    | Rewards          | (num_envs,) float32, of the step alone, see `marl_market.env.rewards`                       |
    | Infos            | "alive" (num_envs,) bool, the seat is in its market                                         |
    |                  | "acts" (num_envs,) bool, it is there and awake: its next action is played, no other is read |
    |                  | "elapsed_steps" (num_envs,) int64, steps since it last acted; 0 in a row without a step     |
    |                  | "action_mask" (num_envs, choices) int8 where actions are discrete, 1 for a legal choice,    |
    |                  | the choices of each number of the action in turn; all ones where the seat does not act      |

    Sub-environments of one market trade with each other, so they are no independent samples; those of different
    markets are. A step is a step of every market. All sessions end together, after `session_steps` steps, and
    terminate the seats that are there where the observation shows the clock, else truncate them, see
    `EnvironmentSpec.close_terminates`. The step after that ignores its actions, resets and returns the first
    observations and rewards of zero (AutoresetMode.NEXT_STEP, the only mode in which Gymnasium's
    `RecordEpisodeStatistics` counts every reward).

    A seat that sleeps keeps its last observation and is rewarded in each step: the reward of a decision is the sum of
    the `elapsed_steps` rows up to the next that acts. A seat that departs is terminated in that step, once. From then
    on, and before it arrives, its row waits: observation and reward are zero, nothing ends, "alive" and "acts" are
    false, and the first row after its arrival is a reset. While no seat of the group is in any market, the markets step
    on within one call; where none will arrive any more, the session is over.

    Attributes:
        batch: the markets.
        group: name of the learning group.
        over: whether the next step ignores its actions and resets.
        spec: id, which is not registered, length of an episode, and arguments.
    """

    changing = ("over", "_status", "_episodes", "_played", "_np_random", "_np_random_seed")

    def __init__(self, environment: EnvironmentSpec, markets: int, threads: int = 1) -> None:
        """Build `markets` markets, stepped by `threads` threads.

        Raises ValueError, naming the external groups, unless there is exactly one, and for a group that evolves.
        """
        require(isinstance(environment, EnvironmentSpec), "environment", environment, "an EnvironmentSpec")
        self.batch = BatchMarket(environment, markets, threads)
        seats_of = {group.name: environment.seats_of(group.name) for group in environment.groups}
        names = [name for name, seats in seats_of.items() if seats.start in self.batch.external]
        if len(names) != 1:
            raise ValueError(
                f"population has {len(names)} external groups {names}; FocalEnv needs exactly one, "
                "the others need a trader or a compiled policy"
            )
        for group in environment.groups:
            if group.agent.traits.parameters_per == "market":
                raise ValueError(f"population.{group.name} is still evolving; FocalEnv needs a trained policy")
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}
        self.group = names[0]
        self._seats = seats_of[self.group]
        self._status = SeatStatus(self.batch, self._seats)
        self._episodes = EpisodeSeeds(markets)
        self.over = False
        self.num_envs = markets * self.batch.external.size
        self._every = np.ones(self.num_envs, np.bool_)
        self.single_observation_space = environment.observation_space
        action = environment.action_of(self.group)
        self.single_action_space = action.space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._choices = mask_size_of(action)
        self._action_size = action.size
        self._played = np.zeros((markets, self.batch.external.size, environment.action_size), np.float32)
        self.spec = EnvSpec(
            "marl_market/FocalEnv-v0",
            vector_entry_point="marl_market.env.vector_env:FocalEnv",
            max_episode_steps=environment.spec.session_steps,
            kwargs={"environment": environment, "markets": markets, "threads": threads},
        )

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Reset all sub-environments and return the first observations and infos.

        Args:
            seed: whole number, 0 or more; market i is seeded with `seed + i`, or with `seed[i]` of a list of one seed
                for each market; None goes on to the next episode of the last seeds. A market and a `MarketEnv` of one
                seed play the same episode. Raises ConfigError for another seed.
            options: not used; raises ValueError for Gymnasium's "reset_mask", since all episodes run together.
        """
        if options is not None and "reset_mask" in options:
            raise ValueError("options has a reset_mask; all sub-environments share a session and reset together")
        if seed is not None:
            seeds = self._seeds_of(seed)
            self._episodes.begin(seeds)
            super().reset(seed=int(seeds[0]))
        return self._open(), self._infos()

    def step(self, actions: Any) -> Stepped:
        """Step all sub-environments with one action each, or reset them after the end of a session.

        Raises ActionError for actions of another shape than the action space's or with an invalid value of a seat that
        acts; the markets are then unchanged. Raises RuntimeError before the first reset.
        """
        played = self._read(actions)
        if self.over:
            nothing = np.zeros(self.num_envs, np.bool_)
            return self._open(), np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), self._infos()
        status = self._status
        own = self._played[..., : self._action_size]
        own[:] = played.reshape(own.shape)
        if not status.full:
            own[~status.acts] = 0.0
        waits = status.awaits_arrival()
        step = self._advance()
        while waits and status.awaits_arrival() and not step.truncated:
            step = self._advance()
        reward, terminated = step.reward[:, self._seats].flatten(), status.terminated.flatten()
        closed = status.alive.flatten() & step.truncated
        truncated = closed & (not self.batch.environment.close_terminates)
        terminated |= closed & ~truncated
        return self._observations(), reward, terminated, truncated, self._infos()

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the legal choices `(num_envs, choices)` of the next step; raises AttributeError without masks."""
        if self._choices == 0:
            raise AttributeError(f"actions of population.{self.group} have no mask")
        return self._mask().astype(np.bool_)

    def _advance(self) -> Step:
        """Step the markets."""
        step = self.batch.step(self._played)
        self._status.update(step)
        self.over = step.truncated or self._status.is_over()
        return step

    def _read(self, actions: Any) -> Floats:
        """Return the numbers of actions (num_envs, action size); raises ActionError for another shape."""
        single: Any = self.single_action_space
        try:
            played = flatten_action(actions, single)
        except (ValueError, TypeError) as error:
            raise ActionError(f"actions cannot be read: {error}; it must be of {self.action_space}") from error
        mixed = isinstance(single, gymnasium.spaces.Tuple)
        wanted = (self.num_envs, self._action_size) if mixed else self.action_space.shape
        if played.shape != wanted:
            raise ActionError(f"actions has shape {played.shape}; it must be {wanted}")
        return played

    def _open(self) -> Floats:
        """Reset every market with its next seed and return the first observations, those of the first arrival."""
        self.batch.reset(self._episodes.next_seeds())
        self._status.open()
        self._played[:] = 0.0
        self.over = self._status.is_over()
        while self._status.awaits_arrival():
            self._advance()
        return self._observations()

    def _seeds_of(self, seed: Any) -> Sequence[int]:
        """Return one seed for each market."""
        markets = self.batch.markets.size
        if np.ndim(seed) == 0:
            require(is_whole(seed, 0), "seed", seed, "a whole number, 0 or more, or one for each market")
            return [int(seed) + market for market in range(markets)]
        if len(seed) != markets:
            raise ValueError(f"seed has {len(seed)} entries; {markets} markets need one each")
        return list(seed)

    def _observations(self) -> Floats:
        """Return a copy of the observations (num_envs, size), zeros in the rows that wait."""
        status, rows = self._status, self.batch.observation.copy()
        if not status.full:
            rows[~(status.alive | status.terminated)] = 0.0
        return rows.reshape(self.num_envs, -1)

    def _infos(self) -> dict[str, Any]:
        """Return the infos, each for all sub-environments."""
        status, every = self._status, self._every
        infos = {
            "alive": status.alive.flatten(),
            "_alive": every.copy(),
            "acts": status.acts.flatten(),
            "_acts": every.copy(),
            "elapsed_steps": status.elapsed.flatten(),
            "_elapsed_steps": every.copy(),
        }
        if self._choices > 0:
            infos |= {"action_mask": self._mask(), "_action_mask": every.copy()}
        return infos

    def _mask(self) -> NDArray[np.int8]:
        """Return the action masks (num_envs, choices); all choices are legal where none is played."""
        mask = self.batch.mask[..., : self._choices].astype(np.int8)
        if not self._status.full:
            mask[~self._status.acts] = 1
        return mask.reshape(self.num_envs, -1)
