"""Pooling against its definition: windows, ties, padding, masks."""

from __future__ import annotations

import numpy as np
import pytest

from aseq import layers
from aseq.errors import ConfigError, ShapeError
from aseq.layers import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from tests.layers import reference
from tests.layers.test_convolution import random

TWO_AXES = [
    ((2, 2), (2, 2), "valid"),
    ((2, 2), (2, 2), "same"),
    ((3, 3), (2, 2), "same"),
    ((3, 2), (1, 1), "valid"),
    ((2, 3), (2, 1), "same"),
    ((1, 2), (3, 3), "valid"),
    ((2, 2), (3, 3), "same"),
    ((5, 4), (1, 2), "same"),
]


@pytest.mark.parametrize(("size", "strides", "padding"), TWO_AXES)
@pytest.mark.parametrize(("kind", "reduce"), [(MaxPooling2D, np.max), (AveragePooling2D, np.mean)])
def test_2d_is_its_definition(kind, reduce, size, strides, padding):
    x = random(2, 7, 6, 3)
    layer = kind(size, strides, padding)
    y = layer.forward(x)[0]
    np.testing.assert_allclose(y, reference.pool(x, size, strides, padding, reduce), rtol=1e-12)
    assert layer.compute_output_shape((2, 7, 6, 3)) == y.shape


@pytest.mark.parametrize(("size", "strides", "padding"), TWO_AXES)
def test_the_first_of_equal_maxima_takes_the_gradient(size, strides, padding):
    x = np.round(random(3, 7, 6, 4))  # whole numbers: most windows have ties
    y, backward = MaxPooling2D(size, strides, padding).forward(x)
    dy = random(*y.shape, seed=2)
    expected = reference.first_maximum_gradient(x, dy, size, strides, padding)
    np.testing.assert_allclose(backward(dy), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, None, "valid"), (3, 1, "same"), (3, 2, "same"), (4, 5, "same")]
)
@pytest.mark.parametrize(("kind", "reduce"), [(MaxPooling1D, np.max), (AveragePooling1D, np.mean)])
def test_1d_is_its_definition(kind, reduce, size, stride, padding):
    x = random(2, 9, 3)
    expected = reference.pool(x, (size,), (stride or size,), padding, reduce)
    np.testing.assert_allclose(kind(size, stride, padding).forward(x)[0], expected, rtol=1e-12)


def test_average_counts_real_cells_only():
    x = np.ones((1, 3, 3, 1))
    y, backward = AveragePooling2D(3, 1, "same").forward(x)
    assert (y == 1).all()
    dx = backward(np.ones_like(y))
    np.testing.assert_allclose(dx.sum(), 9)
    np.testing.assert_allclose(dx[0, 0, 0, 0], 1 / 4 + 2 / 6 + 1 / 9)


def test_padding_never_wins():
    x = np.full((1, 3, 1), -5.0)
    y, backward = MaxPooling1D(2, padding="same").forward(x)
    assert y.ravel().tolist() == [-5, -5]
    assert backward(np.ones_like(y)).ravel().tolist() == [1, 0, 1]


def test_infinite_and_missing_values():
    x = np.array([-np.inf, -np.inf, 1.0, np.nan, np.inf, 2.0]).reshape(1, 6, 1)
    np.testing.assert_array_equal(MaxPooling1D(2).forward(x)[0].ravel(), [-np.inf, np.nan, np.inf])


def test_channels_first_and_a_big_batch():
    x = random(40, 3, 30, 28, dtype=np.float32)  # big enough to be pooled in two parts
    y, backward = MaxPooling2D(2, data_format="channels_first").forward(x)
    np.testing.assert_array_equal(y, x.reshape(40, 3, 15, 2, 14, 2).max((3, 5)))
    dx = backward(y)
    np.testing.assert_array_equal(dx, np.where(x == y.repeat(2, 2).repeat(2, 3), x, 0))


def test_second_names():
    assert layers.MaxPool2D is MaxPooling2D
    assert layers.AvgPool1D is AveragePooling1D
    assert layers.GlobalAvgPool2D is GlobalAveragePooling2D


def test_config():
    config = MaxPooling2D((2, 3), padding="SAME").get_config()
    assert (config["pool_size"], config["strides"], config["padding"]) == ([2, 3], [2, 3], "same")
    with pytest.raises(ConfigError, match="padding"):
        MaxPooling1D(2, padding="causal")
    with pytest.raises(ConfigError, match="pool_size"):
        AveragePooling2D((2, 2, 2))


def test_inputs_smaller_than_a_window():
    with pytest.raises(ShapeError, match=r"pool_size=\(4, 4\), received shape \(None, 3, 9, 1\)"):
        MaxPooling2D(4).initialize((None, 3, 9, 1))
    with pytest.raises(ShapeError, match="4 axes"):
        MaxPooling2D().initialize((None, 3, 9))


# Global pooling ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shape", "reduce"),
    [
        (GlobalAveragePooling1D, (5, 3), np.mean),
        (GlobalAveragePooling2D, (4, 5, 3), np.mean),
        (GlobalMaxPooling1D, (5, 3), np.max),
        (GlobalMaxPooling2D, (4, 5, 3), np.max),
    ],
)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_global_pooling(kind, shape, reduce, keepdims, data_format):
    x = random(2, *shape)
    axes = tuple(range(1, len(shape))) if data_format == "channels_last" else tuple(range(2, len(shape) + 1))
    layer = kind(data_format, keepdims)
    y = layer.forward(x)[0]
    np.testing.assert_allclose(y, reduce(x, axis=axes, keepdims=keepdims), rtol=1e-12)
    assert layer.compute_output_shape(x.shape) == y.shape


def test_equal_global_maxima_share_the_gradient():
    _, backward = GlobalMaxPooling1D().forward(np.array([[[1.0], [3.0], [3.0]]]))
    assert backward(np.array([[2.0]])).ravel().tolist() == [0, 1, 1]


def test_masked_steps_do_not_count():
    x = random(3, 4, 2)
    x[1, 2] = np.inf  # masked: must not reach the mean
    mask = np.array([[1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
    layer = GlobalAveragePooling1D()
    y, backward = layer.forward(x, True, mask)
    np.testing.assert_allclose(y[0], x[0, [0, 1, 3]].mean(0))
    np.testing.assert_allclose(y[1], x[1, :2].mean(0))
    np.testing.assert_array_equal(y[2], 0)
    dx = backward(np.ones_like(y))
    np.testing.assert_allclose(dx[:, :, 0], mask / np.maximum(mask.sum(1, keepdims=True), 1))
    assert layer.compute_mask(x, mask) is None


ADAPTIVE = [  # inputs, outputs and the gradient of sum(y (1, 2, 3, ...)), from Keras 3.15
    (AdaptiveAveragePooling1D(3), [8 / 3, 10 / 3, 16 / 3], [1 / 3, 1 / 3, 1, 2 / 3, 5 / 3, 1, 1]),
    (AdaptiveMaxPooling1D(3), [4, 5, 9], [0, 0, 1, 0, 2, 3, 0]),
    (
        AdaptiveAveragePooling2D((2, 3)),
        [13 / 3, 4, 13 / 3, 29 / 6, 35 / 6, 37 / 6],
        np.array([1, 3, 5, 3, 1, 3, 5, 3, 5, 12, 16, 9, 4, 9, 11, 6, 4, 9, 11, 6]) / 6,
    ),
    (AdaptiveMaxPooling2D((2, 3)), [9, 9, 8, 9, 9, 9], [0] * 5 + [3] + [0] * 5 + [3, 4, 0, 11] + [0] * 5),
]
CELLS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4]


@pytest.mark.parametrize(("layer", "expected", "slopes"), ADAPTIVE, ids=lambda value: type(value).__name__)
def test_adaptive_pooling_of_keras(layer, expected, slopes):
    cells = [*CELLS[:6], 2] if layer.rank == 1 else CELLS
    x = np.array(cells, float).reshape((1, 7, 1) if layer.rank == 1 else (1, 5, 4, 1))
    y, backward = layer.forward(x)
    np.testing.assert_allclose(y.ravel(), expected)
    assert y.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(backward(np.arange(1.0, 1 + y.size).reshape(y.shape)).ravel(), slopes)


def test_adaptive_pooling_to_more_outputs_than_inputs_repeats_them():
    x = random(2, 2, 3)
    np.testing.assert_array_equal(AdaptiveMaxPooling1D(4).forward(x)[0], np.repeat(x, 2, 1))
    np.testing.assert_allclose(AdaptiveAveragePooling1D(4).forward(x)[0], np.repeat(x, 2, 1))
    with pytest.raises(ConfigError, match="output_size"):
        AdaptiveMaxPooling2D(0)
