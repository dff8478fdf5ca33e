"""Depthwise and separable convolutions: what they are in terms of plain ones."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.errors import ConfigError
from aseq.layers import Conv1D, Conv2D, DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from tests.layers.test_convolution import built, random

GEOMETRY = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "strides": 2, "padding": "same"},
    {"kernel_size": 2, "dilation_rate": 2, "padding": "same"},
]


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("geometry", GEOMETRY)
def test_depthwise_is_a_convolution_with_a_group_a_channel(geometry, multiplier):
    layer = built(DepthwiseConv2D(**geometry, depth_multiplier=multiplier), (6, 7, 4))
    conv = built(Conv2D(4 * multiplier, **geometry, groups=4), (6, 7, 4))
    # A group's filters lie side by side in the convolution: channel c's are c M ... c M + M - 1.
    conv.kernel.value = layer.kernel.value.reshape(*layer.kernel.shape[:2], 1, -1)
    conv.bias.value = layer.bias.value
    x = random(2, 6, 7, 4)
    (y, into), (z, into_conv) = layer.forward(x), conv.forward(x)
    np.testing.assert_allclose(y, z, rtol=1e-10, atol=1e-12)
    dy = random(*y.shape, seed=4)
    np.testing.assert_allclose(into(dy), into_conv(dy), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.kernel.grad, conv.kernel.grad.reshape(layer.kernel.shape), rtol=1e-10)
    np.testing.assert_allclose(layer.bias.grad, conv.bias.grad, rtol=1e-10)


@pytest.mark.parametrize("geometry", GEOMETRY)
def test_separable_is_depthwise_then_pointwise(geometry):
    layer = built(SeparableConv2D(5, **geometry, depth_multiplier=2, activation="tanh"), (6, 7, 3))
    deep = built(DepthwiseConv2D(**geometry, depth_multiplier=2, use_bias=False), (6, 7, 3))
    point = built(Conv2D(5, 1, activation="tanh"), deep.output_shape[1:])
    deep.kernel.value, point.kernel.value, point.bias.value = (weight.value for weight in layer.weights)
    x = random(2, 6, 7, 3)
    h, into_deep = deep.forward(x)
    z, into_point = point.forward(h)
    y, into = layer.forward(x)
    np.testing.assert_allclose(y, z, rtol=1e-10)
    dy = random(*y.shape, seed=4)
    np.testing.assert_allclose(into(dy), into_deep(into_point(dy)), rtol=1e-10, atol=1e-12)
    expected = (deep.kernel.grad, point.kernel.grad, point.bias.grad)
    for weight, gradient in zip(layer.weights, expected, strict=True):
        np.testing.assert_allclose(weight.grad, gradient, rtol=1e-10)


def test_sequences():
    x = random(2, 8, 3)
    deep = built(DepthwiseConv1D(3, padding="same"), (8, 3))
    conv = built(Conv1D(3, 3, padding="same", groups=3), (8, 3))
    conv.kernel.value, conv.bias.value = deep.kernel.value.reshape(3, 1, 3), deep.bias.value
    np.testing.assert_allclose(deep.forward(x)[0], conv.forward(x)[0], rtol=1e-10)
    causal = built(SeparableConv1D(4, 3, padding="causal"), (8, 3))
    changed = x.copy()
    changed[:, 5:] = 9
    np.testing.assert_array_equal(causal.forward(x)[0][:, :5], causal.forward(changed)[0][:, :5])


def test_weights_in_keras_order():
    layer = SeparableConv2D(5, 3, depth_multiplier=2).initialize((None, 9, 9, 4))
    assert [(w.name, w.shape) for w in layer.weights] == [
        ("depthwise_kernel", (3, 3, 4, 2)),
        ("pointwise_kernel", (1, 1, 8, 5)),
        ("bias", (5,)),
    ]
    layer = DepthwiseConv1D(3, depth_multiplier=2).initialize((None, 9, 4))
    assert [(w.name, w.shape) for w in layer.weights] == [("kernel", (3, 4, 2)), ("bias", (8,))]


def test_depth_multiplier_is_checked():
    with pytest.raises(ConfigError, match="depth_multiplier"):
        DepthwiseConv2D(3, depth_multiplier=0)


@pytest.mark.parametrize("make", [lambda: DepthwiseConv2D(2), lambda: SeparableConv2D(3, 2)])
def test_no_gradient_of_the_input_where_nobody_asks(make):
    gradients = []
    for wanted in (True, False):
        layer = make().initialize((None, 4, 4, 2))
        layer.input_gradient = wanted
        y, backward = layer.forward(np.ones((2, 4, 4, 2), np.float32), True)
        assert (backward(np.ones_like(y)) is not None) == wanted
        gradients.append([weight.grad.copy() for weight in layer.weights])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)
