"""One market as RLlib's own runners step it: the stock path, and what the batched one is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium.spaces import Dict
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv


class MultiAgentMarket(ParallelPettingZooEnv):
    """`MarketEnv` behind RLlib's PettingZoo wrapper, which knows only agents that are there from the first reset.

    Here agents may also come later, and the episode is over when the session is, or before, where everybody who has
    come has left: RLlib ends it there, so that who comes afterwards takes no part.
    """

    def __init__(self, config: Mapping[str, EnvironmentSpec]) -> None:
        """Build the market of `config["environment"]`."""
        super().__init__(MarketEnv(config["environment"]))
        agents = self.par_env.possible_agents
        self.possible_agents = list(agents)
        observations = {agent: self.par_env.observation_space(agent) for agent in agents}
        actions = {agent: self.par_env.action_space(agent) for agent in agents}
        self.observation_spaces, self.action_spaces = observations, actions
        self.observation_space, self.action_space = Dict(observations), Dict(actions)
        self._met: set[str] = set()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Open a session and return the observations and infos of the agents that act first."""
        handed = super().reset(seed=seed, options=options)
        self._met = set(self.par_env.agents)
        self.agents = list(self.par_env.agents)
        return handed

    def step(self, action_dict: dict[Any, Any]) -> tuple[Any, ...]:
        """Play one action for each agent that was given an observation."""
        handed = super().step(action_dict)
        over = self._met.isdisjoint(self.par_env.agents)
        if over:
            handed = tuple({agent: value for agent, value in part.items() if agent in self._met} for part in handed)
        _, _, terminateds, truncateds, _ = handed
        terminateds["__all__"], truncateds["__all__"] = False, over
        self._met |= set(self.par_env.agents)
        self.agents = [] if over else list(self.par_env.agents)
        return handed
