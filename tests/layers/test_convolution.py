"""Convolutions against their definition; what the table of conformance cases cannot say."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from aseq import linalg
from aseq.errors import ConfigError, ShapeError
from aseq.layers import Conv1D, Conv2D, from_config
from aseq.layers._correlation import BLOCK, KEEP, Unfolded
from aseq.layers._grid import Grid
from tests.layers import reference


def built(layer, shape, dtype=np.float64, seed=1):
    layer.initialize((None, *shape), seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.value = rng.standard_normal(weight.shape).astype(dtype)
    return layer


def random(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


ONE_AXIS = [
    (kernel, stride, dilation, padding)
    for kernel in (1, 2, 3, 5)
    for stride in (1, 2, 3)
    for dilation in (1, 2)
    for padding in ("valid", "same", "causal")
    if stride == 1 or dilation == 1
]


@pytest.mark.parametrize(("kernel", "stride", "dilation", "padding"), ONE_AXIS)
def test_conv1d_is_its_definition(kernel, stride, dilation, padding):
    layer = built(Conv1D(4, kernel, stride, padding, dilation_rate=dilation), (11, 3))
    x = random(2, 11, 3)
    expected = reference.correlate(x, layer.kernel.value, (stride,), (dilation,), padding) + layer.bias.value
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-12, atol=1e-12)


TWO_AXES = [
    ((3, 3), (1, 1), (1, 1), "valid"),
    ((3, 2), (1, 1), (1, 1), "same"),
    ((2, 3), (2, 1), (1, 1), "same"),
    ((3, 3), (1, 2), (1, 1), "valid"),
    ((3, 3), (3, 3), (1, 1), "same"),
    ((2, 2), (1, 1), (2, 3), "valid"),
    ((3, 3), (1, 1), (2, 1), "same"),
    ((1, 1), (1, 1), (1, 1), "valid"),
    ((1, 1), (2, 2), (1, 1), "same"),
    ((5, 1), (1, 1), (1, 1), "same"),
    ((1, 4), (1, 1), (1, 1), "same"),
]


@pytest.mark.parametrize("channels", [1, 2, 6])  # few channels are unfolded another way
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("kernel", "strides", "dilation", "padding"), TWO_AXES)
def test_conv2d_is_its_definition(kernel, strides, dilation, padding, groups, channels):
    channels *= groups
    layer = built(
        Conv2D(4, kernel, strides, padding, dilation_rate=dilation, groups=groups, use_bias=False),
        (7, 8, channels),
    )
    x = random(2, 7, 8, channels)
    y, backward = layer.forward(x, training=True)
    expected = reference.correlate(x, layer.kernel.value, strides, dilation, padding, groups)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    # The gradients follow from linearity: <dy, f(x)> = <dx, x> = <dW, W>.
    dy = random(*y.shape, seed=5)
    dx = backward(dy)
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y), rtol=1e-9)
    np.testing.assert_allclose(np.vdot(layer.kernel.grad, layer.kernel.value), np.vdot(dy, y), rtol=1e-9)


def test_numbers_of_tfjs():
    x = np.array([10, 20, 40, 80], np.float32).reshape(1, 4, 1)
    for padding, expected in (("valid", [-7.8, -17.8, -37.8]), ("same", [-7.8, -17.8, -37.8, 82.2])):
        layer = Conv1D(1, 2, padding=padding).initialize((None, 4, 1))
        layer.kernel.value[:, 0, 0] = 1, -1
        layer.bias.value[:] = 2.2
        np.testing.assert_allclose(layer.forward(x)[0].ravel(), expected, rtol=1e-6)


def test_causal_sees_no_future():
    layer = built(Conv1D(3, 3, padding="causal", dilation_rate=2), (9, 2))
    x = random(1, 9, 2)
    changed = x.copy()
    changed[:, 6:] += 1
    before, after = layer.forward(x)[0], layer.forward(changed)[0]
    np.testing.assert_array_equal(before[:, :6], after[:, :6])
    assert (before[:, 6:] != after[:, 6:]).all()


def test_channels_first_is_a_transpose():
    last = built(Conv2D(4, 3, 2, "same", activation="tanh"), (7, 6, 3))
    first = built(Conv2D(4, 3, 2, "same", "channels_first", activation="tanh"), (3, 7, 6))
    x = random(2, 7, 6, 3)
    y, into = last.forward(x)
    z, into_first = first.forward(x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(z, y.transpose(0, 3, 1, 2), rtol=1e-12)
    assert first.compute_output_shape((None, 3, 7, 6)) == (None, 4, 4, 3)
    dy = random(*y.shape)
    np.testing.assert_allclose(
        into_first(dy.transpose(0, 3, 1, 2)), into(dy).transpose(0, 3, 1, 2), rtol=1e-12
    )


def test_weights_in_keras_order():
    layer = Conv2D(8, (3, 2), groups=2).initialize((None, 9, 9, 4))
    assert [(w.name, w.shape) for w in layer.weights] == [("kernel", (3, 2, 2, 8)), ("bias", (8,))]
    assert [w.name for w in Conv1D(8, 3, use_bias=False).initialize((None, 9, 4)).weights] == ["kernel"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [3, 40])
def test_many_blocks_are_one(batch, training):
    """Images so large that a sample's windows fill several blocks, and batches of several blocks."""
    size = 80 if batch == 3 else 24
    layer = built(Conv2D(2, 5, padding="same"), (size, size, 4))
    x = random(batch, size, size, 4)
    assert batch * size * size * 25 * 4 > max(2 * BLOCK, KEEP if batch == 40 else 0)
    y, backward = layer.forward(x, training)
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (1, 2))
    np.testing.assert_allclose(y, np.einsum("bijcuv,uvcf->bijf", seen, layer.kernel.value) + layer.bias.value)
    dy = random(*y.shape)
    dx = backward(dy)
    np.testing.assert_allclose(
        layer.kernel.grad, np.einsum("bijcuv,bijf->uvcf", seen, dy), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(layer.bias.grad, dy.sum((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y - layer.bias.value), rtol=1e-9)


def test_windows_are_kept_only_for_training_and_only_if_few():
    few, many = random(2, 9, 9, 4), random(3, 200, 200, 1)
    for x, keep, kept in ((few, True, True), (few, False, False), (many, True, False)):
        grid = Grid.over(x.shape[1:3], (3, 3), (1, 1), (1, 1), "valid")
        assert (Unfolded(x, grid, keep=keep).kept is not None) is kept


class TwoThreads(linalg.Team):
    def run(self, function, parts):
        threads = [threading.Thread(target=function, args=part) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("groups", [1, 2])
def test_two_threads_give_the_same_bits(groups):
    layer = built(Conv2D(32, 3, groups=groups), (26, 26, 16), np.float32)
    x = random(9, 26, 26, 16, dtype=np.float32)
    results = []
    for team in (None, TwoThreads()):
        token = linalg.team.set(team)
        try:
            y, backward = layer.forward(x, training=True)
            dx = backward(np.cos(y))
        finally:
            linalg.team.reset(token)
        results.append((y, dx, layer.kernel.grad.copy(), layer.bias.grad.copy()))
    for alone, together in zip(*results, strict=True):
        np.testing.assert_array_equal(alone, together)


def test_nothing_upstream_learns():
    layer = built(Conv2D(2, 3), (5, 5, 1))
    layer.input_gradient = False
    y, backward = layer.forward(random(1, 5, 5, 1), training=True)
    assert backward(np.ones_like(y)) is None
    assert layer.kernel.grad.any()


def test_fused_last_layer_leaves_the_activation_out():
    layer = built(Conv1D(3, 2, activation="softmax"), (5, 2))
    x = random(2, 5, 2)
    z, _ = layer.preactivation(x)
    e = np.exp(z)
    np.testing.assert_allclose(layer.forward(x)[0], e / e.sum(-1, keepdims=True), rtol=1e-12)


def test_regularizers_and_constraints_reach_the_weights():
    layer = Conv2D(
        2,
        2,
        kernel_regularizer="l2",
        bias_constraint="non_neg",
        activity_regularizer="l1",
        kernel_constraint="NonNeg",
    ).initialize((None, 4, 4, 1))
    kernel, bias = layer.weights
    assert kernel.regularizer is not None
    assert kernel.constraint is not None
    assert bias.regularizer is None
    assert bias.constraint is not None
    assert layer.activity_regularizer is not None


def test_config_of_keras_and_tfjs():
    config = {
        "filters": 4,
        "kernel_size": [3],
        "strides": [1],
        "padding": "CAUSAL",
        "data_format": "channelsLast",
    }
    layer = from_config({"class_name": "Conv1D", "config": config})
    assert (layer.padding, layer.data_format, layer.kernel_size) == ("causal", "channels_last", (3,))
    again = from_config({"class_name": "Conv1D", "config": layer.get_config()})
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 3), "filters"),
        (lambda: Conv2D(4, 0), "kernel_size"),
        (lambda: Conv2D(4, (3, 3, 3)), "kernel_size"),
        (lambda: Conv2D(4, 3, strides=0), "strides"),
        (lambda: Conv2D(4, 3, padding="causal"), "padding"),
        (lambda: Conv1D(4, 3, padding="full"), "padding"),
        (lambda: Conv2D(4, 3, 2, dilation_rate=2), "not both"),
        (lambda: Conv2D(4, 3, groups=3), "groups"),
        (lambda: Conv2D(4, 3, data_format="last"), "data_format"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Conv2D(4, 3, name="eye"),
            (None, 28, 28),
            r"'eye' \(Conv2D\): expected inputs of 4 axes.*\(None, 28, 28\)",
        ),
        (Conv2D(4, 5), (None, 4, 9, 1), r"kernel_size=\(5, 5\).*\(None, 4, 9, 1\)"),
        (Conv2D(4, 3, groups=2), (None, 9, 9, 3), "groups=2"),
        (Conv1D(4, 3), (None, 9, None), "known size"),
    ],
)
def test_wrong_inputs_are_refused_when_building(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.initialize(shape)


def test_open_sizes():
    layer = Conv2D(4, 3, 2, "same").initialize((None, None, None, 3))
    assert layer.output_shape == (None, None, None, 4)
    for size in (5, 8):
        assert layer.forward(np.zeros((1, size, size, 3), np.float32))[0].shape == (
            1,
            -(-size // 2),
            -(-size // 2),
            4,
        )


def test_empty_batch():
    layer = built(Conv2D(4, 3), (6, 6, 2), np.float32)
    layer.kernel.grad[...] = 7
    y, backward = layer.forward(np.zeros((0, 6, 6, 2), np.float32), training=True)
    assert y.shape == (0, 4, 4, 4)
    assert backward(y).shape == (0, 6, 6, 2)
    assert not layer.kernel.grad.any()
