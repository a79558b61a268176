"""FocalEnv: the learning of one group as a gymnasium vector environment."""

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
from marl_market.env.episode_seeds import Sessions
from marl_market.env.interface.schemes import mask_size_of
from marl_market.env.interface.spaces import flatten_action

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Stepped = tuple[Floats, Floats, Flags, Flags, dict[str, Any]]


class FocalEnv(VectorEnv[Floats, NDArray[Any], NDArray[Any]]):
    """The external group of `BatchMarket`, each of its seats in each market a sub-environment; all others play inside.

    | Sub-environments | markets x seats of the group; seat s of market m is number m * seats + s                    |
    | Observations     | Box of shape (num_envs, observation size), float32, see `marl_market.env.observations`      |
    | Actions          | the space of the group's action scheme, batched as gymnasium does                           |
    | Rewards          | (num_envs,) float32, see `marl_market.env.rewards`                                          |
    | Infos            | "action_mask" (num_envs, choices) int8 where actions are discrete, those of each number     |
    |                  | of the action in turn                                                                       |

    Sub-environments of one market trade with each other, so that they are no independent samples; those of different
    markets are. All sessions end together, by truncation after `session_steps` steps. The step after that plays
    nothing: it opens the next sessions and returns their first observations and rewards of zero (gymnasium's
    AutoresetMode.NEXT_STEP, the only one in which its `RecordEpisodeStatistics` counts every reward).

    Attributes:
        batch: the markets.
        group: name of the group that learns.
    """

    def __init__(self, environment: EnvironmentSpec, markets: int, threads: int = 1) -> None:
        """Build `markets` markets; `threads` above one shares them out over cores.

        Raises ValueError unless one group is external, naming those that are, and where a group is still evolving.
        """
        self.batch = BatchMarket(environment, markets, threads)
        seated = {group.name: environment.seats_of(group.name) for group in environment.groups}
        names = [name for name, seats in seated.items() if seats.start in self.batch.external]
        if len(names) != 1:
            raise ValueError(
                f"population has {len(names)} external groups {names}; FocalEnv needs exactly one, "
                "the others must be scripted or frozen"
            )
        for group in environment.groups:
            if group.agent.traits.parameters_per == "market":
                raise ValueError(f"population.{group.name} is still evolving; FocalEnv needs a policy that plays")
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}
        self.group = names[0]
        self._seats = seated[self.group]
        self._sessions = Sessions(markets)
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
        """Open a session in every market and return the first observations.

        Args:
            seed: market i begins from `seed + i`, or from `seed[i]` of a list, which then has one for each market;
                None goes on to another session of the last seeds. A market of a seed plays the session that
                `MarketEnv` plays from it.
            options: not used; raises ValueError for gymnasium's "reset_mask", since all sessions run together.
        """
        if options is not None and "reset_mask" in options:
            raise ValueError("options has a reset_mask; all sub-environments share a session and reset together")
        if seed is not None:
            self._sessions.begin(self._seeds(seed))
        return self._open(), self._infos()

    def step(self, actions: Any) -> Stepped:
        """Play one action for each sub-environment, or open the next sessions where the last ones have ended.

        Raises ActionError, before anything is played, for another shape than the action space's or a value that no
        seat can play, and RuntimeError before the first reset.
        """
        played = self._read(actions)
        if self._over:
            nothing = np.zeros(self.num_envs, np.bool_)
            return self._open(), np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), self._infos()
        self._own[:] = played.reshape(self._own.shape)
        step = self.batch.step(self._played)
        self._over = step.truncated
        reward, terminated = step.reward[:, self._seats].flatten(), step.terminated[:, self._seats].flatten()
        truncated = np.full(self.num_envs, step.truncated)
        return self._rows(step.observation), reward, terminated, truncated, self._infos()

    def _read(self, actions: Any) -> Floats:
        """Return the numbers of actions; raises ActionError where they are not those of every sub-environment."""
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
        """Open the session that follows in every market and return the first observations."""
        self._over = False
        return self._rows(self.batch.reset(self._sessions.following()))

    def _seeds(self, seed: int | Sequence[int]) -> Sequence[int]:
        """Return one seed for each market."""
        markets = self.batch.markets.size
        seeds = [seed + market for market in range(markets)] if isinstance(seed, int | np.integer) else seed
        if len(seeds) != markets:
            raise ValueError(f"seed has {len(seeds)} entries; {markets} markets need one each")
        return seeds

    def _rows(self, observation: Floats) -> Floats:
        """Return a copy of (markets, seats, size) with a row for each sub-environment."""
        return observation.copy().reshape(self.num_envs, -1)

    def _infos(self) -> dict[str, Any]:
        """Return the action masks, where actions have them."""
        if self._choices == 0:
            return {}
        mask = self.batch.mask[..., : self._choices].astype(np.int8).reshape(self.num_envs, -1)
        return {"action_mask": mask, "_action_mask": np.ones(self.num_envs, np.bool_)}
