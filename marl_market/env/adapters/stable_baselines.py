"""FocalEnv as a vector environment of Stable-Baselines3, which must be installed to import this module.

`PPO("MlpPolicy", StableBaselinesEnv(FocalEnv(environment, markets=32))).learn(100_000)` trains the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from marl_market.env.vector_env import FocalEnv
from marl_market.market.validation import require


class StableBaselinesEnv(VecEnv):
    """A `FocalEnv` that resets in the step that ends a session, as Stable-Baselines3 wants it.

    The last observation of an episode is "terminal_observation" in the info of its row, and "TimeLimit.truncated" says
    whether its value is to be bootstrapped. `env_method("action_masks")` returns the legal choices of each row, which
    MaskablePPO of sb3-contrib asks for.

    Attributes:
        env: the wrapped environment.
    """

    def __init__(self, env: FocalEnv) -> None:
        """Wrap `env`.

        Raises ConfigError where seats sleep, arrive or depart: Stable-Baselines3 learns from every row, also from one
        whose action is not played.
        """
        require(isinstance(env, FocalEnv), "env", env, "a FocalEnv")
        environment = env.batch.environment
        wanted = "every_step; Stable-Baselines3 learns from the actions of agents that sleep, too"
        require(environment.timing.choices == 0, "timing", environment.timing, wanted)
        participation = next(group for group in environment.groups if group.name == env.group).participation
        wanted = "None; Stable-Baselines3 learns from the actions of seats that are not in the market, too"
        require(participation is None, f"population.{env.group}.participation", participation, wanted)
        self.env = env
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> NDArray[np.float32]:
        """Reset all rows, from the seed that `seed` has set since the last reset, and return their observations."""
        seeds = self._seeds[: self.env.batch.markets.size]
        observation, infos = self.env.reset(seed=None if seeds[0] is None else seeds)
        self.reset_infos = self._rows(infos)
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: Any) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Step all rows; return observations, rewards, ends of episodes and infos."""
        observation, reward, terminated, truncated, infos = self.env.step(self._actions)
        done, last = terminated | truncated, observation
        if self.env.over:
            observation, *_, infos = self.env.step(self._actions)
        rows = self._rows(infos)
        for row in np.flatnonzero(done).tolist():
            rows[row]["terminal_observation"] = last[row]
            rows[row]["TimeLimit.truncated"] = bool(truncated[row])
        return observation, reward, done, rows

    def close(self) -> None:
        """Close the wrapped environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the wrapped environment, once for each row."""
        if attr_name == "action_masks":
            self.env.action_masks()
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the wrapped environment, which is one for all rows."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Return the rows of "action_masks", or the result of another method of the environment, for each row."""
        result = getattr(self.env, method_name)(*method_args, **method_kwargs)
        return [result[row] if method_name == "action_masks" else result for row in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Return that no row has a wrapper of its own."""
        return [False for _ in self._get_indices(indices)]

    def _rows(self, infos: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the action mask of each row as its info; empty ones without masks."""
        if "action_mask" not in infos:
            return [{} for _ in range(self.num_envs)]
        return [{"action_mask": mask} for mask in infos["action_mask"]]

    def _get_indices(self, indices: int | Sequence[int] | None) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else indices
