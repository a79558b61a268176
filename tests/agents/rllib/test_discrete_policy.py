"""PPO and APPO with choices to make, some of them masked: tasks without a market."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete, MultiDiscrete
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis import TARGET_NETWORK_ACTION_DIST_INPUTS

from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import MASKED, as_space
from marl_market.agents.rllib.networks.masked_module import ACTION_MASK
from marl_market.agents.rollout import Rollout
from marl_market.env.interface.spaces import continuous
from tests.agents.answers import answer
from tests.agents.rllib.algorithms.test_ppo import assert_equal_states
from tests.agents.rllib.synthetic import OBSERVATION_SIZE, best_action, closed_rollout

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SPACES = {"one": Discrete(4), "several": MultiDiscrete([4, 3])}
STEPS, ROWS = 16, 32


def build(algorithm: str, space: Any, seed: int = 7, **fields: Any) -> OnPolicyLearner:
    if algorithm == "appo":
        return APPO(**{"discount": 0.0, "learning_rate": 5e-3, "epochs": 4, **fields}).build(
            GroupSpec(OBSERVATION_SIZE, space, STEPS), seed
        )
    agent = PPO(**{"discount": 0.0, "learning_rate": 5e-3, "minibatch_size": 128, **fields})
    return agent.build(GroupSpec(OBSERVATION_SIZE, space), seed)


def wanted(observation: np.ndarray, mask: np.ndarray, counts: list[int]) -> np.ndarray:
    """Return the allowed choice whose observed number is largest, for each number of the action."""
    best, first = [], 0
    for count in counts:
        value = np.where(mask[..., first : first + count] > 0, observation[..., :count], -np.inf)
        best.append(value.argmax(-1))
        first += count
    return np.stack(best, -1)


def collect(learner: OnPolicyLearner, random: np.random.Generator, counts: list[int]) -> Rollout:
    observation = random.standard_normal((STEPS + 1, ROWS, OBSERVATION_SIZE), dtype=np.float32)
    mask = (random.random((STEPS, ROWS, sum(counts))) < 0.7).astype(np.uint8)
    mask[..., np.cumsum([0, *counts[:-1]])] = 1
    action = np.empty((STEPS, ROWS, len(counts)), np.float32)
    columns = []
    for step in range(STEPS):
        noise = random.standard_normal((ROWS, len(counts)), dtype=np.float32)
        action[step], _, extra = answer(learner, observation[step], noise, mask[step])
        columns.append(extra)
    reward = (action == wanted(observation[:-1], mask, counts)).mean(-1).astype(np.float32)
    return closed_rollout(observation, action, reward, columns, mask)


@pytest.mark.parametrize("algorithm", ["ppo", "appo"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_it_learns_the_best_allowed_choice_and_never_takes_another(algorithm: str, space: Any) -> None:
    counts = np.atleast_1d(space.nvec if isinstance(space, MultiDiscrete) else space.n).tolist()
    learner, random, rewards = build(algorithm, space), np.random.default_rng(0), []
    for _ in range(25):
        rollout = collect(learner, random, counts)
        assert rollout.action_mask is not None
        places = (rollout.action.astype(int) + np.cumsum([0, *counts[:-1]]))[..., None, :]
        assert np.take_along_axis(rollout.action_mask[:-1, ..., None], places, axis=2).all()
        rewards.append(rollout.reward.mean())
        metrics = learner.learn(rollout)
        assert np.isfinite(list(metrics.values())).all()
    assert rewards[0] < 0.5
    assert np.mean(rewards[-3:]) > 0.75


@pytest.mark.parametrize("algorithm", ["ppo", "appo"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_rllib_computes_the_log_probabilities_that_the_rollout_has(algorithm: str, space: Any) -> None:
    counts = np.atleast_1d(space.nvec if isinstance(space, MultiDiscrete) else space.n).tolist()
    learner = build(algorithm, space, output_scale=1.0)
    rollout = collect(learner, np.random.default_rng(3), counts)
    flat = {
        Columns.OBS: torch.from_numpy(rollout.observation[:-1].reshape(-1, OBSERVATION_SIZE)),
        ACTION_MASK: torch.from_numpy(rollout.action_mask[:-1].reshape(-1, sum(counts))),
    }
    module = learner.module
    with torch.no_grad():
        scores = module.forward_train(flat)[Columns.ACTION_DIST_INPUTS]
        distribution = module.get_train_action_dist_cls().from_logits(scores)
        action = torch.from_numpy(as_space(rollout.action, space)).reshape(STEPS * ROWS, *space.shape)
        theirs = distribution.logp(action).numpy()
        old = module.forward_target(flat)[TARGET_NETWORK_ACTION_DIST_INPUTS] if algorithm == "appo" else scores
    np.testing.assert_allclose(rollout.extra["action_logp"].ravel(), theirs, atol=1e-6)
    assert ((scores.numpy() == MASKED) == (flat[ACTION_MASK].numpy() == 0)).all()
    assert np.isfinite(distribution.kl(distribution).numpy()).all()
    np.testing.assert_array_equal(scores.numpy(), old.numpy())


def test_a_resumed_appo_goes_on_as_if_never_stopped() -> None:
    learner, random = build("appo", Discrete(4), target_every=3 * STEPS * ROWS), np.random.default_rng(2)
    for _ in range(4):  # of which the third updates the target, and the sixth will
        learner.learn(collect(learner, random, [4]))
    saved = learner.get_state()
    rollouts = [collect(learner, random, [4]) for _ in range(3)]
    first = [learner.learn(rollout) for rollout in rollouts]
    resumed = build("appo", Discrete(4), seed=99, target_every=3 * STEPS * ROWS)
    resumed.set_state(saved)
    assert [resumed.learn(rollout) for rollout in rollouts] == first
    assert_equal_states(resumed.get_state(), learner.get_state())


def test_appo_learns_continuous_actions_and_rejects_shorter_rollouts() -> None:
    learner, random = build("appo", continuous(2), learning_rate=2e-3, minibatch_rows=4), np.random.default_rng(0)
    rewards = []
    for _ in range(40):
        observation = random.standard_normal((STEPS + 1, ROWS, OBSERVATION_SIZE), dtype=np.float32)
        noise = random.standard_normal((STEPS, ROWS, 2), dtype=np.float32)
        played = [answer(learner, observation[step], noise[step]) for step in range(STEPS)]
        action = np.stack([each.action for each in played])
        reward = -((action - best_action(observation[:-1])) ** 2).sum(axis=-1)
        rollout = closed_rollout(observation, action, reward, [each.extra for each in played])
        rewards.append(rollout.reward.mean())
        learner.learn(rollout)
    assert rewards[0] < -1.5
    assert np.mean(rewards[-3:]) > -0.6
    shorter = closed_rollout(observation[1:], action[1:], reward[1:], [each.extra for each in played[1:]])
    with pytest.raises(ValueError, match="rollout of 15 steps; V-trace needs 16"):
        learner.learn(shorter)


@pytest.mark.parametrize(("field", "value"), [("hidden", ()), ("clip", 0.0), ("minibatch_rows", 0), ("discount", 2.0)])
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"APPO.{field} is"):
        APPO(**{field: value})
