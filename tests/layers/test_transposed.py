"""Transposed convolutions: the adjoint of a convolution, with Keras's output sizes."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.errors import ConfigError
from aseq.layers import Conv1DTranspose, Conv2D, Conv2DTranspose
from tests.layers.test_convolution import built, random


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_it_is_the_adjoint_of_a_convolution(kernel, stride, padding):
    """<conv(y), x> = <y, transposed(x)> for the convolution from the output's sizes back to the input's."""
    layer = built(Conv2DTranspose(4, kernel, stride, padding, use_bias=False), (5, 6, 3))
    x = random(2, 5, 6, 3)
    z = layer.forward(x)[0]
    assert z.shape == layer.compute_output_shape((2, 5, 6, 3))
    conv = built(Conv2D(3, kernel, stride, padding, use_bias=False), z.shape[1:])
    conv.kernel.value = layer.kernel.value
    y = random(*z.shape, seed=3)
    np.testing.assert_allclose(np.vdot(conv.forward(y)[0], x), np.vdot(y, z), rtol=1e-9)


def test_each_input_is_spread_over_its_window():
    layer = Conv1DTranspose(1, 3, strides=2).initialize((None, 3, 1))
    layer.kernel.value[:, 0, 0] = 1, 2, 3
    x = np.array([1, 10, 100], np.float32).reshape(1, 3, 1)
    assert layer.forward(x)[0].ravel().tolist() == [1, 2, 3 + 10, 20, 30 + 100, 200, 300]


# (kernel, stride, dilation, padding, output_padding) -> output for 5 inputs, as Keras 3.15 computes it
SIZES = {
    (3, 2, 1, "valid", None): 11,
    (2, 3, 1, "valid", None): 15,
    (3, 2, 1, "same", None): 10,
    (5, 1, 1, "same", None): 5,
    (3, 1, 2, "valid", None): 9,
    (3, 2, 1, "same", 0): 9,
    (3, 2, 1, "same", 1): 10,
    (3, 3, 1, "valid", 2): 17,
    (4, 2, 1, "same", 1): 9,
}


@pytest.mark.parametrize("case", SIZES)
def test_output_sizes_of_keras(case):
    kernel, stride, dilation, padding, extra = case
    layer = Conv1DTranspose(2, kernel, stride, padding, extra, dilation_rate=dilation).initialize(
        (None, 5, 1)
    )
    assert layer.output_shape == (None, SIZES[case], 2)
    assert layer.forward(np.ones((1, 5, 1), np.float32))[0].shape == (1, SIZES[case], 2)


def test_bias_and_open_size():
    layer = Conv1DTranspose(2, 2, 2, bias_initializer="ones", kernel_initializer="zeros").initialize(
        (None, None, 3)
    )
    assert layer.output_shape == (None, None, 2)
    y, backward = layer.forward(np.zeros((2, 4, 3), np.float32))
    assert (y == 1).all()
    backward(np.ones_like(y))
    assert layer.bias.grad.tolist() == [16, 16]


def test_weights_in_keras_order():
    layer = Conv2DTranspose(8, (3, 2)).initialize((None, 9, 9, 4))
    assert [(w.name, w.shape) for w in layer.weights] == [("kernel", (3, 2, 8, 4)), ("bias", (8,))]


@pytest.mark.parametrize("extra", [2, -1, (0, 0, 0), 1.5])
def test_wrong_output_padding(extra):
    with pytest.raises(ConfigError, match="output_padding"):
        Conv2DTranspose(4, 3, 2, output_padding=extra)
