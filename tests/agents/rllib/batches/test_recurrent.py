"""A recurrent network learns from sequences of decisions what a feedforward network cannot."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete, MultiDiscrete, Tuple
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT
from ray.rllib.evaluation.postprocessing import Postprocessing

from marl_market.agents.interfaces import initial_state
from marl_market.agents.policies.fixed_policy import CompiledPolicy
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.batches.advantages import generalized_advantages
from marl_market.agents.rllib.batches.recurrent import chunks_of
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.action_distribution import action_components
from marl_market.agents.rllib.networks.policy import TorchPolicy
from marl_market.agents.rllib.networks.recurrent_state import flatten_state, state_size_of, unflatten_state
from marl_market.agents.rollout import Rollout
from marl_market.env.interface.spaces import continuous
from tests.agents.answers import answer
from tests.agents.rllib.algorithms.test_ppo import assert_equal_states
from tests.agents.rllib.synthetic import closed_rollout

STEPS, ROWS, CELLS, LENGTH, SIZE = 11, 24, 16, 4, 3
SPACES = {
    "continuous": continuous(2),
    "discrete": Discrete(3),
    "multi": MultiDiscrete([3, 2]),
    "mixed": Tuple((Discrete(3), continuous(2))),
}

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def ppo(space: Any = SPACES["discrete"], seed: int = 7, **fields: Any) -> OnPolicyLearner:
    chosen = {
        "hidden": (16,),
        "lstm_size": CELLS,
        "sequence_length": LENGTH,
        "minibatch_size": 264,
        "output_scale": 1.0,
    }
    return PPO(**{**chosen, **fields}).build(GroupSpec(SIZE, space), seed)


def appo(space: Any = SPACES["discrete"], seed: int = 7, **fields: Any) -> OnPolicyLearner:
    chosen = {"hidden": (16,), "lstm_size": CELLS, "minibatch_rows": 8, "output_scale": 1.0}
    return APPO(**{**chosen, **fields}).build(GroupSpec(SIZE, space, STEPS), seed)


def play(
    learner: OnPolicyLearner,
    random: np.random.Generator,
    observed: Callable[..., Any] | None = None,
    inactive: float = 0.0,
) -> Rollout:
    """Return sessions of random observations, or of those of `observed`, in which rows are inactive by chance."""
    observation = random.standard_normal((STEPS + 1, ROWS, SIZE), dtype=np.float32)
    reward_of = None if observed is None else observed(observation, random)
    active = random.random((STEPS, ROWS)) >= inactive
    state, played = initial_state(learner, ROWS), []
    numbers = action_components(learner.module.action_space)[-1].dimensions.stop
    for step in range(STEPS):
        noise = random.standard_normal((ROWS, 3), dtype=np.float32)[:, :numbers]
        decision = learner.act(observation[step], state, noise)
        state = np.where(active[step][:, None], decision.state, state)
        played.append(decision)
    action = np.stack([each.action for each in played])
    reward = random.standard_normal((STEPS, ROWS)).astype(np.float32) if reward_of is None else reward_of(action)
    return replace(closed_rollout(observation, action, reward, [each.extra for each in played]), active=active)


def cue(observation: Any, random: np.random.Generator) -> Callable[[Any], Any]:
    """Show the right choice at the beginning only."""
    right = random.integers(0, 3, ROWS)
    observation[:] = 0
    observation[0] = np.eye(3)[right]
    return lambda action: (action[..., 0] == right).astype(np.float32)


def batch_of(learner: OnPolicyLearner, rollout: Rollout) -> Any:
    rllib = learner._rllib_learner
    return rllib._learner_connector(rl_module=rllib.module, batch={}, episodes=[rollout], shared_data={})[
        DEFAULT_MODULE_ID
    ]


@pytest.mark.parametrize(("build", "epochs"), [(ppo, 8), (appo, 4)])
def test_it_learns_to_use_its_first_observation(build: Callable[..., OnPolicyLearner], epochs: int) -> None:
    late = []
    for state in (CELLS, None):
        learner = build(lstm_size=state, learning_rate=1e-2, discount=0.5, epochs=epochs)
        random = np.random.default_rng(0)
        for _ in range(10):
            rollout = play(learner, random, cue)
            learner.learn(rollout)
        late.append(rollout.reward[1:].mean())
    assert late[0] > 0.9
    assert late[1] < 0.5


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("build", [ppo, appo])
def test_the_train_batch_has_the_actions_that_were_played(build: Callable[..., OnPolicyLearner], space: Any) -> None:
    learner = build(space)
    rollout = play(learner, np.random.default_rng(3), inactive=0.4)
    batch, module = batch_of(learner, rollout), learner.module
    with torch.no_grad():
        output = module.forward_train(batch)
    policy = module.get_train_action_dist_cls()
    logp = policy.from_logits(output[Columns.ACTION_DIST_INPUTS]).logp(batch[Columns.ACTIONS])
    learned = batch[Columns.LOSS_MASK]
    assert int(learned.sum()) == len(rollout)
    np.testing.assert_allclose(logp[learned], batch[Columns.ACTION_LOGP][learned], atol=1e-5)
    np.testing.assert_array_equal(
        np.sort(batch[Columns.ACTION_LOGP][learned].numpy()), np.sort(rollout.extra["action_logp"][rollout.active])
    )
    # The states matter, or the comparison tests nothing.
    for state in batch[Columns.STATE_IN].values():
        for each in state.values():
            each.fill_(0.5)
    with torch.no_grad():
        output = module.forward_train(batch)
    other = policy.from_logits(output[Columns.ACTION_DIST_INPUTS])
    assert (other.logp(batch[Columns.ACTIONS])[learned] - logp[learned]).abs().max() > 1e-3


def test_the_state_of_the_critic_spans_whole_sessions() -> None:
    learner = ppo(discount=0.9, gae_lambda=0.8)
    rollout = play(learner, np.random.default_rng(3), inactive=0.4)
    module, value = learner.module, np.zeros((STEPS + 1, ROWS), np.float32)
    for row in range(ROWS):
        steps = np.flatnonzero(rollout.active[:, row])
        state = unflatten_state(torch.zeros(1, state_size_of(module)))
        observed = torch.from_numpy(rollout.observation[steps, row])[None]
        with torch.no_grad():
            encoded = module.encoder.critic_encoder({Columns.OBS: observed, Columns.STATE_IN: state})
            value[steps, row] = module.vf(encoded[ENCODER_OUT])[0, :, 0]
    done = rollout.done
    advantage = generalized_advantages(
        value[:-1], value[1:], rollout.reward, rollout.active, done, np.zeros_like(done), 0.9, 0.8
    )
    wanted = (advantage + value[:-1])[rollout.active]
    batch = batch_of(learner, rollout)
    found = batch[Postprocessing.VALUE_TARGETS][batch[Columns.LOSS_MASK]].numpy()
    np.testing.assert_allclose(np.sort(found), np.sort(wanted), atol=1e-5)
    standardized = batch[Postprocessing.ADVANTAGES][batch[Columns.LOSS_MASK]]
    assert abs(float(standardized.mean())) < 1e-5
    assert float(standardized.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_chunks_are_all_decisions_in_their_order() -> None:
    rollout = play(ppo(), np.random.default_rng(3), inactive=0.4)
    rollout.active[:, 5] = False
    chunks = chunks_of(rollout, LENGTH)
    assert (np.diff(chunks.number) >= 0).all()
    for row in range(ROWS):
        of_row = chunks.row == row
        steps = np.concatenate([*chunks.step[of_row], []])[np.concatenate([*chunks.valid[of_row], []]).astype(bool)]
        np.testing.assert_array_equal(steps, np.flatnonzero(rollout.active[:, row]))
    taken = chunks.take(rollout.reward)
    np.testing.assert_array_equal(chunks.put(taken, STEPS, ROWS), np.where(rollout.active, rollout.reward, 0))


def test_a_row_of_two_episodes_is_rejected() -> None:
    learner = ppo()
    rollout = play(learner, np.random.default_rng(3))
    rollout.terminated[4, 2] = True
    with pytest.raises(ValueError, match="a hidden state begins and ends with the session"):
        learner.learn(rollout)


@pytest.mark.parametrize("build", [ppo, appo])
def test_a_hidden_state_is_a_value(build: Callable[..., OnPolicyLearner]) -> None:
    learner, random = build(), np.random.default_rng(0)
    observation = random.standard_normal((2, 5, SIZE), dtype=np.float32)
    first = learner.act(observation[0], initial_state(learner, 5), None)
    np.testing.assert_array_equal(flatten_state(unflatten_state(torch.from_numpy(first.state))), first.state)
    again = [learner.act(observation[1], first.state, None) for _ in range(2)]
    np.testing.assert_array_equal(again[0].state, again[1].state)
    np.testing.assert_array_equal(again[0].extra["action_dist_inputs"], again[1].extra["action_dist_inputs"])
    fresh = learner.act(observation[1], initial_state(learner, 5), None)
    assert (fresh.extra["action_dist_inputs"] != again[0].extra["action_dist_inputs"]).any()


@pytest.mark.parametrize("build", [ppo, appo])
def test_a_policy_is_what_had_been_learned_when_it_was_asked_for(build: Callable[..., OnPolicyLearner]) -> None:
    learner, random = build(), np.random.default_rng(0)
    observation = random.standard_normal((5, SIZE), dtype=np.float32)
    wanted, policy = answer(learner, observation, None), learner.policy()
    assert isinstance(policy, TorchPolicy)
    learner.learn(play(learner, random))
    for each in (policy, pickle.loads(pickle.dumps(policy))):
        np.testing.assert_array_equal(answer(each, observation, None).state, wanted.state)
        np.testing.assert_array_equal(each.weights, policy.weights)
    later = learner.policy()
    assert (later.weights != policy.weights).any()
    assert (answer(later, observation, None).state != wanted.state).any()


def test_hidden_units_that_do_not_compile_play_outside_the_step() -> None:
    assert isinstance(ppo(lstm_size=None, activation="relu").policy(), TorchPolicy)
    assert isinstance(ppo(lstm_size=None).policy(), CompiledPolicy)


@pytest.mark.parametrize("build", [ppo, appo])
def test_a_resumed_learner_goes_on_as_if_never_stopped(build: Callable[..., OnPolicyLearner]) -> None:
    learner, random = build(), np.random.default_rng(2)
    learner.learn(play(learner, random, inactive=0.3))
    saved = learner.get_state()
    rollout = play(learner, random, inactive=0.3)
    first = learner.learn(rollout)
    resumed = build(seed=99)
    resumed.set_state(saved)
    assert resumed.learn(rollout) == first
    assert_equal_states(resumed.get_state(), learner.get_state())


@pytest.mark.parametrize(("field", "value"), [("lstm_size", 0), ("sequence_length", 1), ("sequence_length", 2000)])
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"PPO.{field} is"):
        PPO(**{"lstm_size": 8, field: value})
