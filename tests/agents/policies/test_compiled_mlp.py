from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray

from marl_market.agents.policies.compiled_mlp import hyperbolic_tangent, play
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.agents.rllib.algorithms.algorithm import GroupSpec
from marl_market.agents.rllib.algorithms.ppo import PPO
from marl_market.env.interface.records import SEAT, SEAT_ACTIONS
from marl_market.env.interface.signatures import DECODE, PARAMS, call_trader
from marl_market.env.interface.spaces import continuous
from marl_market.exchange.records import PUBLIC
from tests.agents.answers import answer


@njit
def call(address, public, seat, params):  # type: ignore[no-untyped-def]
    return call_trader(address, public, seat, params)


def decide(network: MultilayerPerceptron, vector: NDArray[np.float32], observation: NDArray[np.float32]) -> Any:
    """Return the actions (n, outputs) of one policy for `observation` (n, inputs)."""
    params = np.zeros(1, PARAMS)
    params["weight"] = np.nan  # what lies beyond the network must not count
    network.write_params(params, [0], vector)
    seats = np.zeros(len(observation), SEAT)
    seats["agent"]["observation"] = np.nan
    seats["agent"]["observation"][:, : network.sizes[0]] = observation
    seats["agent"]["activation"] = np.nan
    seats["agent"]["action"] = -7
    public = np.zeros(1, PUBLIC)[0]
    assert {call(play.address, public, seat, params[0]) for seat in seats} == {DECODE}
    outputs = network.sizes[-1]
    np.testing.assert_array_equal(
        seats["agent"]["action"][:, outputs:], np.full((len(seats), SEAT_ACTIONS - outputs), -7)
    )
    return seats["agent"]["action"][:, :outputs]


@pytest.mark.parametrize(
    "sizes", [(1, 1), (128, 8), (5, 1, 1), (18, 64, 64, 4), (128, 48, 3), (7, 6, 5, 13, 2), (9, *[17] * 6, 8)]
)
def test_decisions_equal_those_of_torch(sizes: tuple[int, ...]) -> None:
    random = np.random.default_rng(len(sizes))
    network = MultilayerPerceptron(sizes)
    layers = [
        (random.normal(0, inputs**-0.5, (inputs, outputs)), random.normal(0, 0.5, outputs))
        for inputs, outputs in pairwise(sizes)
    ]
    vector = network.flatten(layers)
    observation = random.normal(0, 2, (20, sizes[0])).astype(np.float32)
    hidden = torch.from_numpy(observation)
    for index, (weight, bias) in enumerate(network.layers(vector)):
        hidden = hidden @ torch.from_numpy(weight) + torch.from_numpy(bias)
        if index < len(sizes) - 2:
            hidden = torch.tanh(hidden)
    np.testing.assert_allclose(decide(network, vector, observation), hidden.numpy(), atol=1e-5)


def test_a_policy_learned_with_rllib_plays_compiled() -> None:
    learner = PPO(hidden=(32, 20), output_scale=1.0).build(GroupSpec(12, continuous(3)), seed=0)
    observation = np.random.default_rng(0).standard_normal((50, 12), dtype=np.float32)
    action = answer(learner, observation, None).action
    np.testing.assert_allclose(decide(*learner.network(), observation), action, atol=1e-5)


@pytest.mark.parametrize("tanh_squashed", [False, True])
def test_outputs_are_tanh_units_if_the_params_say_so(tanh_squashed: bool) -> None:
    network = MultilayerPerceptron((1, 2), tanh_squashed=tanh_squashed)
    action = decide(network, network.flatten([(np.array([[3.0, -0.5]]), np.zeros(2))]), np.ones((1, 1), np.float32))
    np.testing.assert_allclose(action, [np.tanh([3.0, -0.5]) if tanh_squashed else [3.0, -0.5]], rtol=1e-6)


def choose(scores: Sequence[float], mask: Sequence[int], choices: Sequence[int]) -> list[float]:
    """Return the action of a policy whose network gives these scores."""
    network = MultilayerPerceptron((1, len(scores)), choices)
    params = np.zeros(1, PARAMS)
    network.write_params(params, [0], network.flatten([(np.zeros((1, len(scores))), np.array(scores))]))
    seats = np.zeros(1, SEAT)
    seats["agent"]["action"] = -7
    seats["agent"]["mask"][0, : len(mask)] = mask
    assert call(play.address, np.zeros(1, PUBLIC)[0], seats[0], params[0]) == DECODE
    assert (seats["agent"]["action"][0, len(choices) :] == -7).all()
    return [float(number) for number in seats["agent"]["action"][0, : len(choices)]]


def test_the_best_choice_that_is_not_masked_is_taken() -> None:
    assert choose([0.1, 0.3, 0.2], [1, 1, 1], (3,)) == [1]
    assert choose([0.1, 0.3, 0.2], [1, 0, 1], (3,)) == [2]
    assert choose([0.1, 0.3, 0.2], [0, 0, 0], (3,)) == [1]  # nothing allowed: as if everything were
    assert choose([0.5, 0.5, 0.5], [0, 1, 1], (3,)) == [1]
    assert choose([0.0, 1.0, -1.0, -2.0, -3.0], [1, 0, 0, 1, 1], (2, 3)) == [0, 1]


def test_numbers_without_choices_are_outputs() -> None:
    assert choose([0.0, 1.0, 0.5, -0.25], [1, 0], (2, 0, 0)) == [0, 0.5, -0.25]
    assert choose([0.0, 1.0, 0.5, 3.0, 2.0], [1, 1, 0, 1], (2, 0, 2)) == [1, 0.5, 1]
    with pytest.raises(ValueError, match="a choice as the first number"):
        MultilayerPerceptron((1, 3), (0, 2))


def test_the_hyperbolic_tangent_is_exact_to_a_few_parts_in_ten_million() -> None:
    values = np.concatenate([np.geomspace(1e-30, 1e4, 4000), [0.0, 4.5, 9.0, np.inf]]).astype(np.float32)
    for sign in (np.float32(1), np.float32(-1)):
        mine = np.array([hyperbolic_tangent(sign * value) for value in values])
        np.testing.assert_allclose(mine, np.tanh(np.float64(sign) * values), rtol=4e-7)
    assert np.isnan(hyperbolic_tangent(np.float32(np.nan)))
