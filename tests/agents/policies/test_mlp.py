import numpy as np
import pytest

from marl_market.agents.evolution.evolution_strategy import EvolutionStrategy
from marl_market.agents.policies.mlp import MultilayerPerceptron
from marl_market.env.actions.order_by_order import OrderByOrder
from marl_market.env.actions.quotes import Quotes
from marl_market.env.interface.signatures import PARAMS


def test_the_flat_layout_is_weight_then_bias_layer_by_layer() -> None:
    network = MultilayerPerceptron((2, 3, 1))
    vector = np.arange(13, dtype=np.float32)
    (weight, bias), (last_weight, last_bias) = network.layers(vector)
    np.testing.assert_array_equal(weight, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(bias, [6, 7, 8])
    np.testing.assert_array_equal(last_weight, [[9], [10], [11]])
    np.testing.assert_array_equal(last_bias, [12])
    assert network.parameter_count == 13
    np.testing.assert_array_equal(network.flatten(network.layers(vector)), vector)


def test_initial_weights_are_random_and_near_zero_at_the_outputs() -> None:
    network = MultilayerPerceptron((100, 64, 8))
    (weight, bias), (last_weight, last_bias) = network.layers(network.initial(np.random.default_rng(0)))
    assert weight.std() == pytest.approx(0.1, rel=0.03)
    assert last_weight.std() == pytest.approx(0.01 / 8, rel=0.1)
    assert not bias.any()
    assert not last_bias.any()
    np.testing.assert_array_equal(weight, network.layers(network.initial(np.random.default_rng(0)))[0][0])


def test_records_get_their_own_vector_and_others_stay_as_they_are() -> None:
    network = MultilayerPerceptron((4, 3, 2))
    params = np.zeros(5, PARAMS)
    params["weight"] = 9
    vectors = np.random.default_rng(0).standard_normal((2, network.parameter_count)).astype(np.float32)
    network.write_params(params, [3, 1], vectors)
    for row, vector in ((3, vectors[0]), (1, vectors[1])):
        assert params["layer_count"][row] == 3
        np.testing.assert_array_equal(params["layer_size"][row, :3], [4, 3, 2])
        np.testing.assert_array_equal(params["weight"][row, : network.parameter_count], vector)
        assert (params["weight"][row, network.parameter_count :] == 9).all()
    assert not params["layer_count"][[0, 2, 4]].any()
    network.write_params(params, slice(3, 5), vectors[0])
    np.testing.assert_array_equal(params["weight"][3:, : network.parameter_count], vectors[[0, 0]])


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ((4,), "1 layers"),
        ((4, *[5] * 7, 1), "9 layers"),
        ((769, 4), "a layer of 769 units"),
        ((4, 0, 1), "a layer of 0 units"),
        ((4, 17), "17 outputs"),
        ((100, 120, 50, 1), "18221 parameters"),
    ],
)
def test_a_network_that_does_not_compile_raises(sizes: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        MultilayerPerceptron(sizes)


def test_wrong_vectors_and_layers_raise() -> None:
    network = MultilayerPerceptron((2, 3, 1))
    params = np.zeros(1, PARAMS)
    with pytest.raises(ValueError, match="length 12"):
        network.write_params(params, [0], np.zeros(12, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        network.write_params(params, [0], np.full(13, np.inf, np.float32))
    with pytest.raises(ValueError, match="length 14"):
        network.layers(np.zeros(14, np.float32))
    with pytest.raises(ValueError, match="layers have shapes"):
        network.flatten([(np.zeros((3, 2)), np.zeros(3)), (np.zeros((3, 1)), np.zeros(1))])
    assert not params["layer_count"].any()


def test_an_evolution_strategy_makes_its_network_and_search() -> None:
    agent = EvolutionStrategy(hidden=[6, 5])
    network = agent.network(4, Quotes())
    assert network.sizes == (4, 6, 5, 4)
    state, again, other = (agent.initial(network, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(state.mean, again.mean)
    assert not np.array_equal(state.mean, other.mean)
    candidates = agent.strategy.ask(state, 4)
    assert candidates.shape == (4, network.parameter_count)
    weights = state.mean[: 4 * 6]
    step = (candidates[0] - state.mean)[: 4 * 6]
    assert abs(np.corrcoef(weights, step)[0, 1]) < 0.9  # the search's noise is not that of the initial weights


def test_a_network_of_scores_has_one_for_each_choice() -> None:
    network = EvolutionStrategy(hidden=[6]).network(4, OrderByOrder())
    assert network == MultilayerPerceptron((4, 6, 21), (5, 8, 5, 3))
    params = np.zeros(2, PARAMS)
    params["num_choices"], params["tanh_squashed"] = 9, 9
    network.write_params(params, [0], np.zeros(network.parameter_count, np.float32))
    assert params["num_choices"].tolist() == [[5, 8, 5, 3, *[0] * 12], [9] * 16]
    assert params["tanh_squashed"].tolist() == [0, 9]
    with pytest.raises(ValueError, match=r"14 outputs; a compiled policy holds a score for each of \(4, 3\) choices"):
        MultilayerPerceptron((4, 14), (4, 3))
    with pytest.raises(ValueError, match="65 choices; a compiled policy holds up to 64"):
        MultilayerPerceptron((4, 65), (65,))
