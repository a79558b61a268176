"""One market for RLlib's own env runners: the stock path, and the reference of the batched one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium.spaces import Dict
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

from marl_market.env.environment import EnvironmentSpec
from marl_market.env.parallel_env import MarketEnv


class MultiAgentMarket(ParallelPettingZooEnv):
    """`MarketEnv` in RLlib's PettingZoo wrapper, which supports only agents that are present at the first reset.

    Here agents may also arrive later. The episode ends with the session, or where all agents that have arrived have
    departed: RLlib ends it there, so that later arrivals take no part.
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
        self._arrived: set[str] = set()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Open a session and return the observations and infos of the first active agents."""
        returned = super().reset(seed=seed, options=options)
        self._arrived = set(self.par_env.agents)
        self.agents = list(self.par_env.agents)
        return returned

    def step(self, action_dict: dict[Any, Any]) -> tuple[Any, ...]:
        """Play one action of each agent that was given an observation."""
        returned = super().step(action_dict)
        over = self._arrived.isdisjoint(self.par_env.agents)
        if over:
            returned = tuple(
                {agent: value for agent, value in part.items() if agent in self._arrived} for part in returned
            )
        _, _, terminateds, truncateds, _ = returned
        terminateds["__all__"], truncateds["__all__"] = False, over
        self._arrived |= set(self.par_env.agents)
        self.agents = [] if over else list(self.par_env.agents)
        return returned
