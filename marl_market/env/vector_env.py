"""FocalEnv: the seats of one learning group as a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from marl_market.env.actions.validation import ActionError
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.episode_seeds import EpisodeSeeds
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.interface.spaces import flatten_action

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Stepped = tuple[Floats, Floats, Flags, Flags, dict[str, Any]]


class FocalEnv(VectorEnv[Floats, NDArray[Any], NDArray[Any]]):
    """The external group of a `BatchMarket`, one sub-environment for each of its seats in each market.

    | Sub-environments | markets x seats of the group; seat s of market m is number m * seats + s                    |
    | Observations     | Box of shape (num_envs, observation size), float32, see `marl_market.env.observations`      |
    | Actions          | the space of the group's action scheme, batched by `gymnasium.vector.utils.batch_space`     |
    | Rewards          | (num_envs,) float32, see `marl_market.env.rewards`                                          |
    | Infos            | "action_mask" (num_envs, choices) int8 where actions are discrete, 1 for a legal choice,    |
    |                  | the choices of each number of the action in turn                                            |

    Sub-environments of one market trade with each other, so they are no independent samples; those of different
    markets are. All episodes end together, after `session_steps` steps: by termination where the observation shows the
    clock, else by truncation, see `EnvironmentSpec.close_terminates`. The step after that ignores its actions, resets
    and returns the first observations and rewards of zero (AutoresetMode.NEXT_STEP, the only mode in which Gymnasium's
    `RecordEpisodeStatistics` counts every reward).

    Attributes:
        batch: the markets.
        group: name of the learning group.
    """

    def __init__(self, environment: EnvironmentSpec, markets: int, threads: int = 1) -> None:
        """Build `markets` markets, stepped by `threads` threads.

        Raises ValueError, naming the external groups, unless there is exactly one, and for a group that evolves.
        """
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
        self._episodes = EpisodeSeeds(markets)
        self._over = False
        self.num_envs = markets * self.batch.external.size
        self.single_observation_space = gymnasium.spaces.Box(
            -np.inf, np.inf, (environment.observation_size,), np.float32
        )
        action = environment.action_of(self.group)
        self.single_action_space = action.space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._choices = mask_size_of(action)
        played = np.zeros((markets, self.batch.external.size, environment.action_size), np.float32)
        self._played, self._own = played, played[..., : action.size]

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Reset all sub-environments and return the first observations and infos.

        Args:
            seed: market i is seeded with `seed + i`, or with `seed[i]` of a list of one seed for each market; None goes
                on to the next episode of the last seeds. A market and a `MarketEnv` of one seed play the same episode.
            options: not used; raises ValueError for Gymnasium's "reset_mask", since all episodes run together.
        """
        if options is not None and "reset_mask" in options:
            raise ValueError("options has a reset_mask; all sub-environments share a session and reset together")
        if seed is not None:
            self._episodes.begin(self._seeds(seed))
        return self._open(), self._infos()

    def step(self, actions: Any) -> Stepped:
        """Step all sub-environments with one action each, or reset them after the end of an episode.

        Raises ActionError for actions of another shape than the action space's or with an invalid value; the markets
        are then unchanged. Raises RuntimeError before the first reset.
        """
        played = self._read(actions)
        if self._over:
            nothing = np.zeros(self.num_envs, np.bool_)
            return self._open(), np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), self._infos()
        self._own[:] = played.reshape(self._own.shape)
        step = self.batch.step(self._played)
        self._over = step.truncated
        reward, terminated = step.reward[:, self._seats].flatten(), step.terminated[:, self._seats].flatten()
        if step.truncated and self.batch.environment.close_terminates:
            terminated[:] = True
        truncated = step.truncated & ~terminated
        return self._rows(step.observation), reward, terminated, truncated, self._infos()

    def _read(self, actions: Any) -> Floats:
        """Return the numbers of actions (num_envs, action size); raises ActionError for another shape."""
        single: Any = self.single_action_space
        try:
            played = flatten_action(actions, single)
        except (ValueError, TypeError) as error:
            raise ActionError(f"actions cannot be read: {error}; it must be of {self.action_space}") from error
        mixed = isinstance(single, gymnasium.spaces.Tuple)
        wanted = (self.num_envs, self._own.shape[-1]) if mixed else self.action_space.shape
        if played.shape != wanted:
            raise ActionError(f"actions has shape {played.shape}; it must be {wanted}")
        return played

    def _open(self) -> Floats:
        """Reset every market with its next seed and return the first observations."""
        self._over = False
        return self._rows(self.batch.reset(self._episodes.next_seeds()))

    def _seeds(self, seed: int | Sequence[int]) -> Sequence[int]:
        """Return one seed for each market."""
        markets = self.batch.markets.size
        seeds = [seed + market for market in range(markets)] if isinstance(seed, int | np.integer) else seed
        if len(seeds) != markets:
            raise ValueError(f"seed has {len(seeds)} entries; {markets} markets need one each")
        return seeds

    def _rows(self, observation: Floats) -> Floats:
        """Return a copy of (markets, seats, size) as (num_envs, size)."""
        return observation.copy().reshape(self.num_envs, -1)

    def _infos(self) -> dict[str, Any]:
        """Return the infos: action masks, where actions have them."""
        if self._choices == 0:
            return {}
        mask = self.batch.mask[..., : self._choices].astype(np.int8).reshape(self.num_envs, -1)
        return {"action_mask": mask, "_action_mask": np.ones(self.num_envs, np.bool_)}
