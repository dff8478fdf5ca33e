"""Convolution and pooling over three axes: the numbers of Keras, and the definition."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.layers import (
    AveragePooling3D,
    Conv3D,
    GlobalAveragePooling3D,
    GlobalMaxPooling3D,
    MaxPooling3D,
)
from tests.layers import reference
from tests.layers.test_convolution import random

X = (np.arange(24) % 7).astype(np.float64).reshape(1, 2, 3, 4, 1)


def ramp(y):
    """Gradients 1, 2, 3, ..., as the recorded ones had."""
    return np.arange(1, 1 + y.size, dtype=y.dtype).reshape(y.shape)


def test_the_convolution_of_keras():
    layer = Conv3D(1, 2, (1, 2, 1), "same").initialize((None, 2, 3, 4, 1), dtype=np.float64)
    layer.set_weights([(np.arange(8) % 3 - 1).reshape(2, 2, 2, 1, 1), [0.5]])
    y, backward = layer.forward(X, True)
    expected = "3.5 -4.5 1.5 -7.5 -.5 -.5 -.5 -3.5 -5.5 -6.5 -.5 4.5 -5.5 .5 -.5 -1.5"
    np.testing.assert_allclose(y.ravel(), np.fromstring(expected, sep=" "))
    expected = "-1 -2 -3 -4 1 1 1 1 -5 -6 -7 -8 -9 -9 -9 -9 8 -1 -2 -3 -13 -9 -9 -9"
    np.testing.assert_allclose(backward(ramp(y)).ravel(), np.fromstring(expected, sep=" "))


def test_the_pooling_of_keras():
    y, backward = MaxPooling3D((1, 2, 2), padding="same").forward(X)
    np.testing.assert_allclose(y.ravel(), [5, 6, 2, 4, 6, 5, 6, 2])
    expected = "0 0 0 0 0 1 2 0 0 3 0 4 0 5 0 0 0 0 0 6 7 0 0 8"
    np.testing.assert_allclose(backward(ramp(y)).ravel(), np.fromstring(expected, sep=" "))
    y, backward = AveragePooling3D((2, 2, 3), 1, "same").forward(X)
    np.testing.assert_allclose(y.ravel()[:6], [3.25, 19 / 6, 3, 2.625, 2.875, 37 / 12])
    np.testing.assert_allclose(backward(ramp(y)).ravel()[-4:], [30.125, 43.375, 46.75, 34.25])


@pytest.mark.parametrize(
    ("kernel", "strides", "padding", "groups"),
    [
        ((2, 3, 2), (1, 1, 1), "valid", 1),
        ((3, 1, 2), (2, 1, 3), "same", 1),
        ((1, 2, 3), (1, 1, 1), "same", 2),
    ],
)
def test_the_convolution_is_its_definition(kernel, strides, padding, groups):
    x = random(2, 4, 5, 6, 4)
    layer = Conv3D(2, kernel, strides, padding, groups=groups).initialize((None, *x.shape[1:]), dtype=x.dtype)
    expected = reference.correlate(x, layer.kernel.value, strides, (1, 1, 1), padding, groups)
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kind", "reduce"), [(MaxPooling3D, np.max), (AveragePooling3D, np.mean)])
def test_pooling_is_its_definition(kind, reduce):
    x = random(2, 4, 5, 6, 3)
    expected = reference.pool(x, (2, 3, 2), (1, 2, 2), "same", reduce)
    np.testing.assert_allclose(kind((2, 3, 2), (1, 2, 2), "same").forward(x)[0], expected, rtol=1e-12)


def test_over_all_of_it():
    x = random(2, 3, 4, 2, 5)
    np.testing.assert_allclose(GlobalAveragePooling3D().forward(x)[0], x.mean((1, 2, 3)))
    np.testing.assert_allclose(GlobalMaxPooling3D("channels_first").forward(x)[0], x.max((2, 3, 4)))
