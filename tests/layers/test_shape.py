"""Layers that move, repeat, pad and crop."""

from __future__ import annotations

import numpy as np
import pytest

from aseq.errors import ConfigError, ShapeError
from aseq.layers import (
    Cropping1D,
    Cropping2D,
    Permute,
    RepeatVector,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
    from_config,
)
from tests.layers.test_convolution import random


def check(layer, x, expected):
    """Values, inferred shape, and the gradient as the adjoint of a linear map: <dy, f(x)> = <f'(dy), x>."""
    y, backward = layer.forward(x)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    assert layer.compute_output_shape(x.shape) == y.shape
    dy = random(*y.shape, seed=9)
    np.testing.assert_allclose(np.vdot(backward(dy), x), np.vdot(dy, y), rtol=1e-9)
    again = from_config({"class_name": type(layer).__name__, "config": layer.get_config()})
    assert again.get_config() == layer.get_config()


def test_permute():
    x = random(2, 3, 4, 5)
    check(Permute((3, 1, 2)), x, x.transpose(0, 3, 1, 2))
    for dims in ((0, 1), (1, 3), (1, 1)):
        with pytest.raises(ConfigError, match="dims"):
            Permute(dims)
    with pytest.raises(ShapeError, match="3 axes"):
        Permute((2, 1)).initialize((None, 3, 4, 5))


def test_repeat_vector():
    x = random(2, 3)
    check(RepeatVector(4), x, np.stack([x] * 4, 1))
    with pytest.raises(ConfigError, match="n to be"):
        RepeatVector(2.5)


@pytest.mark.parametrize(
    ("padding", "pairs"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 0), (2, 3)), ((1, 0), (2, 3))),
        (0, ((0, 0), (0, 0))),
    ],
)
def test_zero_padding_2d(padding, pairs):
    x = random(2, 3, 4, 2)
    check(ZeroPadding2D(padding), x, np.pad(x, ((0, 0), *pairs, (0, 0))))
    first = x.transpose(0, 3, 1, 2)
    check(ZeroPadding2D(padding, "channels_first"), first, np.pad(first, ((0, 0), (0, 0), *pairs)))


@pytest.mark.parametrize(("padding", "pair"), [(2, (2, 2)), ((1, 3), (1, 3)), ([0, 1], (0, 1))])
def test_zero_padding_1d(padding, pair):
    x = random(2, 3, 4)
    check(ZeroPadding1D(padding), x, np.pad(x, ((0, 0), pair, (0, 0))))


def test_cropping():
    x = random(2, 6, 7, 3)
    check(Cropping2D(((1, 0), (2, 3))), x, x[:, 1:, 2:-3])
    check(Cropping2D((1, 2)), x, x[:, 1:-1, 2:-2])
    check(Cropping2D(1, "channels_first"), x, x[:, :, 1:-1, 1:-1])
    check(Cropping2D(), x, x)
    check(Cropping1D(), x[0], x[0, :, 1:-1])
    check(Cropping1D((0, 2)), x[0], x[0, :, :-2])
    with pytest.raises(
        ShapeError, match=r"cropping=\(\(3, 3\), \(3, 3\)\), received shape \(None, 6, 7, 3\)"
    ):
        Cropping2D(3).initialize((None, 6, 7, 3))


@pytest.mark.parametrize("margin", [-1, (1, 2, 3), ((1, 2, 3), (1, 1)), 1.5, "1"])
def test_wrong_margins(margin):
    for kind in (ZeroPadding2D, Cropping2D):
        with pytest.raises(ConfigError, match=r"expected (padding|cropping)"):
            kind(margin)


def test_upsampling_repeats():
    x = random(2, 3, 4, 2)
    check(UpSampling2D((2, 3)), x, x.repeat(2, 1).repeat(3, 2))
    check(UpSampling2D(2, "channels_first"), x, x.repeat(2, 2).repeat(2, 3))
    check(UpSampling1D(3), x[0], x[0].repeat(3, 1))


def test_upsampling_blends():
    x = np.array([0.0, 4.0, 0.0]).reshape(1, 3, 1, 1)
    y = UpSampling2D((2, 1), interpolation="bilinear").forward(x)[0]
    assert y.ravel().tolist() == [0, 1, 3, 3, 1, 0]
    row = np.array([0.0, 6.0]).reshape(1, 1, 2, 1)
    y = UpSampling2D((2, 3), interpolation="bilinear").forward(row)[0]
    np.testing.assert_allclose(y[0, :, :, 0], [[0, 0, 2, 4, 6, 6]] * 2)
    x = random(2, 3, 4, 2)
    planes = UpSampling2D((2, 3), interpolation="bilinear").forward(x + 5)[0]
    check(UpSampling2D((2, 3), interpolation="bilinear"), x, planes - 5)  # weights sum to 1 everywhere
    with pytest.raises(ConfigError, match="interpolation"):
        UpSampling2D(interpolation="area")
    with pytest.raises(ConfigError, match="size"):
        UpSampling2D((2, 0))


def test_masks_stop_here():
    mask = np.ones((2, 3), bool)
    for layer in (Permute((2, 1)), RepeatVector(2), ZeroPadding1D(), Cropping1D(), UpSampling1D()):
        assert layer.compute_mask(random(2, 3, 4), mask) is None


def test_open_sizes():
    assert ZeroPadding1D(1).compute_output_shape((None, None, 3)) == (None, None, 3)
    assert Cropping1D(1).compute_output_shape((None, None, 3)) == (None, None, 3)
    assert UpSampling2D(2).compute_output_shape((None, None, 4, 3)) == (None, None, 8, 3)
    assert ZeroPadding1D(2).forward(np.ones((0, 4, 3)))[0].shape == (0, 8, 3)


@pytest.mark.parametrize(
    ("interpolation", "size", "expected"),  # from Keras 3.15
    [
        ("bilinear", (1, 2), "3.0 2.5 1.5 1.75 3.25 4.0 1.0 2.0 4.0 6.0 8.0 9.0"),
        (
            "bicubic",
            (1, 2),
            "3.176471 2.554744 1.236641 1.526718 3.386861 4.264706 "
            "0.647059 1.671533 3.839695 6.160306 8.328467 9.352942",
        ),
        (
            "bicubic",
            (3, 1),
            "3.210413 0.579175 3.473968 3.0 1.0 4.0 2.400752 2.198496 5.49812 "
            "1.599248 3.801504 7.50188 1.0 5.0 9.0 0.789587 5.420825 9.526031",
        ),
        (
            "lanczos3",
            (1, 2),
            "3.375708 2.443304 1.137987 1.530304 3.32009 4.468222 "
            "0.629943 1.492857 3.430732 6.569267 8.507144 9.370058",
        ),
        (
            "lanczos5",
            (3, 1),
            "3.575314 -0.150628 2.561716 3.0 1.0 4.0 2.343117 2.313766 5.642209 "
            "1.656883 3.686234 7.357792 1.0 5.0 9.0 0.424686 6.150627 10.438284",
        ),
    ],
)
def test_interpolations_of_keras(interpolation, size, expected):
    x = np.array([3, 1, 4, 1, 5, 9], np.float32).reshape(1, 2, 3, 1)
    y = UpSampling2D(size, interpolation=interpolation).forward(x)[0]
    np.testing.assert_allclose(y.ravel(), np.array(expected.split(), np.float32), rtol=2e-6, atol=2e-6)
