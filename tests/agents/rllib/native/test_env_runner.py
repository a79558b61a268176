"""The batched sampler under RLlib's unmodified algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch
from gymnasium.spaces import Discrete
from ray import tune
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.appo import APPOConfig
from ray.rllib.algorithms.dqn import DQNConfig
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.algorithms.sac import SACConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.replay_buffers import EpisodeReplayBuffer
from torch.utils._pytree import tree_leaves

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.rllib.batches.advantages import generalized_advantages
from marl_market.agents.rllib.learners.process import prepare_process
from marl_market.agents.rllib.native.elapsed_time import ElapsedReplayBuffer, discount_by_elapsed_time
from marl_market.agents.rllib.native.env_runner import MarketEnvRunner, group_of
from marl_market.agents.rllib.networks.masked_module import MaskedPPOModule
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.actions.quotes import Quotes
from marl_market.env.environment import EnvironmentSpec
from marl_market.env.observations.account import Account
from marl_market.env.observations.clock import Clock
from marl_market.env.parallel_env import MarketEnv
from marl_market.env.population.group import External, Group
from marl_market.env.population.participation import Participation, Uniform
from marl_market.env.timing.chosen_delay import ChosenDelay
from marl_market.market.seeding import Stream, derive_keys
from tests.builders import environment

MARKETS, STEPS = 6, 12


def under_ray(test: Any) -> Any:
    """Mark a test that starts Ray; what RLlib and Tune warn of while they start is no concern of ours."""
    return pytest.mark.ray(pytest.mark.filterwarnings("ignore")(test))


STAYING = ["staying_0", "staying_1"]


def visited(**changes: Any) -> EnvironmentSpec:
    """Return a market in which two seats stay, and three arrive at any time and mostly depart before the close."""
    groups = [
        Group("staying", External(), 2),
        Group("noise", ZeroIntelligence(), 4),
        Group("passing", External(), 3, Participation(Uniform(0, 8), Uniform(1, 6))),
    ]
    return environment(**{"groups": groups, **changes})


def configured(described: EnvironmentSpec, configuration: Any = None, **runners: Any) -> Any:
    return (
        (configuration or PPOConfig())
        .environment(env_config={"environment": described, "markets": MARKETS})
        .env_runners(**{"env_runner_cls": MarketEnvRunner, "num_env_runners": 0, **runners})
        .multi_agent(**MarketEnvRunner.policies(described))
        .training(train_batch_size_per_learner=MARKETS * STEPS, minibatch_size=32, num_epochs=1)
        .debugging(seed=5, log_level="ERROR")
    )


def configured_off_policy(described: EnvironmentSpec, configuration: Any) -> Any:
    return (
        configuration()
        .environment(env_config={"environment": described, "markets": MARKETS})
        .env_runners(env_runner_cls=MarketEnvRunner, num_env_runners=0)
        .multi_agent(**MarketEnvRunner.policies(described))
        .debugging(seed=5, log_level="ERROR")
    )


def runner(described: EnvironmentSpec, **changes: Any) -> MarketEnvRunner:
    return MarketEnvRunner(configured(described, **changes))


def played_again(described: EnvironmentSpec, market: int, episodes: list[Any]) -> dict[str, list[Any]]:
    """Return what `MarketEnv` hands each agent of a market of the first session for the actions of the episodes."""
    seeds = derive_keys(5, Stream.SAMPLE, 0, count=MARKETS)
    env = MarketEnv(described)
    env._episodes.next_seeds = lambda: [int(seeds[market])]
    observations, _ = env.reset()
    data = {agent: seat.actions.data for agent, seat in episodes[market].agent_episodes.items()}
    actions = {
        agent: zip(*each, strict=True) if isinstance(each, tuple) else iter(each) for agent, each in data.items()
    }
    returned: dict[str, list[Any]] = {agent: [observed] for agent, observed in observations.items()}
    ended: set[str] = set()
    while env.agents:
        asked = {agent: next(actions[agent]) for agent in observations if agent not in ended}
        observations, rewards, terminations, truncations, _ = env.step(asked)
        ended |= {agent for agent in terminations if terminations[agent] or truncations[agent]}
        for agent, observed in observations.items():
            if agent in returned:
                returned[agent].append((observed, rewards[agent], terminations[agent], truncations[agent]))
            else:
                returned[agent] = [observed]
    return returned


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"observation": {"account": Account()}},
        {"timing": ChosenDelay((1, 2, 4))},
        {"timing": ChosenDelay((1, 2, 4)), "observation": {"account": Account()}},
        {"action": LimitGrid()},
        {"action": OrderMixed()},
    ],
)
def test_episodes_equal_those_of_the_pettingzoo_market(changes: dict[str, Any]) -> None:
    described = visited(**changes)
    episodes = MarketEnvRunner(configured(described).training(gamma=1.0)).sample()
    assert len(episodes) == MARKETS
    clock = "clock" in described.observation
    assert all(len(episode) == STEPS and episode.is_terminated == clock for episode in episodes)
    assert all(episode.is_truncated != clock for episode in episodes)
    joined_late = left = 0
    for market, episode in enumerate(episodes):
        returned = played_again(described, market, episodes)
        assert set(returned) == set(episode.agent_episodes)
        for agent, seat in episode.agent_episodes.items():
            first, *steps = returned[agent]
            assert len(seat) == len(steps) > 0
            np.testing.assert_array_equal(seat.observations.data, [first, *(step[0] for step in steps)])
            np.testing.assert_allclose(seat.rewards.data, [step[1] for step in steps], atol=1e-6)
            assert [step[2] for step in steps] == [False] * (len(steps) - 1) + [seat.is_terminated]
            assert [step[3] for step in steps] == [False] * (len(steps) - 1) + [seat.is_truncated]
            assert seat.module_id == group_of(agent) == episode.module_for(agent)
            places = episode.env_t_to_agent_t[agent].data
            assert [place for place in places if place != "S"] == list(range(len(seat) + 1))
            joined_late += places[0] == "S"
            left += len(places) - 1 - places[::-1].index(len(seat)) < STEPS
            assert seat.is_terminated != seat.is_truncated
    assert joined_late > 0
    assert left > 0


def test_log_probabilities_are_those_of_the_module() -> None:
    sampling = runner(visited(action=LimitGrid()))
    for episode in sampling.sample()[:2]:
        for seat in episode.agent_episodes.values():
            module = sampling.module[seat.module_id]
            output = module._forward_inference({Columns.OBS: torch.from_numpy(seat.observations.data[:-1])})
            distribution = module.get_exploration_action_dist_cls().from_logits(output[Columns.ACTION_DIST_INPUTS])
            logp = distribution.logp(torch.from_numpy(seat.actions.data)).detach().numpy()
            np.testing.assert_allclose(seat.extra_model_outputs[Columns.ACTION_LOGP].data, logp, atol=1e-5)


def test_a_masked_module_plays_no_masked_choice_and_its_learner_gets_the_mask() -> None:
    described = visited(action=LimitGrid())
    settings = configured(described).rl_module(rl_module_spec=RLModuleSpec(module_class=MaskedPPOModule))
    masked = 0
    for episode in MarketEnvRunner(settings).sample():
        for seat in episode.agent_episodes.values():
            mask = seat.extra_model_outputs["action_mask"].data
            assert mask[np.arange(len(mask)), seat.actions.data].all()
            masked += (mask == 0).sum()
    assert masked > 0


def test_without_exploring_the_same_session_goes_the_same_way_and_random_actions_fill_the_space() -> None:
    described = environment(action=LimitGrid())
    first, second = (
        [episode.agent_episodes["outside_0"].actions.data for episode in runner(described).sample(explore=False)]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    sampling = runner(described)
    assert isinstance(sampling.module["outside"].action_space, Discrete)
    played = [
        seat.actions.data
        for episode in sampling.sample(num_episodes=4 * MARKETS, random_actions=True)
        for seat in episode.agent_episodes.values()
    ]
    assert set(np.concatenate(played)) == set(range(int(sampling.module["outside"].action_space.n)))


@pytest.mark.parametrize(
    ("asked", "sessions"),
    [
        ({}, 1),
        ({"num_timesteps": MARKETS * STEPS + 1}, 2),
        ({"num_episodes": 3 * MARKETS}, 3),
        ({"num_episodes": 1}, 1),
    ],
)
def test_a_call_plays_as_many_sessions_as_it_takes(asked: dict[str, int], sessions: int) -> None:
    sampling = runner(environment())
    episodes = sampling.sample(**asked)
    assert len(episodes) == sessions * MARKETS
    assert len({episode.id_ for episode in episodes}) == len(episodes)
    opening = [episode.agent_episodes["outside_0"].observations.data[0].tobytes() for episode in episodes]
    assert len(set(opening)) == len(episodes)
    found = sampling.get_metrics()
    assert found["num_env_steps_sampled"].peek() == sessions * MARKETS * STEPS
    assert found["num_episodes"].peek() == sessions * MARKETS


def test_metrics_are_those_of_rllib() -> None:
    sampling = runner(visited())
    episodes = sampling.sample()
    found = sampling.get_metrics()
    returns = [sum(seat.get_return() for seat in episode.agent_episodes.values()) for episode in episodes]
    assert found["episode_return_mean"].peek() == pytest.approx(np.mean(returns), rel=1e-5)
    assert found["episode_return_max"].peek() == pytest.approx(max(returns), rel=1e-5)
    for agent in (*STAYING, "passing_0"):
        seats = [e.agent_episodes[agent] for e in episodes if agent in e.agent_episodes]
        own = found["agent_episode_returns_mean"][agent].peek()
        assert own == pytest.approx(np.mean([seat.get_return() for seat in seats]), rel=1e-5)
        assert found["num_agent_steps_sampled"][agent].peek() == sum(map(len, seats))
    stayed = [sum(episode.agent_episodes[agent].get_return() for agent in STAYING) for episode in episodes]
    assert found["module_episode_returns_mean"]["staying"].peek() == pytest.approx(np.mean(stayed), rel=1e-5)


def test_newer_weights_are_taken_and_older_ones_are_not() -> None:
    sampling, other = runner(environment()), runner(environment())
    given = other.get_state()
    with torch.no_grad():
        for weights in given["rl_module"]["outside"].values():
            weights += 1
    before = sampling.get_state()["rl_module"]["outside"]
    name = next(iter(before))
    sampling._weights_seq_no = 3
    for version, taken in ((2, False), (4, True)):
        sampling.set_state({**given, "weights_seq_no": version})
        now = sampling.get_state()["rl_module"]["outside"][name]
        assert bool((now == given["rl_module"]["outside"][name]).all()) == taken
    assert sampling.get_state()["weights_seq_no"] == 4
    assert not {"env_to_module_connector", "module_to_env_connector"} & set(sampling.get_state())


def test_a_new_runner_goes_on_behind_the_sessions_that_were_sampled() -> None:
    sampling = runner(environment())
    both = [sampling.sample(explore=False) for _ in range(2)]
    later = runner(environment())
    later.set_state(sampling.get_state() | {"num_env_steps_sampled_lifetime": MARKETS * STEPS})
    again = later.sample(explore=False)
    for mine, theirs in zip(both[1], again, strict=True):
        seats = [episode.agent_episodes["outside_1"].observations.data for episode in (mine, theirs)]
        np.testing.assert_array_equal(*seats)


def test_the_mapping_chooses_a_policy_a_session_and_one_for_all_seats_of_a_group() -> None:
    def alternating(agent: str, episode: Any, **_: Any) -> str:
        return drawn[0]

    drawn = ["old"]
    settings = configured(environment()).multi_agent(policies={"old", "new"}, policy_mapping_fn=alternating)
    sampling = MarketEnvRunner(settings)
    for name in ("old", "new"):
        drawn[0] = name
        assert {seat.module_id for episode in sampling.sample() for seat in episode.agent_episodes.values()} == {name}
    settings = configured(environment()).multi_agent(
        policies={"outside_0", "outside_1"}, policy_mapping_fn=lambda agent, *_, **__: agent
    )
    with pytest.raises(ValueError, match=r"maps the seats of population.outside to \{'outside_0'"):
        MarketEnvRunner(settings).sample()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.environment(env_config={"market": 1}), r"env_config has .*'market'.*must have 'environment'"),
        (lambda c: c.multi_agent(policies={"default_policy"}), r"say config.multi_agent\(\*\*MarketEnvRunner.policies"),
        (lambda c: c.env_runners(env_to_module_connector=lambda *_, **__: None), "does not run them"),
        (
            lambda c: c.environment(env_config={"environment": environment([Group("noise", ZeroIntelligence(), 2)])}),
            "population has no external group",
        ),
        (
            lambda c: c.environment(
                env_config={"environment": visited(groups=[*visited().groups, Group("es", EvolutionStrategy((4,)), 1)])}
            ),
            "population.es is still evolving",
        ),
    ],
)
def test_what_it_cannot_sample_with_is_named(change: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        MarketEnvRunner(change(configured(environment())))


@pytest.mark.parametrize("observation", [{"account": Account(), "clock": Clock()}, {"account": Account()}], ids=len)
@pytest.mark.parametrize("timing", [None, ChosenDelay((1, 2, 4))], ids=["every_step", "chosen_delay"])
def test_advantages_equal_those_of_rllibs_connectors_on_the_same_trajectories(observation: Any, timing: Any) -> None:
    """Seats that leave and others that see the close, each once as an episode and once as a row of a rollout."""
    described = visited(observation=observation, **({"timing": timing} if timing else {}))
    discount, gae_lambda = 0.9, 0.8
    settings = configured(described).training(gamma=discount, lambda_=gae_lambda)
    if timing:
        settings.learners(learner_connector=discount_by_elapsed_time)
    sampling, sessions = MarketEnvRunner(settings), []
    sampling.sample()
    sampler = sampling._sampler
    assert sampler is not None
    original = sampler.sample
    sampler.sample = lambda number: sessions.append(original(number)) or sessions[-1]  # type: ignore[method-assign,func-returns-value]
    episodes = sampling.sample()
    spaces = {name: sampling.get_spaces()[name] for name in ("staying", "passing")}
    learner = settings.build_learner(spaces=spaces)
    theirs = learner._learner_connector(
        rl_module=learner.module, batch={}, episodes=episodes, shared_data={}, metrics=learner.metrics
    )
    for name, rollout in sessions[0].rollouts.items():
        module = learner.module[name]
        assert rollout.close_terminates == ("clock" in described.observation)
        with torch.no_grad():
            values = module.compute_values({Columns.OBS: torch.from_numpy(rollout.observation)}).numpy()
        ours = generalized_advantages(
            values[:-1],
            values[1:],
            rollout.reward,
            rollout.active,
            rollout.terminal,
            rollout.done & ~rollout.terminal,
            discount,
            gae_lambda,
        )[rollout.active]
        real = theirs[name][Columns.LOSS_MASK].numpy()
        with torch.no_grad():
            value = module.compute_values(theirs[name]).numpy()
        advantage = theirs[name][Postprocessing.VALUE_TARGETS].numpy() - value
        assert len(rollout) == real.sum() > 0
        mine, other = (
            rollout.action[rollout.active][:, 0].argsort(),
            theirs[name][Columns.ACTIONS].numpy()[real][:, 0].argsort(),
        )
        given = ours[mine]
        np.testing.assert_allclose(given, advantage[real][other], atol=1e-5)
        assert np.abs(given).max() > 0.1


def test_a_timing_without_a_discount_by_elapsed_time_is_said(caplog: pytest.LogCaptureFixture) -> None:
    settings = configured(visited(timing=ChosenDelay((1, 2, 4))))
    MarketEnvRunner(settings)
    assert "config.learners(learner_connector=discount_by_elapsed_time)" in caplog.text
    caplog.clear()
    MarketEnvRunner(settings.learners(learner_connector=discount_by_elapsed_time))
    MarketEnvRunner(configured(visited()))
    assert not caplog.records


def test_samples_of_the_replay_buffer_keep_what_elapsed_time_leaves_of_a_value() -> None:
    described, discount = visited(timing=ChosenDelay((1, 2, 4))), 0.9
    settings = configured(described).training(gamma=discount).learners(learner_connector=discount_by_elapsed_time)
    buffer = ElapsedReplayBuffer(capacity=10_000)
    buffer.add(MarketEnvRunner(settings).sample())
    sampled = buffer.sample(num_items=64, n_step=1, gamma=discount, sample_episodes=True)
    batch = discount_by_elapsed_time()(rl_module=None, batch={}, episodes=sampled)[Columns.TERMINATEDS]
    found = [value for each in batch.values() for value in each]
    assert {round(1 - value, 4) for value in found} <= {0.0, 1.0, 0.9, 0.81, 0.729}
    assert len({round(value, 4) for value in found}) > 2
    with pytest.raises(ValueError, match="n_step is 3; ElapsedReplayBuffer needs 1"):
        buffer.sample(num_items=64, n_step=3, gamma=discount, sample_episodes=True)


@pytest.mark.parametrize("configuration", [DQNConfig, SACConfig])
@pytest.mark.parametrize(
    "kind", ["PrioritizedEpisodeReplayBuffer", "EpisodeReplayBuffer", EpisodeReplayBuffer, None], ids=range(4)
)
def test_a_replay_buffer_of_one_agent_is_named_with_what_is_needed(configuration: Any, kind: Any) -> None:
    described = visited(action=Quotes() if configuration is SACConfig else LimitGrid())
    settings = configured_off_policy(described, configuration)
    if kind is not None:
        settings.training(replay_buffer_config={"type": kind})
    with pytest.raises(ValueError, match=r'replay_buffer_config=\{"type": "MultiAgentEpisodeReplayBuffer"\}'):
        MarketEnvRunner(settings)
    for works in ("MultiAgentEpisodeReplayBuffer", "MultiAgentPrioritizedEpisodeReplayBuffer", ElapsedReplayBuffer):
        MarketEnvRunner(configured_off_policy(described, configuration).training(replay_buffer_config={"type": works}))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("action", [Quotes(), OrderMixed()])
def test_a_recurrent_module_learns_from_its_hidden_states(action: Any, shared: bool) -> None:
    network = DefaultModelConfig(
        fcnet_hiddens=[8], use_lstm=True, lstm_cell_size=8, max_seq_len=4, vf_share_layers=shared
    )
    settings = configured(visited(action=action)).rl_module(model_config=network)
    sampling = MarketEnvRunner(settings)
    sampling.sample()
    episodes = sampling.sample()
    learner = settings.build_learner(spaces={name: sampling.get_spaces()[name] for name in ("staying", "passing")})
    learner.module.set_state(sampling.module.get_state())
    batch = learner._learner_connector(
        rl_module=learner.module, batch={}, episodes=episodes, shared_data={}, metrics=learner.metrics
    )
    for name, columns in batch.items():
        module, real = learner.module[name], columns[Columns.LOSS_MASK]
        with torch.no_grad():
            inputs = module.forward_train(columns)[Columns.ACTION_DIST_INPUTS]
        logp = module.get_train_action_dist_cls().from_logits(inputs).logp(columns[Columns.ACTIONS])
        np.testing.assert_allclose(logp[real], columns[Columns.ACTION_LOGP][real], atol=1e-5)
        assert max(float(leaf.abs().max()) for leaf in tree_leaves(columns[Columns.STATE_IN])) > 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Run Ray, quietly, with room for two trials of one runner each."""
    before = torch.get_num_threads()
    prepare_process()
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    torch.set_num_threads(before)


class Counting(RLlibCallback):
    """Count the calls that a runner makes."""

    def on_episode_end(self, *, metrics_logger: Any, episode: Any, **_: Any) -> None:
        metrics_logger.log_value("ended", len(episode.agent_episodes), reduce="sum")


@under_ray
@pytest.mark.parametrize("runners", [0, 1])
def test_an_unmodified_ppo_trains_and_goes_on_from_its_checkpoint(cluster: None, tmp_path: Path, runners: int) -> None:
    settings = configured(visited(), num_env_runners=runners).callbacks(Counting)
    settings.evaluation(evaluation_interval=1, evaluation_duration=MARKETS)
    algorithm = settings.build_algo()
    try:
        before = deepcopy(algorithm.learner_group.get_weights())
        for iteration in (1, 2):
            results = algorithm.train()
            sampled = results["env_runners"]
            assert sampled["num_env_steps_sampled_lifetime"] == iteration * MARKETS * STEPS
            assert np.isfinite(sampled["episode_return_mean"])
            assert sampled["ended"] > 2 * MARKETS
            assert sampled["weights_seq_no"] == iteration - 1
            assert np.isfinite(results["evaluation"]["env_runners"]["episode_return_mean"])
            assert {"staying", "passing"} < set(results["learners"])
        after = deepcopy(algorithm.learner_group.get_weights())
        for name, weights in before.items():
            assert np.mean([(weights[key] != after[name][key]).any() for key in weights]) > 0.5
        folder = algorithm.save_to_path(tmp_path)
    finally:
        algorithm.stop()
    resumed = Algorithm.from_checkpoint(folder)
    try:
        kept = resumed.learner_group.get_weights()
        for name, weights in after.items():
            for key in weights:
                np.testing.assert_array_equal(kept[name][key], weights[key])
        results = resumed.train()
        assert results["training_iteration"] == 3
        assert results["env_runners"]["num_env_steps_sampled_lifetime"] == 3 * MARKETS * STEPS
        played = resumed.env_runner_group.foreach_env_runner(
            lambda found: found._sessions, local_env_runner=runners == 0
        )
        assert played == [3]
    finally:
        resumed.stop()


@under_ray
def test_tune_trains_two_trials(cluster: None, tmp_path: Path) -> None:
    settings = configured(environment()).training(lr=tune.grid_search([1e-4, 1e-3]))
    results = tune.Tuner(
        "PPO",
        param_space=settings,
        run_config=tune.RunConfig(stop={"training_iteration": 2}, storage_path=str(tmp_path), verbose=0),
    ).fit()
    assert results.num_errors == 0
    assert [found.metrics["training_iteration"] for found in results] == [2, 2]
    assert {found.metrics["config"]["lr"] for found in results} == {1e-4, 1e-3}
    assert results.get_best_result(metric="env_runners/episode_return_mean", mode="max").metrics


@under_ray
def test_the_runners_of_appo_pull_newer_weights(cluster: None) -> None:
    """APPO sends no weights: its runners have to pull them, and one that does not keeps the initial ones."""
    settings = (
        APPOConfig()
        .environment(env_config={"environment": environment(), "markets": MARKETS})
        .env_runners(env_runner_cls=MarketEnvRunner, num_env_runners=1)
        .multi_agent(**MarketEnvRunner.policies(environment()))
        .training(train_batch_size_per_learner=MARKETS * STEPS)
    )
    algorithm = settings.build_algo()
    try:
        versions: list[int] = []
        while len(versions) < 20 and (not versions or versions[-1] < 2):
            algorithm.train()
            versions += algorithm.env_runner_group.foreach_env_runner(
                lambda found: found._weights_seq_no, local_env_runner=False
            )
        assert versions[-1] >= 2
    finally:
        algorithm.stop()


@under_ray
@pytest.mark.parametrize(("configuration", "action"), [(DQNConfig, LimitGrid()), (SACConfig, None)])
def test_learners_from_a_replay_buffer_of_episodes_train(cluster: None, configuration: Any, action: Any) -> None:
    described = visited(**({} if action is None else {"action": action}))
    settings = (
        configuration()
        .environment(env_config={"environment": described, "markets": MARKETS})
        .env_runners(env_runner_cls=MarketEnvRunner, num_env_runners=0)
        .multi_agent(**MarketEnvRunner.policies(described))
        .training(
            train_batch_size_per_learner=32,
            num_steps_sampled_before_learning_starts=MARKETS * STEPS,
            replay_buffer_config={"type": "MultiAgentEpisodeReplayBuffer", "capacity": 10_000},
        )
    )
    algorithm = settings.build_algo()
    try:
        for _ in range(3):
            results = algorithm.train()
        assert {"staying", "passing"} < set(results["learners"])
        assert np.isfinite(results["learners"]["staying"]["total_loss"])
    finally:
        algorithm.stop()
