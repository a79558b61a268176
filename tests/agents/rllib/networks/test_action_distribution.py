"""Actions of choices and numbers at once."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete, MultiDiscrete, Tuple
from ray.rllib.core.columns import Columns

from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import (
    action_components,
    as_space,
    as_tensors,
    expand_mask,
    num_outputs,
    sample,
)
from marl_market.agents.rllib.networks.actor_critic import PolicyHead
from marl_market.agents.rollout import Rollout
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.order_mixed import OrderMixed
from marl_market.env.batch_market import BatchMarket
from marl_market.env.interface.spaces import continuous, num_choices_of
from marl_market.env.population.group import Group
from marl_market.evaluation.match import with_policies
from tests.agents.answers import answer
from tests.agents.rllib.synthetic import OBSERVATION_SIZE, closed_rollout
from tests.builders import environment, market_spec

STEPS, ROWS = 8, 32
SPACES: dict[str, Any] = {
    "choice first": Tuple((Discrete(3), continuous(2))),
    "choice last": Tuple((continuous(1), MultiDiscrete([2, 3]))),
    "choice, numbers, choice": Tuple((Discrete(2), continuous(2), Discrete(4))),
}

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def build(space: Any, algorithm: str = "ppo", seed: int = 7, **fields: Any) -> OnPolicyLearner:
    if algorithm == "ppo":
        return PPO(**{"minibatch_size": 128, **fields}).build(GroupSpec(OBSERVATION_SIZE, space), seed)
    return APPO(**{"minibatch_rows": 8, **fields}).build(GroupSpec(OBSERVATION_SIZE, space, STEPS), seed)


def collect(learner: OnPolicyLearner, random: np.random.Generator, space: Any) -> Rollout:
    """Reward the best allowed choice by a point each, and numbers that are half of what is observed first."""
    counts = num_choices_of(space)
    assert counts is not None
    observation = random.standard_normal((STEPS + 1, ROWS, OBSERVATION_SIZE), dtype=np.float32)
    mask = (random.random((STEPS, ROWS, counts.sum())) < 0.7).astype(np.uint8)
    mask[..., np.cumsum([0, *counts[:-1]])[counts > 0]] = 1
    noise = random.standard_normal((STEPS, ROWS, counts.size), dtype=np.float32)
    played = [answer(learner, observation[step], noise[step], mask[step]) for step in range(STEPS)]
    action, reward, first = np.stack([each.action for each in played]), np.zeros((STEPS, ROWS), np.float32), 0
    for number, count in enumerate(counts):
        if count:
            allowed = mask[..., first : first + count]
            assert np.take_along_axis(allowed, action[..., number, None].astype(int), -1).all()
            reward += action[..., number] == np.where(allowed, observation[:-1, :, :count], -np.inf).argmax(-1)
            first += count
        else:
            reward -= (action[..., number] - 0.5 * observation[:-1, :, 0]) ** 2
    return closed_rollout(observation, action, reward / counts.size, [each.extra for each in played], mask)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("explores", [True, False])
def test_log_densities_equal_those_of_rllib(space: Any, explores: bool) -> None:
    learner, random, components = build(space), np.random.default_rng(0), action_components(space)
    inputs = random.standard_normal((50, components[-1].inputs.stop), dtype=np.float32)
    noise = random.standard_normal((50, components[-1].dimensions.stop), dtype=np.float32)
    mask = (random.random((50, components[-1].mask.stop or components[0].mask.stop)) < 0.8).astype(np.uint8)
    mask[:, [0, *range(max(part.mask.stop for part in components) - 4, mask.shape[1])]] = 1
    action, logp, masked = sample(inputs, noise if explores else None, mask, components)
    theirs = learner.module.get_train_action_dist_cls().from_logits(torch.from_numpy(masked))
    np.testing.assert_allclose(logp, theirs.logp(as_tensors(action, space)), atol=1e-5)
    allowed = expand_mask(torch.from_numpy(mask), space)
    np.testing.assert_array_equal(masked[allowed], inputs[allowed])
    assert all(space.contains(each) for each in zip(*as_space(action.clip(-1, 1), space), strict=True))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("free", [True, False])
def test_the_head_outputs_the_inputs_of_each_component(space: Any, free: bool) -> None:
    head = PolicyHead(3, space, free, limit=2.0)
    outputs = num_outputs(space)
    with torch.no_grad():
        head.net.weight.zero_()
        head.net.bias.copy_(torch.arange(len(head.net.bias)))
    head.set_log_std(-0.5)
    for shape in ((5,), (5, 4)):
        output, wanted = head(torch.zeros(*shape, 3)), 0
        for part in action_components(space):
            own = output[..., part.inputs]
            size = part.num_outputs
            assert (own[..., :size] == torch.arange(wanted, wanted + size)).all()
            assert part.choices or (own[..., size:] == -0.5).all()
            wanted += size
        assert wanted == outputs
    head.set_log_std(9.0)
    output = head(torch.zeros(1, 3))
    for part in action_components(space):
        assert part.choices or (output[0, part.inputs][-1] == 2.0).all()


@pytest.mark.parametrize(("space", "algorithm"), [*((space, "ppo") for space in SPACES), ("choice first", "appo")])
def test_it_learns_choices_and_numbers_at_once(space: str, algorithm: str) -> None:
    learner, random = build(SPACES[space], algorithm, learning_rate=5e-3, discount=0.0), np.random.default_rng(0)
    for _ in range(25):
        assert np.isfinite(list(learner.learn(collect(learner, random, SPACES[space])).values())).all()
    observation = random.standard_normal((500, OBSERVATION_SIZE), dtype=np.float32)
    action, counts = answer(learner, observation, None).action, num_choices_of(SPACES[space])
    assert counts is not None
    for number, count in enumerate(counts):
        if count:
            assert (action[:, number] == observation[:, :count].argmax(-1)).mean() > 0.75
        else:
            assert ((action[:, number] - 0.5 * observation[:, 0]) ** 2).mean() < 0.05


@pytest.mark.parametrize("algorithm", ["ppo", "appo"])
def test_the_train_batch_has_the_actions_that_were_played(algorithm: str) -> None:
    space = SPACES["choice first"]
    learner = build(space, algorithm, output_scale=1.0)
    rollout = collect(learner, np.random.default_rng(0), space)
    rllib = learner._rllib_learner
    (batch,) = rllib._learner_connector(rl_module=rllib.module, batch={}, episodes=[rollout], shared_data={}).values()
    with torch.no_grad():
        output = learner.module.forward_train(batch)[Columns.ACTION_DIST_INPUTS]
    logp = learner.module.get_train_action_dist_cls().from_logits(output).logp(batch[Columns.ACTIONS])
    np.testing.assert_allclose(logp, batch[Columns.ACTION_LOGP], atol=1e-5)


def test_a_mixed_policy_plays_compiled_what_its_learner_would_do() -> None:
    agent, kinds = PPO(hidden=(8,), output_scale=8.0), set()
    groups = [Group("noise", ZeroIntelligence(), 4), Group("focal", agent, 2)]
    described = environment(groups, action=OrderMixed(), spec=market_spec(session_steps=STEPS))
    for seed in (1, 2, 3):
        learner = agent.learner(described, "focal", seed)
        policy = learner.policy()
        assert isinstance(policy, CompiledPolicy)
        batch = BatchMarket(with_policies(described, {"focal": policy}), 3)
        batch.reset([1, 2, 3])
        seats = batch.markets["seat"][:, described.seats_of("focal")]
        for _ in range(STEPS):
            observed = seats["agent"]["observation"][..., : described.observation_size].reshape(6, -1).copy()
            mask = seats["agent"]["mask"][..., :3].reshape(6, -1).copy()
            batch.step(np.zeros((3, 0, 3), np.float32))
            wanted = answer(learner, observed, None, mask).action
            np.testing.assert_allclose(seats["agent"]["action"][..., :3].reshape(6, 3), wanted, atol=1e-5)
            kinds |= set(wanted[:, 0].tolist())
    assert len(kinds) > 1
