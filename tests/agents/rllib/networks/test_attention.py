"""An encoder with attention over events finds the event that is asked for."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from ray.rllib.core.columns import Columns
from ray.rllib.core.models.base import ENCODER_OUT
from ray.rllib.core.models.configs import MLPEncoderConfig

from marl_market.agents.interfaces import LearningAgent
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.appo import APPO
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.agents.rllib.learners.on_policy import OnPolicyLearner
from marl_market.agents.rllib.networks.attention import Attention, AttentionConfig, AttentionEncoder, event_indices
from marl_market.agents.rllib.networks.policy import TorchPolicy
from marl_market.agents.sampling.sampler import Sampler
from marl_market.agents.scripted.zero_intelligence import ZeroIntelligence
from marl_market.env.actions.limit_grid import LimitGrid
from marl_market.env.batch_market import BatchMarket
from marl_market.env.observations.account import Account
from marl_market.env.observations.clock import Clock
from marl_market.env.observations.events import NUMBERS, Events
from marl_market.env.population.group import Group
from marl_market.evaluation.match import play_match, with_policies
from tests.agents.answers import answer
from tests.agents.rllib.synthetic import closed_rollout
from tests.builders import environment, market_spec

KEYS, HISTORY, STEPS, ROWS = 3, 8, 8, 64
SIZE = KEYS + HISTORY * NUMBERS
EVENTS = range(KEYS, SIZE)
PARTS = {"account": Account(), "events": Events(), "clock": Clock()}

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def build(kind: str = "ppo", events: Any = EVENTS, **fields: Any) -> OnPolicyLearner:
    chosen = {"hidden": (16,), "learning_rate": 5e-3, "discount": 0.0, "epochs": 4, **fields}
    if kind == "ppo":
        return PPO(**{"minibatch_size": 128, "attention": {"heads": 2, "width": 16}, **chosen}).build(
            GroupSpec(SIZE, Discrete(2), events=events), 7
        )
    return APPO(**{"minibatch_rows": 16, "attention": {"heads": 2, "width": 16}, **chosen}).build(
        GroupSpec(SIZE, Discrete(2), STEPS, events), 7
    )


def questions(random: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Return observations that ask for a key, which one event anywhere in the history has, and its answer, 0 or 1."""
    observation = np.zeros((*shape, SIZE), np.float32)
    events = observation[..., KEYS:].reshape(*shape, HISTORY, NUMBERS)
    place = random.random((*shape, HISTORY)).argsort(-1)[..., :KEYS]
    value = random.integers(0, 2, (*shape, KEYS))
    values = np.concatenate([np.broadcast_to(np.eye(KEYS), (*shape, KEYS, KEYS)), 2.0 * value[..., None] - 1], -1)
    np.put_along_axis(events[..., : KEYS + 1], place[..., None], values, axis=-2)
    observation[..., KEYS:] = events.reshape(*shape, -1)
    asked = random.integers(0, KEYS, shape)
    observation[..., :KEYS] = np.eye(KEYS)[asked]
    return observation, np.take_along_axis(value, asked[..., None], -1)[..., 0]


def right(learner: OnPolicyLearner, iterations: int, seed: int = 0) -> float:
    """Return how often a learner is right that has learned for so many iterations."""
    random = np.random.default_rng(seed)
    for _ in range(iterations):
        observation, wanted = questions(random, STEPS + 1, ROWS)
        noise = random.standard_normal((STEPS, ROWS, 1), dtype=np.float32)
        played = [answer(learner, observation[step], noise[step]) for step in range(STEPS)]
        action = np.stack([each.action for each in played])
        reward = (action[..., 0] == wanted[:-1]).astype(np.float32)
        learner.learn(closed_rollout(observation, action, reward, [each.extra for each in played]))
    observation, wanted = questions(random, 2000)
    return float((answer(learner, observation, None).action[..., 0] == wanted).mean())


@pytest.mark.parametrize("kind", ["ppo", "appo"])
def test_it_learns_an_answer_that_is_in_one_event(kind: str) -> None:
    assert right(build(kind), 14) > 0.95


def test_the_same_network_without_attention_does_not() -> None:
    assert right(build(attention=None), 14) < 0.85


def encoder(heads: int = 2) -> AttentionEncoder:
    hidden = MLPEncoderConfig(
        input_dims=(KEYS + 8,),
        hidden_layer_dims=[6],
        hidden_layer_activation="tanh",
        output_layer_dim=5,
        output_layer_activation="tanh",
    )
    torch.manual_seed(0)
    return AttentionConfig((SIZE,), attention=Attention(heads, 8), events=EVENTS, hidden=hidden).build("torch")


def encode(network: AttentionEncoder, observation: Any) -> Any:
    with torch.no_grad():
        return network({Columns.OBS: torch.from_numpy(observation)})[ENCODER_OUT].numpy()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_the_order_of_events_matters_by_their_positions_alone(heads: int) -> None:
    network, (observation, _) = encoder(heads), questions(np.random.default_rng(0), 7)
    encoded = encode(network, observation)
    assert encoded.shape == (7, 5)
    assert network.config.output_dims == (5,)
    mixed = observation.copy()
    mixed[:, KEYS:] = observation[:, KEYS:].reshape(7, HISTORY, NUMBERS)[:, ::-1].reshape(7, -1)
    assert np.abs(encode(network, mixed) - encoded).max() > 1e-3
    with torch.no_grad():
        network.position.zero_()
    np.testing.assert_allclose(encode(network, mixed), encode(network, observation), atol=1e-6)


def test_empty_places_of_the_history_are_masked() -> None:
    network, (observation, _) = encoder(), questions(np.random.default_rng(0), 7)
    events = observation[:, KEYS:].reshape(7, HISTORY, NUMBERS)
    free = ~events.any(axis=(0, 2))
    assert not free.all()
    with torch.no_grad():
        before = encode(network, np.where(np.arange(SIZE) < KEYS, observation, 0).astype(np.float32))
        network.position += 5
        np.testing.assert_array_equal(encode(network, np.where(np.arange(SIZE) < KEYS, observation, 0)), before)
    assert np.isfinite(before).all()


def test_the_indices_of_events() -> None:
    described = environment(observation=PARTS)
    first = Account().size
    assert event_indices(described, "focal") == tuple(range(first, first + Events().size))
    second = market_spec(name="second")
    pair = environment(observation=PARTS, spec=market_spec(further_instruments={"second": second}))
    places = np.array(event_indices(pair, "focal"))
    np.testing.assert_array_equal(places.reshape(2, -1)[1] - places.reshape(2, -1)[0], described.observation_size)


@pytest.mark.parametrize("parts", [{"account": Account()}, {"events": Events()}])
def test_an_observation_without_events_is_refused(parts: Any) -> None:
    described = environment([Group("focal", PPO(attention=Attention()))], observation=parts)
    agent = described.groups[0].agent
    assert isinstance(agent, LearningAgent)
    with pytest.raises(ValueError, match=r"population\.focal has attention over events and observation is \['"):
        agent.learner(described, "focal", 1)


@pytest.mark.parametrize(("field", "value"), [("heads", 0), ("width", 33)])
def test_a_wrong_field_is_named(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"attention.{field} is {value}"):
        PPO(attention={field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [None, 8])
@pytest.mark.parametrize("algorithm", [PPO, APPO])
def test_it_plays_and_learns_in_the_market(algorithm: Callable[..., Any], state: int | None) -> None:
    agent = algorithm(
        hidden=(8,), attention={"heads": 2, "width": 8}, lstm_size=state, learning_rate=0.01, output_scale=1.0
    )
    groups = [Group("noise", ZeroIntelligence(), 6), Group("focal", agent, 2, action=LimitGrid())]
    described = environment(groups, observation=PARTS, spec=market_spec(session_steps=20))
    learner = agent.learner(described, "focal", 1)
    sampler, before = Sampler(BatchMarket(described, 4), {"focal": learner}, 1), learner.policy()
    for iteration in range(3):
        rollout = sampler.sample(iteration).rollouts["focal"]
        assert np.isfinite(list(learner.learn(rollout).values())).all()
    policy = learner.policy()
    assert isinstance(policy, TorchPolicy)
    assert (policy.weights != before.weights).any()
    first, second = (
        play_match(with_policies(described, {"focal": each}), [1, 2])
        for each in (policy, pickle.loads(pickle.dumps(policy)))
    )
    np.testing.assert_array_equal(first.reward, second.reward)
    assert (first.reward != play_match(with_policies(described, {"focal": before}), [1, 2]).reward).any()
