"""The graph: forward, backward, ranges that learn, state; also with several inputs to one node's output."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.errors import ConfigError, NotBuiltError, ShapeError
from aseq.layers import Dense, Dropout, Input
from aseq.network import Network, Node, chain


def test_gradients_of_a_chain_against_finite_differences() -> None:
    network = Network(
        chain([Input((3,)), Dense(4, "tanh"), Dense(2, "softmax", name="out")]), seed=0, dtype=np.float64
    )
    rng = np.random.default_rng(0)
    x, projection = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))

    def value() -> float:
        return float((network.predict([x])[0] * projection).sum())

    network.forward([x], True).backward([projection])
    for i in range(network.params.size):
        network.params[i] += 1e-6
        up = value()
        network.params[i] -= 2e-6
        down = value()
        network.params[i] += 1e-6
        assert network.grads[i] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-8)


def test_a_node_that_feeds_two_sums_their_gradients() -> None:
    shared, left, right = Dense(3, name="shared"), Dense(2, name="left"), Dense(2, name="right")
    nodes = [Node(Input((4,))), Node(shared, (0,)), Node(left, (1,)), Node(right, (1,))]
    network = Network(nodes, [2, 3], seed=0, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((6, 4))
    ones = np.ones((6, 2))

    def kernel_gradient(gradients: list[np.ndarray]) -> np.ndarray:
        network.forward([x], True).backward(gradients)
        return shared.kernel.grad.copy()

    both = kernel_gradient([ones, ones])
    np.testing.assert_allclose(
        both, kernel_gradient([ones, 0 * ones]) + kernel_gradient([0 * ones, ones]), rtol=1e-12
    )


def test_fused_outputs_give_logits_and_activations() -> None:
    network = Network(chain([Input((3,)), Dense(4, "softmax")]), seed=0)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype("f")
    fused = network.forward([x], False, fused={len(network.nodes) - 1})
    assert np.array_equal(fused.outputs[0], network.predict([x])[0])
    assert fused.logits[0] is not None
    assert not np.array_equal(fused.logits[0], fused.outputs[0])


def test_ranges_cover_what_learns() -> None:
    layers = [Input((2,)), Dense(3, name="a"), Dense(3, name="b"), Dense(3, name="c")]
    network = Network(chain(layers), seed=0)
    assert network.ranges == [(0, network.params.size)]
    layers[2].trainable = False
    network.refresh()
    assert network.ranges == [(0, 9), (21, 33)]
    assert layers[1].input_gradient is False
    assert layers[2].input_gradient is True
    layers[1].trainable = False
    network.refresh()
    assert layers[3].input_gradient is False


def test_state_round_trip_continues_bit_for_bit() -> None:
    network = Network(chain([Input((2,)), Dense(3), Dropout(0.5)]), seed=0)
    x = np.ones((4, 2), "f")
    state = network.get_state()
    first = network.forward([x], True).outputs[0]
    network.params += 1
    network.set_state(state)
    assert np.array_equal(network.forward([x], True).outputs[0], first)


def test_noise_and_first_weights_depend_on_the_seed_alone() -> None:
    def noise(seed: int) -> np.ndarray:
        network = Network(chain([Input((2,)), Dense(3), Dropout(0.5)]), seed=seed)
        return network.forward([np.ones((4, 2), "f")], True).outputs[0]

    assert np.array_equal(noise(1), noise(1))
    assert not np.array_equal(noise(1), noise(2))


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="twice"):
        Network(chain([Input((2,)), Dense(3, name="a"), Dense(3, name="a")]))
    with pytest.raises(NotBuiltError, match="input shape"):
        Network(chain([Dense(3), Dense(3, name="b")]))
    network = Network(chain([Input((2,)), Dense(3)]))
    for bad, says in [(np.ones((4, 3)), "batch, 2"), (np.ones(4), "batch, 2"), (np.array(["a"]), "numbers")]:
        with pytest.raises(ShapeError, match=says):
            network.check_inputs([bad])
    with pytest.raises(ShapeError, match="1 inputs"):
        network.check_inputs([])


def test_a_column_may_be_given_as_a_vector() -> None:
    network = Network(chain([Input((1,)), Dense(3)]))
    assert network.check_inputs([np.ones(4)])[0].shape == (4, 1)
