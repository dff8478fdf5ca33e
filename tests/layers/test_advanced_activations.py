"""Activations with arguments or weights of their own."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.errors import ConfigError, ShapeError
from aseq.layers import ELU, LeakyReLU, PReLU, ReLU, Softmax, from_config
from tests.layers.test_convolution import random

X = np.array([[-10.0, -1.0, -0.0, 0.0, 0.5, 1.0, 20.0]])


def value_and_slope(layer, x=X):
    y, backward = layer.forward(x)
    return y.ravel().tolist(), backward(np.ones_like(x)).ravel().tolist()


def test_relu():
    assert value_and_slope(ReLU()) == ([0, 0, 0, 0, 0.5, 1, 20], [0, 0, 0, 0, 1, 1, 1])
    y, slope = value_and_slope(ReLU(max_value=6, negative_slope=0.5, threshold=1.0))
    assert y == [-5.5, -1, -0.5, -0.5, -0.25, 1, 6]
    assert slope == [0.5, 0.5, 0.5, 0.5, 0.5, 1, 0]


def test_infinite_inputs():
    x = np.array([[-np.inf, np.inf]])
    assert ReLU().forward(x)[0].tolist() == [[0, np.inf]]
    assert ReLU(max_value=6).forward(x)[0].tolist() == [[0, 6]]
    assert LeakyReLU(0.5).forward(x)[0].tolist() == [[-np.inf, np.inf]]
    assert ELU().forward(x)[0].tolist() == [[-1, np.inf]]


def test_leaky_relu():
    y, slope = value_and_slope(LeakyReLU(0.25))
    assert y == [-2.5, -0.25, 0, 0, 0.5, 1, 20]
    assert slope == [0.25, 0.25, 0.25, 0.25, 1, 1, 1]
    assert LeakyReLU().negative_slope == 0.3
    assert from_config({"class_name": "LeakyReLU", "config": {"alpha": 0.1}}).negative_slope == 0.1


def test_elu():
    y, slope = value_and_slope(ELU(2.0))
    np.testing.assert_allclose(y, np.where(X > 0, X, 2 * np.expm1(X))[0])
    np.testing.assert_allclose(slope, np.where(X > 0, 1, 2 * np.exp(np.minimum(X, 0)))[0])


def test_prelu():
    layer = PReLU().initialize((None, 3, 4), dtype=np.float64)
    assert layer.alpha.shape == (3, 4)
    layer.alpha.value[...] = np.arange(12).reshape(3, 4) / 10
    x = random(5, 3, 4)
    y, backward = layer.forward(x)
    np.testing.assert_allclose(y, np.where(x > 0, x, x * layer.alpha.value))
    dy = random(5, 3, 4, seed=3)
    np.testing.assert_allclose(backward(dy), dy * np.where(x > 0, 1, layer.alpha.value))
    np.testing.assert_allclose(layer.alpha.grad, (dy * np.minimum(x, 0)).sum(0))


def test_prelu_shares_axes():
    layer = PReLU("ones", shared_axes=[1, 2]).initialize((None, None, 8, 4), dtype=np.float64)
    assert layer.alpha.shape == (1, 1, 4)
    x = random(2, 5, 8, 4)
    y, backward = layer.forward(x)
    np.testing.assert_array_equal(y, x)
    backward(np.ones_like(x))
    np.testing.assert_allclose(layer.alpha.grad[0, 0], np.minimum(x, 0).sum((0, 1, 2)))
    assert PReLU(shared_axes=1).shared_axes == [1]
    for shared, shape in ((None, (None, None, 4)), ([3], (None, 4, 4))):
        with pytest.raises(ShapeError, match="shared_axes"):
            PReLU(shared_axes=shared).initialize(shape)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
def test_softmax(axis):
    x = random(2, 3, 4) * 100
    y, backward = Softmax(axis).forward(x)
    axes = tuple(axis) if isinstance(axis, list) else axis
    np.testing.assert_allclose(y.sum(axes), 1)
    e = np.exp(x - x.max(axes, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(axes, keepdims=True))
    np.testing.assert_allclose(backward(np.ones_like(x)), 0, atol=1e-12)  # a shift changes nothing


def test_softmax_leaves_masked_entries_out():
    mask = np.array([[True, False, True], [False, False, False]])
    y, backward = Softmax().forward(np.zeros((2, 3)), False, mask)
    assert y.tolist() == [[0.5, 0, 0.5], [0, 0, 0]]
    assert (backward(random(2, 3))[~mask] == 0).all()
    time_mask = np.ones((2, 3), bool)  # of a sequence, not of its features
    np.testing.assert_allclose(Softmax().forward(np.zeros((2, 3, 2)), False, time_mask)[0], 0.5)


@pytest.mark.parametrize(
    "layer", [ReLU(6.0, 0.1, 0.2), LeakyReLU(0.2), PReLU(shared_axes=[1]), ELU(0.3), Softmax([1, 2])]
)
def test_configs_round_trip(layer):
    again = from_config({"class_name": type(layer).__name__, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()
    assert again.compute_mask(X, np.ones((1, 7), bool)) is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda: ReLU(-1),
        lambda: ReLU(negative_slope=-1),
        lambda: ReLU(threshold=None),
        lambda: LeakyReLU(-0.1),
    ],
)
def test_wrong_arguments(make):
    with pytest.raises(ConfigError, match="at least 0"):
        make()


def test_wrong_axis():
    with pytest.raises(ShapeError, match="axis=3"):
        Softmax(3).initialize((None, 4))
