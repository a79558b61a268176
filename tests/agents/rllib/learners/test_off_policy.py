"""DQN, SAC and TQC on a task without a market, whose best action is a known function of the observation."""

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import ray
import torch
from gymnasium.spaces import Discrete
from ray.rllib.algorithms.dqn.dqn_learner import QF_NEXT_PREDS, QF_TARGET_NEXT_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.utils.schedules.scheduler import Scheduler

from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.dqn import DQN
from marl_market.agents.rllib.algorithms.sac import SAC
from marl_market.agents.rllib.algorithms.tqc import TQC
from marl_market.agents.rllib.learners.off_policy import OffPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import MASKED
from marl_market.agents.rllib.networks.masked_module import NEXT_ACTION_MASK
from marl_market.agents.rllib.networks.policy import TorchPolicy
from marl_market.agents.rollout import Rollout
from marl_market.env.actions.market_discrete import MarketDiscrete
from marl_market.env.interface.spaces import continuous
from marl_market.env.population.group import Group
from marl_market.env.timing.chosen_delay import ChosenDelay
from tests.agents.answers import answer
from tests.agents.rllib.algorithms.test_ppo import assert_equal_states
from tests.agents.rllib.synthetic import OBSERVATION_SIZE, best_action, closed_rollout
from tests.builders import environment

STEPS, ROWS, CHOICES, SIZE = 16, 32, 4, 2
pytestmark = pytest.mark.usefixtures("one_torch_thread")

SETTINGS: dict[str, Any] = {
    "hidden": (32,), "discount": 0.0, "learning_starts": 512, "decisions_per_update": 16, "batch_size": 64,
    "capacity": 4_000,
}  # fmt: skip
KINDS = ("dqn", "sac", "tqc")


def build(kind: str, seed: int = 7, **fields: Any) -> OffPolicyLearner:
    if kind == "dqn":
        agent = DQN(**{**SETTINGS, "learning_rate": 3e-3, "epsilon_decisions": 6_000, **fields})
        return agent.build(GroupSpec(OBSERVATION_SIZE, Discrete(CHOICES)), seed)
    rates = {"policy_learning_rate": 3e-3, "value_learning_rate": 3e-3, "temperature_learning_rate": 3e-3}
    algorithm = {"sac": SAC, "tqc": TQC}[kind]
    return algorithm(**{**SETTINGS, **rates, **fields}).build(GroupSpec(OBSERVATION_SIZE, continuous(SIZE)), seed)


def collect(kind: str, learner: Any, random: np.random.Generator, explores: bool = True) -> Rollout:
    observation = random.standard_normal((STEPS + 1, ROWS, OBSERVATION_SIZE), dtype=np.float32)
    noise = random.standard_normal((STEPS, ROWS, 1 if kind == "dqn" else SIZE), dtype=np.float32)
    mask = (random.random((STEPS + 1, ROWS, CHOICES)) < 0.7).astype(np.uint8)
    mask[..., 0] = 1
    explored, allowed = noise if explores else [None] * STEPS, mask if kind == "dqn" else [None] * STEPS
    action = np.stack(
        [answer(learner, observation[step], explored[step], allowed[step]).action for step in range(STEPS)]
    )
    if kind != "dqn":
        reward = -((action - 0.5 * np.tanh(best_action(observation[:-1]))) ** 2).sum(-1)
        return closed_rollout(observation, action, reward, [{}])
    assert np.take_along_axis(mask[:-1], action.astype(int), axis=2).all()
    best = np.where(mask[:-1] > 0, observation[:-1, :, :CHOICES], -np.inf).argmax(-1)
    rollout = closed_rollout(observation, action, (action[..., 0] == best).astype(np.float32), [{}])
    return replace(rollout, action_mask=mask)


@pytest.mark.parametrize(("kind", "least"), [("dqn", 0.8), ("sac", -0.12), ("tqc", -0.12)])
def test_it_learns_the_best_action_without_a_ray_cluster(kind: str, least: float) -> None:
    learner, random = build(kind), np.random.default_rng(0)
    before = collect(kind, learner, random, explores=False).reward.mean()
    for _ in range(16):
        metrics = learner.learn(collect(kind, learner, random))
        assert np.isfinite(list(metrics.values())).all()
    after = collect(kind, learner, random, explores=False).reward.mean()
    assert before < least - 0.1
    assert after > least
    assert metrics["replay_size"] == 4_000
    assert not ray.is_initialized()


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_learner_goes_on_as_if_never_stopped(kind: str) -> None:
    fields = {"discount": 0.9, "capacity": 700, "target_every": 700, "target_rate": 1.0}
    learner, random = build(kind, **fields), np.random.default_rng(2)
    for _ in range(2):
        learner.learn(collect(kind, learner, random))
    live = learner.get_state()
    saved, untouched = pickle.loads(pickle.dumps(live)), copy.deepcopy(live)
    played = [collect(kind, learner, random) for _ in range(2)]
    first = [learner.learn(each) for each in played]
    final = learner.get_state()
    assert_equal_states(live, untouched)
    resumed = build(kind, seed=99, **fields)
    resumed.set_state(saved)
    assert [resumed.learn(each) for each in played] == first
    assert_equal_states(resumed.get_state(), final)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_learns_the_same_and_global_streams_stay(kind: str) -> None:
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        learner = build(kind, discount=0.9)
        learner.learn(collect(kind, learner, np.random.default_rng(1)))
        states.append(learner.get_state())
        assert torch.equal(torch.get_rng_state(), before)
    assert_equal_states(*states)


@pytest.mark.parametrize("kind", KINDS)
def test_the_target_follows_at_its_rate_and_interval(kind: str) -> None:
    # 512 decisions in 2 updates, each 256 further on.
    fields = {"learning_starts": 0, "decisions_per_update": 256, "target_rate": 0.25}
    # Of TQC's critics, the first.
    main_of = {"dqn": "encoder", "sac": "qf_encoder", "tqc": "qf_encoders"}[kind]
    name = {"dqn": "_target_encoder", "sac": "target_qf_encoder", "tqc": "target_qf_encoders"}[kind]

    def networks(target_every: int) -> list[tuple[np.ndarray, np.ndarray]]:
        learner, found = build(kind, target_every=target_every, **fields), []
        update = learner.update

        def spied(*arguments: Any, **keywords: Any) -> dict[str, float]:
            metrics = update(*arguments, **keywords)
            pair = (getattr(learner.module, main_of), getattr(learner.module, name))
            found.append(tuple(next(net.parameters()).detach().numpy().copy() for net in pair))
            return metrics

        before = next(getattr(learner.module, name).parameters()).detach().numpy().copy()
        learner.update = spied  # type: ignore[method-assign]
        learner.learn(collect(kind, learner, np.random.default_rng(1)))
        return [(before, before), *found]

    (_, first), (main1, target1), (main2, target2) = networks(0)
    np.testing.assert_allclose(target1, 0.75 * first + 0.25 * main1, atol=1e-6)
    np.testing.assert_allclose(target2, 0.75 * target1 + 0.25 * main2, atol=1e-6)
    (_, first), (_, target1), (main2, target2) = networks(512)
    np.testing.assert_array_equal(target1, first)
    np.testing.assert_allclose(target2, 0.75 * first + 0.25 * main2, atol=1e-6)


def test_the_next_state_is_valued_by_its_legal_choices() -> None:
    learner, random = build("dqn"), np.random.default_rng(0)
    observed = torch.from_numpy(random.standard_normal((9, OBSERVATION_SIZE), dtype=np.float32))
    mask = torch.from_numpy((random.random((9, CHOICES)) < 0.5).astype(np.uint8))
    batch = {Columns.OBS: observed, Columns.NEXT_OBS: observed}
    with torch.no_grad():
        free, masked = (learner.module.forward_train(each) for each in (batch, {**batch, NEXT_ACTION_MASK: mask}))
    for name in (QF_NEXT_PREDS, QF_TARGET_NEXT_PREDS):
        assert (masked[name][mask == 0] == float(MASKED)).all()
        assert torch.equal(masked[name][mask == 1], free[name][mask == 1])


def test_epsilon_falls_as_rllibs_schedule_does() -> None:
    learner: Any = build("dqn", epsilon_decisions=2_000, initial_epsilon=0.9, final_epsilon=0.1)
    theirs = Scheduler([(0, 0.9), (2_000, 0.1)])
    for decisions in (0, 500, 1_999, 2_000, 9_000):
        learner.decisions = decisions
        assert learner.epsilon == pytest.approx(theirs.update(decisions))


def test_sac_acts_as_rllibs_squashed_distribution() -> None:
    learner, random = build("sac"), np.random.default_rng(0)
    observation = random.standard_normal((9, OBSERVATION_SIZE), dtype=np.float32)
    noise = random.standard_normal((9, SIZE), dtype=np.float32)
    inputs = learner.module.forward_inference({Columns.OBS: torch.from_numpy(observation)})
    distribution = learner.module.get_exploration_action_dist_cls().from_logits(inputs[Columns.ACTION_DIST_INPUTS])
    sampled = distribution._squash(distribution._dist.loc + distribution._dist.scale * torch.from_numpy(noise))
    np.testing.assert_allclose(answer(learner, observation, noise)[0], sampled.detach().numpy(), atol=1e-6)  # type: ignore[attr-defined]


def test_the_temperature_is_learned_towards_the_target_entropy() -> None:
    learner, random = build("sac", initial_temperature=0.5), np.random.default_rng(0)
    for _ in range(6):
        metrics = learner.learn(collect("sac", learner, random))
    assert metrics["temperature"] < 0.3


def test_the_policy_of_sac_is_the_average_of_those_that_explored() -> None:
    averaging, last = (build("sac", policy_ema=average) for average in (0.75, 0.0))
    played = [collect("sac", last, np.random.default_rng(number)) for number in range(3)]
    expected = None
    for each in played:
        for learner in (averaging, last):
            learner.learn(each)
        weights = last.policy().weights  # type: ignore[attr-defined]
        expected = weights if expected is None else 0.75 * expected + 0.25 * weights
        np.testing.assert_allclose(averaging.policy().weights, expected, atol=1e-6)  # type: ignore[attr-defined]
    assert np.abs(expected - weights).max() > 1e-3


def test_before_it_starts_nothing_is_learned() -> None:
    learner, random = build("dqn", learning_starts=600), np.random.default_rng(0)
    before = learner.get_state()["rl_module"]
    metrics = learner.learn(collect("dqn", learner, random))
    assert set(metrics) == {"replay_size", "epsilon", "updates", "return_scale"}
    assert metrics["updates"] == 0
    assert_equal_states(learner.get_state()["rl_module"], before)
    assert "total_loss" in learner.learn(collect("dqn", learner, random))


@pytest.mark.parametrize(("agent", "action"), [(DQN(), None), (SAC(), MarketDiscrete()), (TQC(), MarketDiscrete())])
def test_an_action_of_the_wrong_kind_is_rejected_by_group(agent: Any, action: Any) -> None:
    described = environment([Group("mine", agent, 1, action=action)])
    with pytest.raises(
        ValueError, match=r"population\.mine learns by .* and its action is .*\+action@population\.mine\.action="
    ):
        agent.learner(described, "mine", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_it_stores_and_counts_decisions_only(kind: str) -> None:
    learner, random = build(kind, learning_starts=0), np.random.default_rng(0)
    played = collect(kind, learner, random)
    played.active[:] = random.random((STEPS, ROWS)) < 0.3
    metrics = learner.learn(played)
    assert np.isfinite(list(metrics.values())).all()
    assert metrics["replay_size"] == learner.decisions == played.active.sum()
    played.active[:] = False
    learner.learn(played)
    assert len(learner._replay) == metrics["replay_size"]


def test_dqn_rejects_a_timing_that_adds_a_choice() -> None:
    described = environment([Group("mine", DQN(), 1, action=MarketDiscrete())], timing=ChosenDelay())
    with pytest.raises(ValueError, match=r"population\.mine learns by DQN and timing is ChosenDelay.*every_step"):
        DQN().learner(described, "mine", 1)


@pytest.mark.parametrize(
    ("agent", "field", "value"),
    [
        (DQN, "hidden", ()), (DQN, "capacity", 0), (DQN, "target_rate", 0.0), (DQN, "initial_epsilon", 1.5),
        (SAC, "discount", 1.5), (SAC, "gradient_clip", 0.0), (SAC, "initial_temperature", 0.0),
        (SAC, "policy_ema", 1.0), (SAC, "target_entropy", 0.7),
        (TQC, "critics", 0), (TQC, "dropped_quantiles", 25),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(agent: Any, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{agent.__name__}.{field} is"):
        agent(**{field: value})


@pytest.mark.parametrize("kind", [DQN, SAC, TQC])
def test_an_lstm_is_rejected(kind: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"{kind.__name__}\.lstm_size is 8; it must be None: only PPO and APPO can have one"
    ):
        kind(lstm_size=8)


@pytest.mark.parametrize("kind", KINDS)
def test_networks_that_are_too_large_to_compile_play_the_same_outside_the_step(kind: str) -> None:
    learner, random = build(kind, hidden=(128, 128)), np.random.default_rng(0)
    observation = random.standard_normal((9, OBSERVATION_SIZE), dtype=np.float32)
    mask = (random.random((9, CHOICES)) < 0.5).astype(np.uint8) if kind == "dqn" else None
    policy = learner.policy()  # type: ignore[attr-defined]
    assert isinstance(policy, TorchPolicy)
    wanted = answer(learner, observation, None, mask).action
    assert np.ptp(wanted) > 0
    np.testing.assert_array_equal(answer(policy, observation, None, mask).action, wanted)
    assert isinstance(build(kind).policy(), CompiledPolicy)  # type: ignore[attr-defined]
