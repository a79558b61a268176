"""The sampler as an `EnvRunner`: unmodified Algorithms of RLlib sample whole batches of markets with it."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from typing import Any

import gymnasium
import numpy as np
import ray
import torch
from ray.rllib.callbacks.utils import make_callback
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
from ray.rllib.utils import force_list
from ray.rllib.utils import metrics as names
from ray.rllib.utils.replay_buffers import MultiAgentEpisodeReplayBuffer

from marl_market.agents.rllib.internals import WeightsOfRunner, has_env_connectors, has_learner_connector
from marl_market.agents.rllib.learners.learner import observation_space
from marl_market.agents.rllib.native.episodes import add_seat
from marl_market.agents.rllib.native.rl_module_policy import RLModulePolicy
from marl_market.agents.sampling.sampler import Sampler
from marl_market.env.batch_market import BatchMarket
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.interface.spaces import ActionSpace
from marl_market.market.seeding import fresh_seed

_logger = logging.getLogger(__name__)

SETTINGS = {"environment", "markets", "threads"}
NAMES = {
    "agent": (
        names.NUM_AGENT_STEPS_SAMPLED,
        names.NUM_AGENT_STEPS_SAMPLED_LIFETIME,
        names.EPISODE_AGENT_RETURN_MEAN,
    ),
    "module": (
        names.NUM_MODULE_STEPS_SAMPLED,
        names.NUM_MODULE_STEPS_SAMPLED_LIFETIME,
        names.EPISODE_MODULE_RETURN_MEAN,
    ),
}
"""RLlib's names of the steps of a session, all steps and the mean return, of an agent and of a module."""
Spaces = dict[str, tuple[gymnasium.Space[Any], gymnasium.Space[Any]]]


def group_of(agent: str, *_: object, **__: object) -> str:
    """Return the group of agent "<group>_<number>": a policy mapping of one policy per group."""
    return agent.rsplit("_", 1)[0]


def external_groups(environment: EnvironmentSpec) -> dict[str, range]:
    """Return the seats of each external group, by name."""
    external = [group.name for group in environment.groups if group.agent.trader is None]
    return {name: range(*environment.seats_of(name).indices(environment.seats)) for name in external}


class MarketEnvRunner(WeightsOfRunner, EnvRunner):
    """Sample sessions of many markets for an RLlib Algorithm; one RLModule plays each external group.

    `config.environment(env_config=...)` takes "environment", a `marl_market.env.environment.EnvironmentSpec`, and may
    take "markets" of one batch (32) and "threads" that step them (1). The agents of each market are those of
    `marl_market.env.parallel_env.MarketEnv`, "<group>_<number>"; the policy mapping may choose another policy for a
    group in each session, but one for all its seats. `MarketEnvRunner.policies(environment)` are the arguments of
    `config.multi_agent` for one policy per group.

    A call to `sample` plays whole sessions, at least the number of steps or episodes of its arguments, and returns one
    MultiAgentEpisode per market. There are no connectors between environment and module; those of learners run.

    Where a decision timing lets agents sleep, the rewards of slept steps are discounted by their distance from the
    decision, and `config.learners(learner_connector=discount_by_elapsed_time)`, of
    `marl_market.agents.rllib.native.elapsed_time`, lets RLlib discount the next value by the elapsed steps likewise.
    """

    def __init__(self, config: Any, **kwargs: Any) -> None:
        """Read the configuration; raises ValueError for one that it cannot sample with."""
        super().__init__(config=config, **kwargs)
        self._environment, self._markets, self._threads = _settings(self.config)
        self._groups = external_groups(self._environment)
        self._sleeps = self._environment.timing.choices > 0
        self._session_steps = self._markets * self._environment.spec.session_steps
        self._sampling_seed = fresh_seed() if self._seed is None else self._seed
        self._callbacks = [callback() for callback in force_list(self.config.callbacks_class)]
        self._actors = {name: RLModulePolicy() for name in self._groups}
        self._sampler: Sampler | None = None
        self._sessions = 0
        self.module: Any = None
        self.make_module()

    @staticmethod
    def policies(environment: EnvironmentSpec) -> dict[str, Any]:
        """Return the arguments of `config.multi_agent` for one policy per external group."""
        return {"policies": set(external_groups(environment)), "policy_mapping_fn": group_of}

    def make_module(self) -> None:
        """Build the modules of the configuration."""
        specification = self.config.get_multi_rl_module_spec(spaces=self.get_spaces(), inference_only=True)
        self.module = specification.build()

    def assert_healthy(self) -> None:
        """Raise AssertionError without modules to sample with."""
        assert self.module is not None

    def get_spaces(self) -> Spaces:
        """Return the spaces of the environment and of each module that the policy mapping may choose."""
        observation = observation_space(self._environment.observation_size)
        actions = {agent: self._space_of(name) for name in self._groups for agent in self._environment.agents_of(name)}
        observations = gymnasium.spaces.Dict(dict.fromkeys(actions, observation))
        whole = (observations, gymnasium.spaces.Dict(dict(actions)))
        episode = self._new_episode()
        mapped: Spaces = {str(episode.module_for(agent)): (observation, space) for agent, space in actions.items()}
        first, *others = actions.values()
        if all(space == first for space in others):
            mapped = {**dict.fromkeys(self.config.policies, (observation, first)), **mapped}
        return {INPUT_ENV_SPACES: whole, INPUT_ENV_SINGLE_SPACES: whole, **mapped}

    def sample(
        self,
        *,
        num_timesteps: int | None = None,
        num_episodes: int | None = None,
        explore: bool | None = None,
        random_actions: bool = False,
        **_: Any,
    ) -> list[MultiAgentEpisode]:
        """Return the episodes of whole sessions: one session, or the fewest that reach the wanted number.

        Args:
            num_timesteps: least number of steps of all markets together.
            num_episodes: least number of episodes.
            explore: whether modules explore; None: as configured.
            random_actions: whether actions are sampled uniformly from their spaces.
        """
        newer = self.newer_state()
        if newer is not None:
            self.set_state(newer)
        sessions = math.ceil((num_timesteps or 1) / self._session_steps)
        if num_episodes is not None:
            sessions = math.ceil(num_episodes / self._markets)
        for actor in self._actors.values():
            actor.explore = bool(self.config.explore if explore is None else explore)
            actor.random = random_actions
            actor.env_steps = self.num_env_steps_sampled_lifetime
        self.metrics.log_value(names.WEIGHTS_SEQ_NO, self.weights_version, window=1)
        with self.metrics.log_time(names.SAMPLE_TIMER):
            episodes = [episode for _ in range(sessions) for episode in self._play_session()]
        self._call("on_sample_end", samples=episodes)
        return episodes

    def _play_session(self) -> list[MultiAgentEpisode]:
        """Play the next session in every market, log it and return its episodes."""
        if self._sampler is None:
            batch = BatchMarket(self._environment, self._markets, self._threads)
            self._sampler = Sampler(batch, self._actors, self._sampling_seed, pairs=False)
        mapping = self._map_groups()
        for name, actor in self._actors.items():
            actor.module = self.module[mapping[name]]
            if isinstance(actor.module, torch.nn.Module):
                actor.module.eval()
        session = self._sampler.sample(self._sessions)
        returns: dict[tuple[int, str], float] = {}
        self._sessions += 1
        modules = {agent: mapping[name] for name in self._groups for agent in self._environment.agents_of(name)}
        episodes = [self._new_episode(modules) for _ in range(self._markets)]
        for name, rollout in session.rollouts.items():
            agents, space = self._environment.agents_of(name), self._space_of(name)
            discount = self.config.get_config_for_module(mapping[name]).gamma if self._sleeps else None
            for row in range(self._markets * len(agents)):
                market, number = divmod(row, len(agents))
                module = self._actors[name].module
                add_seat(episodes[market], agents[number], rollout, row, space, module, discount)
                returns[market, agents[number]] = float(rollout.reward[:, row].sum())
        for number, episode in enumerate(episodes):
            episode.env_t = self._environment.spec.session_steps
            episode.is_terminated = self._environment.close_terminates
            episode.is_truncated = not episode.is_terminated
            self._call("on_episode_end", episode=episode, prev_episode_chunks=[], env=None, env_index=number)
        self._log(episodes, returns)
        # A market without any decision has nothing to learn from.
        return [episode for episode in episodes if episode.agent_episodes]

    def _map_groups(self) -> dict[str, str]:
        """Return the module of each group for the next session; raises ValueError where its seats disagree."""
        episode = self._new_episode()
        mapping = {}
        for name in self._groups:
            modules = {agent: str(episode.module_for(agent)) for agent in self._environment.agents_of(name)}
            if len(set(modules.values())) > 1:
                raise ValueError(
                    f"policy_mapping_fn maps the seats of population.{name} to {modules}; MarketEnvRunner plays a "
                    "group by one policy: make a group of each"
                )
            mapping[name] = modules[self._environment.agents_of(name)[0]]
        return mapping

    def _log(self, episodes: list[MultiAgentEpisode], return_of: Mapping[tuple[int, str], float]) -> None:
        """Log steps and undiscounted returns, by market and agent, under the names of RLlib's own runners."""
        metrics, count = self.metrics, len(episodes)
        metrics.log_value(names.NUM_ENV_STEPS_SAMPLED, self._session_steps, reduce="sum")
        metrics.log_value(
            names.NUM_ENV_STEPS_SAMPLED_LIFETIME, self._session_steps, reduce="lifetime_sum", with_throughput=True
        )
        metrics.log_value(names.NUM_EPISODES, count, reduce="sum")
        metrics.log_value(names.NUM_EPISODES_LIFETIME, count, reduce="lifetime_sum")
        steps_of: dict[tuple[str, str], int] = {}
        returns_of: dict[tuple[str, str], dict[int, float]] = {}
        for number, episode in enumerate(episodes):
            for agent, seat in episode.agent_episodes.items():
                for key in (("agent", str(agent)), ("module", str(seat.module_id))):
                    steps_of[key] = steps_of.get(key, 0) + len(seat)
                    returns = returns_of.setdefault(key, {})
                    returns[number] = returns.get(number, 0.0) + return_of[number, str(agent)]
        for (kind, name), steps in steps_of.items():
            of_session, lifetime, _ = NAMES[kind]
            metrics.log_value((of_session, name), steps, reduce="sum")
            metrics.log_value((lifetime, name), steps, reduce="lifetime_sum")
        # One value a session, the mean over its markets: the window counts sessions.
        runners = self.config.num_env_runners or 1
        window = max(1, math.ceil(self.config.metrics_num_episodes_for_smoothing / (runners * count)))
        for (kind, name), returns in returns_of.items():
            metrics.log_value((NAMES[kind][2], name), float(np.mean(list(returns.values()))), window=window)
        whole = [
            sum(return_of[number, str(agent)] for agent in episode.agent_episodes)
            for number, episode in enumerate(episodes)
        ]
        length = self._environment.spec.session_steps
        for reduce, key_of_return, key_of_length, best in (
            ("mean", names.EPISODE_RETURN_MEAN, names.EPISODE_LEN_MEAN, np.mean(whole)),
            ("min", names.EPISODE_RETURN_MIN, names.EPISODE_LEN_MIN, min(whole)),
            ("max", names.EPISODE_RETURN_MAX, names.EPISODE_LEN_MAX, max(whole)),
        ):
            metrics.log_dict({key_of_return: float(best), key_of_length: length}, reduce=reduce, window=window)

    def _call(self, event: str, **arguments: Any) -> None:
        """Call the user's callbacks of an event."""
        make_callback(
            event,
            callbacks_objects=self._callbacks,
            callbacks_functions=getattr(self.config, f"callbacks_{event}"),
            kwargs={"env_runner": self, "metrics_logger": self.metrics, **arguments},
        )

    def get_metrics(self) -> Any:
        """Return the metrics logged since the last call."""
        return self.metrics.reduce()

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return weights and counters; no connectors, or RLlib would merge missing ones."""
        state: dict[str, Any] = {names.NUM_ENV_STEPS_SAMPLED_LIFETIME: self.num_env_steps_sampled_lifetime}
        if self.has_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(
                components=self.parts_of_component(COMPONENT_RL_MODULE, components),
                not_components=self.parts_of_component(COMPONENT_RL_MODULE, not_components),
                **kwargs,
            )
            state[names.WEIGHTS_SEQ_NO] = self.weights_version
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over counters, and weights that are newer or of version 0.

        A runner that has not sampled yet continues after the sessions that the counters count.
        """
        if COMPONENT_RL_MODULE in state:
            version = state.get(names.WEIGHTS_SEQ_NO, 0)
            if version == 0 or self.weights_version < version:
                weights = state[COMPONENT_RL_MODULE]
                self.module.set_state(ray.get(weights) if isinstance(weights, ray.ObjectRef) else weights)
            self.weights_version = max(self.weights_version, version)
        if names.NUM_ENV_STEPS_SAMPLED_LIFETIME in state:
            self.num_env_steps_sampled_lifetime = state[names.NUM_ENV_STEPS_SAMPLED_LIFETIME]
            if self._sampler is None:
                self._sessions = math.ceil(self.num_env_steps_sampled_lifetime / self._session_steps)

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that build a runner like this one."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """Return the modules, which RLlib saves separately."""
        return [(COMPONENT_RL_MODULE, self.module)]

    def _new_episode(self, modules: Mapping[str, str] | None = None) -> MultiAgentEpisode:
        mapping: Any = self.config.policy_mapping_fn
        return MultiAgentEpisode(agent_module_ids=dict[Any, str](modules or {}), agent_to_module_mapping_fn=mapping)

    def _space_of(self, group: str) -> ActionSpace:
        return self._environment.action_of(group).space


def _require_multi_agent_buffer(config: Any) -> None:
    """Raise ValueError for an off-policy config whose replay buffer cannot hold the episodes of several agents."""
    kind = (getattr(config, "replay_buffer_config", None) or {}).get("type")
    if kind is None:
        return
    name = kind if isinstance(kind, str) else kind.__name__
    by_name = name.rpartition(".")[2].startswith("MultiAgent") and "Episode" in name
    if not (by_name if isinstance(kind, str) else issubclass(kind, MultiAgentEpisodeReplayBuffer)):
        raise ValueError(
            f"replay_buffer_config has the type {name}, which holds episodes of one agent; MarketEnvRunner needs "
            'config.training(replay_buffer_config={"type": "MultiAgentEpisodeReplayBuffer"})'
        )


def _settings(config: Any) -> tuple[EnvironmentSpec, int, int]:
    """Return environment, markets and threads of an AlgorithmConfig; raises ValueError for wrong settings."""
    given = dict(config.env_config)
    if not isinstance(given.get("environment"), EnvironmentSpec) or not set(given) <= SETTINGS:
        raise ValueError(
            f"env_config has {sorted(given)}; it must have 'environment', a "
            "marl_market.env.environment.EnvironmentSpec, and may have 'markets' and 'threads'"
        )
    environment = given["environment"]
    if not external_groups(environment):
        raise ValueError("population has no external group; MarketEnvRunner needs seats of external agents")
    for group in environment.groups:
        if group.agent.traits.parameters_per == "market":
            raise ValueError(f"population.{group.name} is still evolving; MarketEnvRunner needs a policy that plays")
    if has_env_connectors(config):
        raise ValueError(
            "config has connectors between environment and module; MarketEnvRunner does not run them: put what they do "
            "into the observation and action schemes of the environment"
        )
    _require_multi_agent_buffer(config)
    if environment.timing.choices > 0 and not has_learner_connector(config):
        _logger.warning(
            "timing lets agents sleep, and RLlib discounts by one step from decision to decision: say "
            "config.learners(learner_connector=discount_by_elapsed_time), of marl_market.agents.rllib.native."
            "elapsed_time, to discount by the elapsed steps"
        )
    if not config.is_multi_agent:
        raise ValueError(
            "config has no policies for the groups of a market; say "
            "config.multi_agent(**MarketEnvRunner.policies(environment))"
        )
    return environment, given.get("markets", 32), given.get("threads", 1)
